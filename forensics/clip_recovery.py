"""Recovers CLIP ViT-B/16 (Radford et al. 2021) from an 8-bit ONNX file and rebuilds a lean graph.

The file in the registry package quantises activations per tensor over the whole batch, so that a
picture's score would depend on its neighbours, and multiplies uint8 by int8, which saturates on
processors without VNNI, so that it would depend on the machine as well. Here the weights are read
out, kept exactly (int8 and a float32 scale a column), and a new graph is built from them with
float32 activations, cut off behind the last block that anybody looks at.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

PATCH_BLOCKS = (5, 6, 7)
"""The patch tokens of these blocks (counted from 1) are the features: early enough to see texture,
late enough to tell one texture from another."""
WHOLE_BLOCK = 9
"""Its class token is read as well: what the patches have in common, told from what is shown."""
CONTENT_BLOCK = 11
"""Its class token says what a picture shows; it serves as a baseline only."""
BLOCKS, WIDTH, HEADS, PATCH, GRID = 12, 768, 12, 16, 14
PRODUCTS = {
    "q_proj": "self_attn/q_proj",
    "k_proj": "self_attn/k_proj",
    "v_proj": "self_attn/v_proj",
    "out_proj": "self_attn/out_proj",
    "fc1": "mlp/fc1",
    "fc2": "mlp/fc2",
}

Tensors = dict[str, NDArray[Any]]
Shape = list[str | int]
"""Of an output; letters stand for lengths that vary."""


def recover(source: Path, folder: Path) -> list[Path]:
    """Write `clip_vit_b16.safetensors` and `clip_vit_b16.onnx` into `folder`; return both paths.

    Args:
        source: the quantised ONNX file, its SHA-256 already verified.
        folder: where to write; it must exist.
    """
    tensors = read_quantised(onnx.load(source))
    weights, graph = folder / "clip_vit_b16.safetensors", folder / "clip_vit_b16.onnx"
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, weights)
    model = build_graph(tensors)
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


class _Graph:
    """Collects nodes and initialisers of an ONNX graph; every call returns its output's name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def shape(self, *sizes: int) -> str:
        return self.constant("shape_" + "_".join(map(str, sizes)), np.asarray(sizes, np.int64))

    def add(self, operator: str, inputs: Iterable[str], **attributes: Any) -> str:
        output = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output


def build_graph(weights: Tensors) -> onnx.ModelProto:
    """Build "crops" (N, 3, 16 h, 16 w) -> "patches" (N, h * w, 3 * 768), "whole" (N, 1, 768).

    Sides may be up to 224 px; a smaller crop sits in the middle of the grid of positions. Matrices
    stay int8 in the file, with their scales beside; a runtime folds the two into float32 once, when
    it loads the graph.
    """
    graph = _Graph()
    stream = _embed(graph, weights)
    kept = []
    for block in range(WHOLE_BLOCK):
        stream = _block(graph, weights, f"encoder.layers.{block}", stream)
        if block + 1 in PATCH_BLOCKS:
            kept.append(_slice(graph, stream, 1, np.iinfo(np.int64).max))
    graph.nodes.append(helper.make_node("Concat", kept, ["patches"], axis=2))
    first = _slice(graph, stream, 0, 1)
    graph.nodes.append(helper.make_node("Identity", [first], ["whole"]))
    patches: Shape = ["N", "P", len(kept) * WIDTH]
    return _model(graph, {"patches": patches, "whole": ["N", 1, WIDTH]})


def build_content_graph(weights: Tensors) -> onnx.ModelProto:
    """Build "crops" (N, 3, 16 h, 16 w) -> "content" (N, 1, 768): block 11's class token."""
    graph = _Graph()
    stream = _embed(graph, weights)
    for block in range(CONTENT_BLOCK):
        stream = _block(graph, weights, f"encoder.layers.{block}", stream)
    first = _slice(graph, stream, 0, 1)
    graph.nodes.append(helper.make_node("Identity", [first], ["content"]))
    return _model(graph, {"content": ["N", 1, WIDTH]})


def build_class_graph(weights: Tensors) -> onnx.ModelProto:
    """Build "crops" (N, 3, 16 h, 16 w) -> "classes" (N, 12, 768): each block's class token."""
    graph = _Graph()
    stream = _embed(graph, weights)
    kept = []
    for block in range(BLOCKS):
        stream = _block(graph, weights, f"encoder.layers.{block}", stream)
        kept.append(_slice(graph, stream, 0, 1))
    graph.nodes.append(helper.make_node("Concat", kept, ["classes"], axis=1))
    return _model(graph, {"classes": ["N", BLOCKS, WIDTH]})


def _model(graph: _Graph, outputs: dict[str, Shape]) -> onnx.ModelProto:
    crops = helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["N", 3, "H", "W"])
    made = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in outputs.items()
    ]
    constants = list(graph.constants.values())
    body = helper.make_graph(graph.nodes, "clip_vit_b16", [crops], made, constants)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(body, opset_imports=opset, ir_version=8, producer_name="forensics")


