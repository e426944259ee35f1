"""StyleGAN's generator (Karras et al. 2019): a constant, noise, and styles by AdaIN.

All resolutions from the start, as in the paper's configuration without progressive growing; the
discriminator is ProGAN's.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators._gan_blocks import SLOPE, EqualConv, EqualLinear, doubled, pixel_norm
from generators._progan import SMALLEST, channels, sides

MAPPING = 4
"""Layers from code to style."""
MIXING = 0.9
"""Share of training batches in which two styles share the layers."""


class Mapping(nn.Module):
    """Codes to styles."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            EqualLinear(size, size, rate=0.01, active=True) for _ in range(MAPPING)
        )

    def forward(self, codes: Tensor) -> Tensor:
        """Map (N, size) to (N, size)."""
        x = pixel_norm(codes)
        for layer in self.layers:
            x = layer(x)
        return x


class Styled(nn.Module):
    """Noise, a leaky ReLU, and each map brought to the mean and spread that a style asks for."""

    noise: Tensor

    def __init__(self, channels: int, side: int, size: int) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.style = EqualLinear(size, 2 * channels)
        # What stands in for noise where a picture must not change with it.
        self.register_buffer("noise", torch.randn(side, side))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Map (N, C, H, W) and styles (N, size) to the same shape; fresh noise in training."""
        noise = torch.randn_like(x[:, :1]) if self.training else self.noise
        x = x + noise * self.strength[:, None, None] + self.bias[:, None, None]
        x = functional.instance_norm(functional.leaky_relu(x, SLOPE))
        scale, shift = self.style(w)[:, :, None, None].chunk(2, dim=1)
        styled: Tensor = x * (1 + scale) + shift
        return styled


class Generator(nn.Module):
    """A code to a picture."""

    def __init__(self, resolution: int, width: int, code: int) -> None:
        super().__init__()
        every = sides(resolution)
        widths = [channels(side, width) for side in every]
        self.mapping = Mapping(code)
        self.constant = nn.Parameter(torch.ones(widths[0], SMALLEST, SMALLEST))
        self.first = nn.ModuleList(EqualConv(below, here, 3) for below, here in pairwise(widths))
        self.second = nn.ModuleList(EqualConv(here, here, 3) for here in widths)
        self.before = nn.ModuleList(
            Styled(here, side, code) for here, side in zip(widths, every, strict=True)
        )
        self.after = nn.ModuleList(
            Styled(here, side, code) for here, side in zip(widths, every, strict=True)
        )
        self.show = EqualConv(widths[-1], 3, 1)

    def forward(self, codes: Tensor) -> Tensor:
        """Map (N, code) to (N, 3, R, R) in about [-1, 1]; styles are mixed in training."""
        w = self.mapping(codes)
        other, cut = self._mixed(w)
        x = self.constant.expand(len(w), -1, -1, -1)
        for index, (before, after) in enumerate(zip(self.before, self.after, strict=True)):
            if index:
                x = doubled(self.first[index - 1](x))
            style = w if index < cut else other
            x = after(self.second[index](before(x, style)), style)
        shown: Tensor = self.show(x)
        return shown

    def _mixed(self, w: Tensor) -> tuple[Tensor, int]:
        """Another style for each picture, and the resolution from which it rules."""
        if not self.training or float(torch.rand(1)) > MIXING:
            return w, len(self.before)
        return w.roll(1, dims=0), int(torch.randint(1, len(self.before) + 1, (1,)))
