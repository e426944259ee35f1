"""ONNX networks of a few numbers, in the shapes that users' own networks have."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str]


def darkening_pair(folder: Path, side: int = 64) -> str:
    """A trained pair's stand-in: gives each chip back at half its brightness."""
    nodes = [
        helper.make_node("Cast", ["chips"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["numbers", "half"], ["halves"]),
        helper.make_node("Cast", ["halves"], ["faces"], to=TensorProto.UINT8),
    ]
    shape: Shape = ["count", side, side, 3]
    return written(
        folder / "pair.onnx",
        nodes,
        {"chips": (TensorProto.UINT8, shape)},
        {"faces": (TensorProto.UINT8, shape)},
        {"half": np.asarray(0.5, np.float32)},
    )


def shifting_swapper(folder: Path) -> str:
    """Of inswapper's shape: shifts the crop's colours by three numbers read off the identity."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("MatMul", ["source", "colours"], ["shift"]),
        helper.make_node("Reshape", ["shift", "as_map"], ["shift_map"]),
        helper.make_node("Add", ["target", "shift_map"], ["output"]),
    ]
    picture: Shape = [1, 3, 128, 128]
    return written(
        folder / "swapper.onnx",
        nodes,
        {"target": (TensorProto.FLOAT, picture), "source": (TensorProto.FLOAT, [1, 512])},
        {"output": (TensorProto.FLOAT, picture)},
        {
            "colours": rng.normal(size=(512, 3)).astype(np.float32),
            "as_map": np.asarray([1, 3, 1, 1], np.int64),
            "emap": np.eye(512, dtype=np.float32),
        },
    )


def identity_network(folder: Path) -> str:
    """Of ArcFace's shape: 512 numbers that follow a crop's mean colour."""
    rng = np.random.default_rng(1)
    nodes = [
        helper.make_node("ReduceMean", ["input.1"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["mean", "directions"], ["identity"]),
    ]
    return written(
        folder / "identity.onnx",
        nodes,
        {"input.1": (TensorProto.FLOAT, ["count", 3, 112, 112])},
        {"identity": (TensorProto.FLOAT, ["count", 512])},
        {"directions": rng.normal(size=(3, 512)).astype(np.float32)},
    )


def written(
    path: Path,
    nodes: list[Any],
    inputs: dict[str, tuple[int, Shape]],
    outputs: dict[str, tuple[int, Shape]],
    constants: dict[str, NDArray[Any]],
) -> str:
    """Write a network; inputs and outputs by name, with element type and shape."""
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info(name, *of) for name, of in inputs.items()],
        [helper.make_tensor_value_info(name, *of) for name, of in outputs.items()],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return str(path)
