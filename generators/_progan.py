"""Progressive GAN's networks (Karras et al. 2018): resolutions are faded in one after the other.

Pictures always have the full size: early on a small picture is enlarged by repetition, and the
discriminator shrinks what it is shown. `level` says how far the networks have grown: 2.25 means
that the third resolution is there and a quarter of the fourth; it is kept with the weights.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators._gan_blocks import EqualConv, EqualLinear, pixel_norm, with_spread

SMALLEST = 4
BUDGET = 512
"""Channels times side, from the side on where they are fewer than `width`."""
GROWING = 0.5
"""The share of a run in which resolutions are added."""


def sides(resolution: int) -> list[int]:
    """Resolutions from 4 px up."""
    return [2**power for power in range(2, int(math.log2(resolution)) + 1)]


def channels(side: int, width: int) -> int:
    """Channels at `side` px."""
    return min(width, BUDGET // side)


def level_at(share: float, stages: int) -> float:
    """How far networks have grown after `share` of a run: each stage fades in, then learns on."""
    if share >= GROWING:
        span = (share - GROWING) / (GROWING / (stages - 1))
        return stages - 2 + min(1.0, 2 * span)
    stage, part = divmod(share / (GROWING / (stages - 1)), 1)
    return max(0.0, stage - 1 + min(1.0, 2 * part))


class Grown(nn.Module):
    """A network that has a level."""

    level: Tensor

    def __init__(self, resolution: int) -> None:
        super().__init__()
        self.sides = sides(resolution)
        self.register_buffer("level", torch.tensor(float(len(self.sides) - 1)))

    def grow(self, share: float) -> None:
        """Take the level of a run of which `share` is over."""
        self.level.fill_(level_at(share, len(self.sides)))

    def _stage(self) -> tuple[int, float]:
        """The newest resolution's index, and how much of it is faded in."""
        level = float(self.level)
        stage = math.ceil(level)
        return stage, 1 - (stage - level)


class Generator(Grown):
    """A code to a picture."""

    def __init__(self, resolution: int, width: int, code: int) -> None:
        super().__init__(resolution)
        widths = [channels(side, width) for side in self.sides]
        self.enter = EqualLinear(code, widths[0] * SMALLEST**2, active=True)
        self.first = nn.ModuleList(
            EqualConv(below, here, 3, active=True) for below, here in pairwise(widths)
        )
        self.second = nn.ModuleList(EqualConv(here, here, 3, active=True) for here in widths)
        self.show = nn.ModuleList(EqualConv(here, 3, 1) for here in widths)

    def forward(self, codes: Tensor) -> Tensor:
        """Map (N, code) to (N, 3, R, R) in about [-1, 1]."""
        stage, share = self._stage()
        x = self.enter(pixel_norm(codes)).unflatten(1, (-1, SMALLEST, SMALLEST))
        x = below = pixel_norm(self.second[0](pixel_norm(x)))
        for index in range(1, stage + 1):
            below = x
            x = pixel_norm(self.first[index - 1](_enlarged(x, 2)))
            x = pixel_norm(self.second[index](x))
        picture = self.show[stage](x)
        if share < 1:
            coarse = _enlarged(self.show[stage - 1](below), 2)
            picture = torch.lerp(coarse, picture, share)
        return _enlarged(picture, self.sides[-1] // self.sides[stage])


class Discriminator(Grown):
    """A picture to a logit of being real; the last map also says how a batch varies."""

    def __init__(self, resolution: int, width: int) -> None:
        super().__init__(resolution)
        widths = [channels(side, width) for side in self.sides]
        self.see = nn.ModuleList(EqualConv(3, here, 1, active=True) for here in widths)
        self.first = nn.ModuleList(EqualConv(here, here, 3, active=True) for here in widths[1:])
        self.second = nn.ModuleList(
            EqualConv(here, below, 3, active=True) for below, here in pairwise(widths)
        )
        self.last = EqualConv(widths[0] + 1, widths[0], 3, active=True)
        self.hidden = EqualLinear(widths[0] * SMALLEST**2, widths[0], active=True)
        self.logit = EqualLinear(widths[0], 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Map (N, 3, R, R) to (N,) logits."""
        stage, share = self._stage()
        shown = _shrunk(pictures, self.sides[-1] // self.sides[stage])
        x = self.see[stage](shown)
        for index in range(stage, 0, -1):
            x = _shrunk(self.second[index - 1](self.first[index - 1](x)), 2)
            if index == stage and share < 1:
                x = torch.lerp(self.see[stage - 1](_shrunk(shown, 2)), x, share)
        x = self.last(with_spread(x))
        logits: Tensor = self.logit(self.hidden(x.flatten(1)))
        return logits[:, 0]


def _enlarged(x: Tensor, times: int) -> Tensor:
    return functional.interpolate(x, scale_factor=float(times)) if times > 1 else x


def _shrunk(x: Tensor, times: int) -> Tensor:
    return functional.avg_pool2d(x, times) if times > 1 else x
