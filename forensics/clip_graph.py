"""Builds CLIP ViT-B/16 (Radford et al. 2021) as ONNX graphs, from its recovered 8-bit weights.

A graph ends behind the last block that anybody looks at, and does in it only what is looked at.
How a matrix product is written down is a choice of `forensics.clip_products`.
"""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper

from forensics.clip_products import RUNTIME, Graph, Product, Tensors, exactness, in_floats

PATCH_BLOCKS = (5, 6, 7)
"""The patch tokens of these blocks (counted from 1) are the features: early enough to see texture,
late enough to tell one texture from another."""
WHOLE_BLOCK = 9
"""Its class token is read as well: what the patches have in common, told from what is shown."""
CONTENT_BLOCK = 11
"""Its class token says what a picture shows; it serves as a baseline only."""
BLOCKS, WIDTH, HEADS, PATCH, GRID = 12, 768, 12, 16, 14

Shape = list[str | int]
"""Of an output; letters stand for lengths that vary."""


def build_graph(weights: Tensors, product: Product) -> onnx.ModelProto:
    """Build "crops" (N, 3, 16 h, 16 w) -> "patches" (N, h * w, 3 * 768), "whole" (N, 1, 768).

    Sides may be up to 224 px; a smaller crop sits in the middle of the grid of positions. A third
    output, "exact", says whether the machine can be trusted with `in_planes`.
    """
    graph = Graph(weights, product)
    stream = _embed(graph)
    kept = []
    for block in range(WHOLE_BLOCK - 1):
        stream = _block(graph, block, stream)
        if block + 1 in PATCH_BLOCKS:
            kept.append(_slice(graph, stream, 1, np.iinfo(np.int64).max))
    graph.nodes.append(helper.make_node("Concat", kept, ["patches"], axis=2))
    first = _block(graph, WHOLE_BLOCK - 1, stream, first_only=True)
    graph.nodes.append(helper.make_node("Identity", [first], ["whole"]))
    exactness(graph, "exact")
    patches: Shape = ["N", "P", len(kept) * WIDTH]
    return _model(graph, {"patches": patches, "whole": ["N", 1, WIDTH]}, ["exact"])


def build_content_graph(weights: Tensors) -> onnx.ModelProto:
    """Build "crops" (N, 3, 16 h, 16 w) -> "content" (N, 1, 768): block 11's class token."""
    graph = Graph(weights, in_floats)
    stream = _embed(graph)
    for block in range(CONTENT_BLOCK):
        last = block + 1 == CONTENT_BLOCK
        stream = _block(graph, block, stream, first_only=last)
    graph.nodes.append(helper.make_node("Identity", [stream], ["content"]))
    return _model(graph, {"content": ["N", 1, WIDTH]})


def build_class_graph(weights: Tensors) -> onnx.ModelProto:
    """Build "crops" (N, 3, 16 h, 16 w) -> "classes" (N, 12, 768): each block's class token."""
    graph = Graph(weights, in_floats)
    stream = _embed(graph)
    kept = []
    for block in range(BLOCKS):
        stream = _block(graph, block, stream)
        kept.append(_slice(graph, stream, 0, 1))
    graph.nodes.append(helper.make_node("Concat", kept, ["classes"], axis=1))
    return _model(graph, {"classes": ["N", BLOCKS, WIDTH]})


def _model(graph: Graph, outputs: dict[str, Shape], whole: Sequence[str] = ()) -> onnx.ModelProto:
    """`outputs` are float32, by name; `whole` are names of (1, 1) int32."""
    crops = helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["N", 3, "H", "W"])
    made = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in outputs.items()
    ]
    made += [helper.make_tensor_value_info(name, TensorProto.INT32, [1, 1]) for name in whole]
    constants = list(graph.constants.values())
    body = helper.make_graph(graph.nodes, "clip_vit_b16", [crops], made, constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(RUNTIME, 1)]
    return helper.make_model(body, opset_imports=opsets, ir_version=8, producer_name="forensics")


def _slice(graph: Graph, stream: str, start: int, stop: int) -> str:
    """Tokens `start` to `stop` of (N, T, C)."""
    ends = [graph.constant(f"at_{end}", np.asarray([end], np.int64)) for end in (start, stop)]
    return graph.add("Slice", [stream, *ends, graph.constant("tokens", np.asarray([1], np.int64))])