def _slice(graph: _Graph, stream: str, start: int, stop: int) -> str:
    """Tokens `start` to `stop` of (N, T, C)."""
    ends = [graph.constant(f"at_{end}", np.asarray([end], np.int64)) for end in (start, stop)]
    return graph.add("Slice", [stream, *ends, graph.constant("tokens", np.asarray([1], np.int64))])


def _embed(graph: _Graph, weights: Tensors) -> str:
    kernel = graph.constant("kernel", weights["embeddings.patch_embedding.weight"])
    patches = graph.add("Conv", ["crops", kernel], strides=[PATCH, PATCH])
    rows = graph.add("Reshape", [patches, graph.shape(0, WIDTH, -1)])
    rows = graph.add("Transpose", [rows], perm=[0, 2, 1])
    # A zero column per picture carries the class token: Concat cannot broadcast over the batch.
    pads = graph.constant("pads", np.asarray([0, 1, 0, 0, 0, 0], np.int64))
    rows = graph.add("Pad", [rows, pads])
    position = _middle_positions(graph, weights, graph.add("Shape", [patches], start=2, end=4))
    return _norm(graph, weights, "pre_layrnorm", graph.add("Add", [rows, position]))


def _middle_positions(graph: _Graph, weights: Tensors, cells: str) -> str:
    """The class token's position, then those of the middle cells of the grid, row by row.

    cells: name of the (2,) numbers of rows and columns.
    """
    stored = weights["embeddings.position_embedding.weight"]
    grid = graph.constant("grid", stored[1:].reshape(GRID, GRID, WIDTH))
    lacking = graph.add("Sub", [graph.constant("most", np.full(2, GRID, np.int64)), cells])
    start = graph.add("Div", [lacking, graph.constant("two", np.full(2, 2, np.int64))])
    axes = graph.constant("axes", np.asarray([0, 1], np.int64))
    middle = graph.add("Slice", [grid, start, graph.add("Add", [start, cells]), axes])
    rows = graph.add("Reshape", [middle, graph.shape(-1, WIDTH)])
    first = stored[:1] + weights["embeddings.class_embedding"]
    return graph.add("Concat", [graph.constant("first", first), rows], axis=0)


def _norm(graph: _Graph, weights: Tensors, name: str, rows: str) -> str:
    scale = graph.constant(f"{name}.weight", weights[f"{name}.weight"])
    shift = graph.constant(f"{name}.bias", weights[f"{name}.bias"])
    return graph.add("LayerNormalization", [rows, scale, shift], axis=-1, epsilon=1e-5)


def _linear(graph: _Graph, weights: Tensors, name: str, rows: str) -> str:
    whole = graph.constant(f"{name}.w", weights[f"{name}.weight"])
    scale = graph.constant(f"{name}.s", weights[f"{name}.scale"].astype(np.float32))
    matrix = graph.add("Mul", [graph.add("Cast", [whole], to=TensorProto.FLOAT), scale])
    product = graph.add("MatMul", [rows, matrix])
    return graph.add("Add", [product, graph.constant(f"{name}.b", weights[f"{name}.bias"])])


def _block(graph: _Graph, weights: Tensors, name: str, stream: str) -> str:
    rows = _norm(graph, weights, f"{name}.layer_norm1", stream)
    attended = _attention(graph, weights, f"{name}.self_attn", rows)
    stream = graph.add("Add", [stream, attended])
    rows = _norm(graph, weights, f"{name}.layer_norm2", stream)
    hidden = _linear(graph, weights, f"{name}.mlp.fc1", rows)
    # CLIP's "quick" GELU: x * sigmoid(1.702 x).
    slope = graph.constant("slope", np.asarray(1.702, np.float32))
    gate = graph.add("Sigmoid", [graph.add("Mul", [hidden, slope])])
    hidden = graph.add("Mul", [hidden, gate])
    return graph.add("Add", [stream, _linear(graph, weights, f"{name}.mlp.fc2", hidden)])


def _attention(graph: _Graph, weights: Tensors, name: str, rows: str) -> str:
    split = graph.shape(0, 0, HEADS, WIDTH // HEADS)
    heads = {}
    for part, order in (
        ("q_proj", [0, 2, 1, 3]),
        ("k_proj", [0, 2, 3, 1]),
        ("v_proj", [0, 2, 1, 3]),
    ):
        values = _linear(graph, weights, f"{name}.{part}", rows)
        heads[part] = graph.add("Transpose", [graph.add("Reshape", [values, split])], perm=order)
    root = graph.constant("root", np.asarray((WIDTH // HEADS) ** -0.5, np.float32))
    query = graph.add("Mul", [heads["q_proj"], root])
    share = graph.add("Softmax", [graph.add("MatMul", [query, heads["k_proj"]])], axis=-1)
    mixed = graph.add("MatMul", [share, heads["v_proj"]])
    mixed = graph.add("Transpose", [mixed], perm=[0, 2, 1, 3])
    mixed = graph.add("Reshape", [mixed, graph.shape(0, 0, WIDTH)])
    return _linear(graph, weights, f"{name}.out_proj", mixed)
