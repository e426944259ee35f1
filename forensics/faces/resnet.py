"""dlib's ResNet-128 in plain PyTorch: for GPUs, gradients, and as the twin of the ONNX graph."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from forensics.dlib_recovery import BLOCKS, DIMENSIONS, MEAN, SPREAD, STEM, Layer


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut, which is pooled where the stride is 2."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, padding=1 if stride == 1 else 0)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.stride = stride

    def forward(self, values: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H', W')."""
        inner = self.second(torch.relu(self.first(values)))
        if self.stride != 1:
            values = functional.avg_pool2d(values, 2)
        # dlib adds tensors of different sizes as if the smaller one ended in zeros.
        size = [max(a, b) for a, b in zip(inner.shape[1:], values.shape[1:], strict=True)]
        return torch.relu(_filled(inner, size) + _filled(values, size))


class ResNet128(nn.Module):
    """The whole network: (N, 150, 150, 3) uint8 RGB -> (N, 128) float32, not of length 1."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        outputs, inputs, side = STEM
        self.stem = nn.Conv2d(inputs, outputs, side, 2)
        self.blocks = nn.ModuleList(Block(*sizes) for sizes in BLOCKS)
        self.head = nn.Linear(BLOCKS[-1][1], DIMENSIONS)
        self.register_buffer("mean", torch.from_numpy(MEAN), persistent=False)

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 150, 150, 3) uint8 RGB -> (N, 128) float32."""
        values = ((chips.float() - self.mean) / float(SPREAD[0])).permute(0, 3, 1, 2)
        values = functional.max_pool2d(torch.relu(self.stem(values)), 3, 2)
        for block in self.blocks:
            values = block(values)
        embedded: Tensor = self.head(values.mean(dim=(2, 3)))
        return embedded


def resnet128(layers: Sequence[Layer]) -> ResNet128:
    """Build the network from the layers that `forensics.dlib_recovery` reads."""
    network = ResNet128().eval()
    places = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        for place, layer in zip(places, layers, strict=True):
            place.weight.copy_(torch.from_numpy(np.array(layer.weight)))
            assert place.bias is not None
            place.bias.copy_(torch.from_numpy(np.array(layer.bias)))
    return network


def _filled(values: Tensor, size: Sequence[int]) -> Tensor:
    channels, height, width = (
        most - present for most, present in zip(size, values.shape[1:], strict=True)
    )
    return functional.pad(values, (0, width, 0, height, 0, channels))
