"""Brings the 68-landmark network of the npm package `@vladmandic/face-api` into our formats.

The package keeps each tensor as bytes with a scale and a least value, one behind the other, and a
JSON manifest that names them. Here they become a float16 safetensors file under the names of
`forensics.faces.landmark_network`, and an ONNX file with the same numbers.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forensics.errors import WeightsCorrupt
from forensics.schema import Floats

Halves = NDArray[np.float16]
NAME = "face_landmarks_68"
# From the package's names to those of our modules.
_PARTS = {
    "filters": "weight",
    "depthwise_filter": "depthwise.weight",
    "pointwise_filter": "pointwise.weight",
    "bias": "pointwise.bias",
}


def read_tensors(manifest: Path, binary: Path) -> dict[str, Floats]:
    """Read the package's tensors, named and shaped as PyTorch has them, float32.

    Args:
        manifest: `face_landmark_68_model-weights_manifest.json`.
        binary: `face_landmark_68_model.bin`.

    Raises:
        WeightsCorrupt: the two do not fit each other, or are of another network.
    """
    try:
        data = np.frombuffer(binary.read_bytes(), np.uint8)
        rows = json.loads(manifest.read_text(encoding="utf-8"))[0]["weights"]
        return dict(_tensors(rows, data))
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise WeightsCorrupt(f"{binary.name} is not what {manifest.name} describes") from error


def recover(manifest: Path, binary: Path, folder: Path) -> list[Path]:
    """Write `face_landmarks_68.safetensors` and `.onnx` into `folder`; return their paths.

    Needs torch, which exports the graph. Raises what `read_tensors` raises.
    """
    from safetensors.numpy import save_file

    halves = {
        name: np.ascontiguousarray(tensor, np.float16)
        for name, tensor in read_tensors(manifest, binary).items()
    }
    paths = [folder / f"{NAME}.safetensors", folder / f"{NAME}.onnx"]
    save_file(halves, paths[0])
    paths[1].write_bytes(exported(halves))
    return paths


def exported(halves: dict[str, Halves]) -> bytes:
    """Export the network with its input scaling inside, weights as float16.

    The graph takes "crops" (N, 112, 112, 3) uint8 RGB and gives "points" (N, 68, 2) float32 x y in
    sides of the crop. It calculates in float32; onnxruntime widens the weights when it opens it.
    """
    import onnx
    import torch

    from forensics.faces.landmark_network import SIDE, built_network

    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            built_network(halves),
            (torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8),),
            path,
            input_names=["crops"],
            output_names=["points"],
            dynamic_axes={"crops": {0: "count"}, "points": {0: "count"}},
            dynamo=False,
        )
        model = onnx.load(path)
    with_half_weights(model.graph)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def with_half_weights(graph: Any) -> None:
    """Store every float32 constant of an ONNX graph as float16 behind a cast, in place."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        name = tensor.name
        half = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _tensors(rows: list[dict[str, Any]], data: NDArray[np.uint8]) -> Iterator[tuple[str, Floats]]:
    start = 0
    for row in rows:
        shape, scaling = row["shape"], row["quantization"]
        end = start + int(np.prod(shape))
        levels = data[start:end].reshape(shape).astype(np.float32)
        start = end
        values = levels * np.float32(scaling["scale"]) + np.float32(scaling["min"])
        yield _named(row["name"], values)
    if start != len(data):
        raise ValueError(f"{len(data) - start} bytes are left over")


def _named(name: str, values: Floats) -> tuple[str, Floats]:
    block, *layer, part = name.split("/")
    if block == "fc":
        return f"head.{'weight' if part == 'weights' else 'bias'}", values.T
    number, place = int(block.removeprefix("dense")), int(layer[0].removeprefix("conv"))
    # The very first convolution is plain, all others are depthwise and pointwise.
    ours = part.replace("filters", "weight") if number == place == 0 else _PARTS[part]
    if values.ndim > 1:
        # (rows, columns, inputs, outputs) -> (outputs, inputs, rows, columns); a depthwise filter
        # has its channels where the inputs stand.
        order = (2, 3, 0, 1) if part == "depthwise_filter" else (3, 2, 0, 1)
        values = values.transpose(order)
    return f"blocks.{number}.{place}.{ours}", values
