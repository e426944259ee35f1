"""DCGAN's networks (Radford et al. 2016): strided convolutions, batch norm, no dense layers."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

SMALLEST = 4
SLOPE = 0.2
SPREAD = 0.02


def channels(resolution: int, width: int) -> list[int]:
    """Channels at 4, 8, ... px up to half the resolution: each resolution has half as many."""
    return [width // 2**step for step in range(int(math.log2(resolution // SMALLEST)))]


class Generator(nn.Module):
    """Transposed convolutions from a code to a picture."""

    def __init__(self, resolution: int, width: int, code: int) -> None:
        super().__init__()
        widths = channels(resolution, width)
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(code, widths[0], SMALLEST, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        ]
        for wide, narrow in pairwise(widths):
            layers += [
                nn.ConvTranspose2d(wide, narrow, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(narrow),
                nn.ReLU(),
            ]
        layers += [nn.ConvTranspose2d(widths[-1], 3, 4, stride=2, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.apply(_spread)

    def forward(self, codes: Tensor) -> Tensor:
        """Map (N, code) to (N, 3, R, R) in [-1, 1]."""
        pictures: Tensor = self.layers(codes[:, :, None, None])
        return pictures


class Discriminator(nn.Module):
    """Strided convolutions from a picture to a logit of being real."""

    def __init__(self, resolution: int, width: int) -> None:
        super().__init__()
        widths = channels(resolution, width)[::-1]
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 4, 2, 1), nn.LeakyReLU(SLOPE)]
        for narrow, wide in pairwise(widths):
            layers += [
                nn.Conv2d(narrow, wide, 4, 2, 1, bias=False),
                nn.BatchNorm2d(wide),
                nn.LeakyReLU(SLOPE),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, SMALLEST))
        self.apply(_spread)

    def forward(self, pictures: Tensor) -> Tensor:
        """Map (N, 3, R, R) to (N,) logits."""
        logits: Tensor = self.layers(pictures)
        return logits[:, 0, 0, 0]


@torch.no_grad()
def _spread(module: nn.Module) -> None:
    """The paper's start: weights from N(0, .02), batch norm's scales from N(1, .02)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        module.weight.normal_(0, SPREAD)
    elif isinstance(module, nn.BatchNorm2d):
        module.weight.normal_(1, SPREAD)
