"""Writes a trained network: safetensors and ONNX, both with kernels in half precision."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def export(network: "torch.nn.Module", path: Path, side: int) -> None:
    """Write the network as safetensors and as ONNX with free batch, height and width.

    Kernels are rounded to half precision first, and both files store them so: they hold the same
    numbers. onnxruntime widens them, and folds the normalisation into them, when it loads.

    Args:
        network: takes (N, 3, H, W) float32.
        path: the two files without their suffixes.
        side: of a crop that the network can take, in px.
    """
    import torch
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    network = network.eval().cpu().to(memory_format=torch.contiguous_format)
    tensors = {name: _rounded(tensor) for name, tensor in network.state_dict().items()}
    save_file(tensors, path.with_suffix(".safetensors"))
    network.load_state_dict(tensors)
    axes = {0: "N", 2: "H", 3: "W"}
    torch.onnx.export(
        network,
        (torch.zeros(1, 3, side, side),),
        path.with_suffix(".onnx"),
        input_names=["crops"],
        output_names=["logits"],
        dynamic_axes={"crops": axes, "logits": {0: "N"}},
        opset_version=17,
        dynamo=False,
        # Normalisation folded here would leave kernels that half precision cannot hold.
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
    )
    store_halves(path.with_suffix(".onnx"))


def store_halves(path: Path) -> None:
    """Store the kernels of an ONNX file, all of them numbers of half precision, as such."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(path)
    kernels = [each for each in model.graph.initializer if len(each.dims) > 1]
    for kernel in kernels:
        name, wide = kernel.name, numpy_helper.to_array(kernel)
        narrow = numpy_helper.from_array(wide.astype(np.float16), f"{name}.half")
        model.graph.initializer.remove(kernel)
        model.graph.initializer.append(narrow)
        cast = helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT)
        model.graph.node.insert(0, cast)
    onnx.save(model, path)


def _rounded(tensor: "torch.Tensor") -> "torch.Tensor":
    """Half precision for kernels; statistics of the normalisation keep their range."""
    import torch

    tensor = tensor.contiguous().clone()
    return tensor.to(torch.float16) if tensor.ndim > 1 else tensor
