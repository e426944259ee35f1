"""The 68-landmark network in plain PyTorch: the source of the ONNX graph, and its twin in tests.

Four dense blocks as in face-api.js (Vincent Muehler, MIT), after Huang et al. 2017, "Densely
Connected Convolutional Networks"; here the blocks' inputs are summed, not joined.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

SIDE = 112
"""Side of a crop in px."""
POINTS = 68
MEAN = (122.782, 117.001, 104.298)
"""Of red, green and blue, of 0 to 255."""
CHANNELS = (3, 32, 64, 128, 256)
LAYERS = 4


class Separable(nn.Module):
    """A depthwise and a pointwise convolution, padded as TensorFlow's "same" pads."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, values: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H / stride, W / stride); H and W even at stride 2."""
        made: Tensor = self.pointwise(self.depthwise(_padded(values, self.depthwise.stride[0])))
        return made


class Plain(nn.Conv2d):
    """The first convolution of all, padded alike."""

    def forward(self, values: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H / 2, W / 2)."""
        return super().forward(_padded(values, self.stride[0]))


class LandmarkNetwork(nn.Module):
    """The whole network: (N, 112, 112, 3) uint8 RGB -> (N, 68, 2) x y in sides of the crop."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                _layer(CHANNELS[block] if layer == 0 else CHANNELS[block + 1], block, layer)
                for layer in range(LAYERS)
            )
            for block in range(len(CHANNELS) - 1)
        )
        self.head = nn.Linear(CHANNELS[-1], 2 * POINTS)
        self.register_buffer("mean", torch.tensor(MEAN), persistent=False)

    def forward(self, crops: Tensor) -> Tensor:
        """(N, 112, 112, 3) uint8 RGB -> (N, 68, 2) float32."""
        values = ((crops.float() - self.mean) / 255).permute(0, 3, 1, 2)
        for block in self.blocks:
            assert isinstance(block, nn.ModuleList)
            total = torch.relu(block[0](values))
            for layer in list(block)[1:]:
                total = total + layer(torch.relu(total))
            values = torch.relu(total)
        pooled = values.mean(dim=(2, 3))
        points: Tensor = self.head(pooled).reshape(-1, POINTS, 2)
        return points


def built_network(tensors: Mapping[str, NDArray[Any]]) -> LandmarkNetwork:
    """Build the network from arrays by name, in any precision; every name must be there."""
    network = LandmarkNetwork()
    network.load_state_dict(
        {name: torch.from_numpy(array.astype(np.float32)) for name, array in tensors.items()}
    )
    return network.eval().requires_grad_(False)


def _layer(inputs: int, block: int, layer: int) -> nn.Module:
    outputs, stride = CHANNELS[block + 1], 2 if layer == 0 else 1
    if block == layer == 0:
        return Plain(inputs, outputs, 3, stride)
    return Separable(inputs, outputs, stride)


def _padded(values: Tensor, stride: int) -> Tensor:
    # Of an even length, stride 2 leaves one row to pad, which TensorFlow puts at the end.
    return functional.pad(values, (0, 1, 0, 1) if stride != 1 else (1, 1, 1, 1))
