"""Reads dlib's face recognition network (King 2017, ResNet-128), rebuilds it as a lean ONNX graph.

dlib writes a network as a stream of layers in its own format. Only the convolutions, the affine
layers that its batch normalisation became, and the last matrix hold numbers; everything else is
fixed and stated here. Each affine layer is folded into the convolution before it. Weights are kept
as int8 with a float32 scale an output channel, which onnxruntime undoes when it opens the file.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from forensics.schema import Floats

SIDE = 150
"""Side of a chip in px."""
MEAN = np.asarray([122.782, 117.001, 104.298], np.float32)
"""Mean of red, green and blue in dlib's training pictures, of 0 to 255."""
SPREAD = np.asarray([256], np.float32)
STEM = (32, 3, 7)
"""Output channels, input channels and kernel side of the first convolution."""
BLOCKS = (
    *((32, 32, 1),) * 3,
    *((32, 64, 2), (64, 64, 1), (64, 64, 1), (64, 64, 1)),
    *((64, 128, 2), (128, 128, 1), (128, 128, 1)),
    *((128, 256, 2), (256, 256, 1), (256, 256, 1), (256, 256, 2)),
)
"""Input channels, output channels and stride of each residual block of two 3 x 3 convolutions."""
DIMENSIONS = 128
_WIDEST = BLOCKS[-1][1]
_LEVELS = 127


class Layer(NamedTuple):
    """One layer, its affine layer folded in.

    `weight`: (outputs, inputs, side, side) of a convolution, (outputs, inputs) of the last matrix;
    `bias`: (outputs,), zero in the last one. Both float32.
    """

    weight: Floats
    bias: Floats


def read_layers(data: bytes) -> list[Layer]:
    """Read the 29 convolutions and the last matrix, from the input upwards.

    Args:
        data: the bytes of `dlib_face_recognition_resnet_model_v1.dat`.

    Raises:
        ValueError: a layer is missing or has not the size of this network.
    """
    position, layers = 0, []
    for shape in _shapes():
        kernel, position = _parameters(data, position, b"\x01\x05con_4")
        affine, position = _parameters(data, position, b"\x01\x07affine_")
        count = shape[0]
        if kernel.size != np.prod(shape) + count or affine.size != 2 * count:
            raise ValueError(f"a convolution of {shape} expected, got {kernel.size} numbers")
        weight, bias = kernel[:-count].reshape(shape), kernel[-count:]
        gain, shift = affine[:count], affine[count:]
        layers.append(Layer(weight * gain[:, None, None, None], bias * gain + shift))
    matrix, _ = _parameters(data, position, b"\x01\x04fc_2", skipped=2)
    matrix = matrix.reshape(_WIDEST, DIMENSIONS).T
    return [*layers, Layer(matrix, np.zeros(DIMENSIONS, np.float32))]


def _shapes() -> Iterator[tuple[int, int, int, int]]:
    yield (STEM[0], STEM[1], STEM[2], STEM[2])
    for inputs, outputs, _ in BLOCKS:
        yield (outputs, inputs, 3, 3)
        yield (outputs, outputs, 3, 3)


def _parameters(data: bytes, position: int, name: bytes, *, skipped: int = 0) -> tuple[Floats, int]:
    """The tensor behind the next layer called `name`, flat, and where it ends.

    `skipped` integers stand between the name and the tensor.
    """
    start = data.find(name, position)
    if start < 0:
        raise ValueError(f"this is not dlib's network: no further layer {name!r}")
    position = start + len(name)
    integers = []
    # A tensor is a version, then samples, channels, rows and columns, then float32.
    for _ in range(skipped + 5):
        # dlib's integers: how many bytes follow, then these, the lowest first.
        count = data[position] & 15
        integers.append(int.from_bytes(data[position + 1 : position + 1 + count], "little"))
        position += 1 + count
    end = position + 4 * int(np.prod(integers[-4:]))
    return np.frombuffer(data[position:end], "<f4"), end


def quantised(weight: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Round a weight to int8 with one scale an output channel.

    Returns:
        The int8 weight and its scale, broadcastable to it: weight is about their product.
    """
    axes = tuple(range(1, weight.ndim))
    scale = np.abs(weight).max(axis=axes, keepdims=True) / _LEVELS
    return np.round(weight / scale).astype(np.int8), scale.astype(np.float32)


def recover(source: Path, folder: Path) -> list[Path]:
    """Write `dlib_resnet.onnx` into `folder`; return its path in a list.

    Args:
        source: dlib's file.
        folder: where to write; it must exist.
    """
    path = folder / "dlib_resnet.onnx"
    model = build_graph(read_layers(source.read_bytes()))
    path.write_bytes(model.SerializeToString(deterministic=True))
    return [path]


def read_graph(model: onnx.ModelProto) -> list[Layer]:
    """Read the layers back out of a graph of `build_graph`, as they are after rounding."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return [
        Layer(stored[f"weight_{i}"] * stored[f"scale_{i}"], stored[f"bias_{i}"])
        for i in range(2 * len(BLOCKS) + 2)
    ]


