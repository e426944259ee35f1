"""Recovers CLIP ViT-B/16 (Radford et al. 2021) from an 8-bit ONNX file and builds a lean graph.

The file in the registry package quantises activations per tensor over the whole batch, so that a
picture's score would depend on its neighbours, and multiplies uint8 by int8, which saturates on
processors without VNNI, so that it would depend on the machine as well. Here the weights are read
out, kept exactly (int8 and a float32 scale a column), and a new graph is built from them that
rounds each row of activations by itself, to 16 bits (`forensics.clip_products`).
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file

from forensics.clip_graph import build_graph
from forensics.clip_products import Tensors, in_planes


def recover(source: Path, folder: Path) -> list[Path]:
    """Write `clip_vit_b16.safetensors` and `clip_vit_b16.onnx` into `folder`; return both paths.

    Args:
        source: the quantised ONNX file, its SHA-256 already verified.
        folder: where to write; it must exist.
    """
    tensors = read_quantised(onnx.load(source))
    weights, graph = folder / "clip_vit_b16.safetensors", folder / "clip_vit_b16.onnx"
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, weights)
    model = build_graph(tensors, in_planes)
    graph.write_bytes(model.SerializeToString(deterministic=True))
    return [weights, graph]


def read_quantised(model: onnx.ModelProto) -> Tensors:
    """Read all weights: int8 matrices `NAME.weight`, their `NAME.scale`, and float32 vectors."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    tensors: Tensors = {
        name.removeprefix("vision_model."): numpy_helper.to_array(tensor)
        for name, tensor in stored.items()
        if name.startswith("vision_model.")
    }
    for node in model.graph.node:
        if node.op_type != "MatMulInteger":
            continue
        stem = node.input[1].removesuffix("_quantized")
        name = _plain_name(node.name)
        zero = numpy_helper.to_array(stored[f"{stem}_zero_point"])
        if zero.any():
            raise ValueError(f"{name}: expected symmetric weights, got zero points up to {zero}")
        tensors[f"{name}.weight"] = numpy_helper.to_array(stored[f"{stem}_quantized"])
        tensors[f"{name}.scale"] = numpy_helper.to_array(stored[f"{stem}_scale"])
    return tensors


def _plain_name(node: str) -> str:
    path = node.strip("/").removesuffix("/MatMul_quant").removesuffix("/MatMul")
    return path.removeprefix("vision_model/").replace("/", ".")