def _embed(graph: Graph) -> str:
    kernel = graph.constant("kernel", graph.weights["embeddings.patch_embedding.weight"])
    patches = graph.add("Conv", ["crops", kernel], strides=[PATCH, PATCH])
    rows = graph.add("Reshape", [patches, graph.shape(0, WIDTH, -1)])
    rows = graph.add("Transpose", [rows], perm=[0, 2, 1])
    # A zero column per picture carries the class token: Concat cannot broadcast over the batch.
    pads = graph.constant("pads", np.asarray([0, 1, 0, 0, 0, 0], np.int64))
    rows = graph.add("Pad", [rows, pads])
    position = _middle_positions(graph, graph.add("Shape", [patches], start=2, end=4))
    return _norm(graph, "pre_layrnorm", graph.add("Add", [rows, position]))


def _middle_positions(graph: Graph, cells: str) -> str:
    """The class token's position, then those of the middle cells of the grid, row by row.

    cells: name of the (2,) numbers of rows and columns.
    """
    stored = graph.weights["embeddings.position_embedding.weight"]
    grid = graph.constant("grid", stored[1:].reshape(GRID, GRID, WIDTH))
    lacking = graph.add("Sub", [graph.constant("most", np.full(2, GRID, np.int64)), cells])
    start = graph.add("Div", [lacking, graph.constant("two", np.full(2, 2, np.int64))])
    axes = graph.constant("axes", np.asarray([0, 1], np.int64))
    middle = graph.add("Slice", [grid, start, graph.add("Add", [start, cells]), axes])
    rows = graph.add("Reshape", [middle, graph.shape(-1, WIDTH)])
    first = stored[:1] + graph.weights["embeddings.class_embedding"]
    return graph.add("Concat", [graph.constant("first", first), rows], axis=0)


def _norm(graph: Graph, name: str, rows: str) -> str:
    scale = graph.constant(f"{name}.weight", graph.weights[f"{name}.weight"])
    shift = graph.constant(f"{name}.bias", graph.weights[f"{name}.bias"])
    return graph.add("LayerNormalization", [rows, scale, shift], axis=-1, epsilon=1e-5)


def _block(graph: Graph, number: int, stream: str, *, first_only: bool = False) -> str:
    """Tokens after a block, counted from 0; of the class token alone where nobody reads others."""
    name = f"encoder.layers.{number}"
    rows = _norm(graph, f"{name}.layer_norm1", stream)
    asking = rows
    if first_only:
        stream, asking = (_slice(graph, tokens, 0, 1) for tokens in (stream, rows))
    attended = _attention(graph, f"{name}.self_attn", asking, rows)
    stream = graph.add("Add", [stream, attended])
    rows = _norm(graph, f"{name}.layer_norm2", stream)
    hidden = graph.product(f"{name}.mlp.fc1", rows)
    # CLIP's "quick" GELU: x * sigmoid(1.702 x).
    gate = graph.add("Sigmoid", [graph.add("Mul", [hidden, graph.number(1.702)])])
    hidden = graph.add("Mul", [hidden, gate])
    return graph.add("Add", [stream, graph.product(f"{name}.mlp.fc2", hidden)])


def _attention(graph: Graph, name: str, asking: str, rows: str) -> str:
    split = graph.shape(0, 0, HEADS, WIDTH // HEADS)
    heads = {}
    for part, tokens, order in (
        ("q_proj", asking, [0, 2, 1, 3]),
        ("k_proj", rows, [0, 2, 3, 1]),
        ("v_proj", rows, [0, 2, 1, 3]),
    ):
        values = graph.product(f"{name}.{part}", tokens)
        heads[part] = graph.add("Transpose", [graph.add("Reshape", [values, split])], perm=order)
    query = graph.add("Mul", [heads["q_proj"], graph.number((WIDTH // HEADS) ** -0.5)])
    share = graph.add("Softmax", [graph.add("MatMul", [query, heads["k_proj"]])], axis=-1)
    mixed = graph.add("MatMul", [share, heads["v_proj"]])
    mixed = graph.add("Transpose", [mixed], perm=[0, 2, 1, 3])
    mixed = graph.add("Reshape", [mixed, graph.shape(0, 0, WIDTH)])
    return graph.product(f"{name}.out_proj", mixed)