class _Graph:
    """Collects nodes and constants of an ONNX graph; every call returns its output's name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        if all(tensor.name != name for tensor in self.constants):
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, operator: str, inputs: Iterable[str], **attributes: Any) -> str:
        output = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def weight(self, index: int, layer: Layer) -> str:
        weight, scale = quantised(layer.weight)
        names = (
            self.constant(f"weight_{index}", weight),
            self.constant(f"scale_{index}", scale),
        )
        return self.add("Mul", [self.add("Cast", [names[0]], to=TensorProto.FLOAT), names[1]])

    def convolution(self, index: int, layer: Layer, values: str, stride: int) -> str:
        # dlib pads only where the stride is 1.
        padding = layer.weight.shape[-1] // 2 if stride == 1 else 0
        inputs = [values, self.weight(index, layer), self.constant(f"bias_{index}", layer.bias)]
        return self.add("Conv", inputs, strides=[stride] * 2, pads=[padding] * 4)


def build_graph(layers: list[Layer]) -> onnx.ModelProto:
    """Build the network: "chips" (N, 150, 150, 3) uint8 RGB -> "embeddings" (N, 128) float32."""
    graph = _Graph()
    pixels = graph.add("Cast", ["chips"], to=TensorProto.FLOAT)
    centred = graph.add("Sub", [pixels, graph.constant("mean", MEAN)])
    scaled = graph.add("Div", [centred, graph.constant("spread", SPREAD)])
    values = graph.add("Transpose", [scaled], perm=[0, 3, 1, 2])
    values = graph.add("Relu", [graph.convolution(0, layers[0], values, 2)])
    values = graph.add("MaxPool", [values], kernel_shape=[3, 3], strides=[2, 2])
    side = _after(_after(SIDE, STEM[2]), 3)
    for number, (inputs, outputs, stride) in enumerate(BLOCKS):
        first, second = layers[2 * number + 1 : 2 * number + 3]
        inner = graph.add("Relu", [graph.convolution(2 * number + 1, first, values, stride)])
        inner = graph.convolution(2 * number + 2, second, inner, 1)
        if stride != 1:
            values, inner, side = _shortcut(graph, values, inner, (side, outputs - inputs))
        values = graph.add("Relu", [graph.add("Add", [inner, values])])
    pooled = graph.add("ReduceMean", [values], axes=[2, 3], keepdims=0)
    last = len(layers) - 1
    matrix, bias = graph.weight(last, layers[-1]), graph.constant(f"bias_{last}", layers[-1].bias)
    graph.nodes.append(helper.make_node("Gemm", [pooled, matrix, bias], ["embeddings"], transB=1))
    return _model(graph)


def _shortcut(
    graph: _Graph, values: str, inner: str, sizes: tuple[int, int]
) -> tuple[str, str, int]:
    """Halve the shortcut, and fill whichever is smaller with zeros at its end, as dlib adds."""
    side, channels = sizes
    pooled, convolved = side // 2, _after(side, 3)
    values = graph.add("AveragePool", [values], kernel_shape=[2, 2], strides=[2, 2])
    largest = max(pooled, convolved)
    values = _padded(graph, values, (channels, largest - pooled))
    return values, _padded(graph, inner, (0, largest - convolved)), largest


def _padded(graph: _Graph, values: str, missing: tuple[int, int]) -> str:
    channels, side = missing
    if not any(missing):
        return values
    ends = np.asarray([0, 0, 0, 0, 0, channels, side, side], np.int64)
    return graph.add("Pad", [values, graph.constant(f"pad_{channels}_{side}", ends)])


def _after(side: int, kernel: int) -> int:
    return (side - kernel) // 2 + 1


def _model(graph: _Graph) -> onnx.ModelProto:
    chips = helper.make_tensor_value_info("chips", TensorProto.UINT8, ["N", SIDE, SIDE, 3])
    result = helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["N", DIMENSIONS])
    whole = helper.make_graph(graph.nodes, "dlib_resnet", [chips], [result], graph.constants)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model
