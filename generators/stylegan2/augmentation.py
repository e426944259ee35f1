"""Adaptive discriminator augmentation (Karras et al. 2020, Training GANs with Limited Data).

Every picture the discriminator sees, real or generated, is turned, moved, scaled and recoloured,
each with probability p, and p follows how sure the discriminator is of real pictures. Warps are
bilinear with mirrored borders; NVIDIA's use a longer wavelet filter.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

LUMA = 1 / math.sqrt(3)


class Augmentation:
    """Changes batches with probability `p` a kind of change; `p` adapts.

    Args:
        target: the share of real pictures, less that of others, that should be called real.
        over: pictures over which p may go from 0 to 1.
    """

    def __init__(self, target: float, over: float) -> None:
        self.target, self.over, self.p = target, over, 0.0

    def adapt(self, real_signs: float, seen: int) -> None:
        """Move p after `seen` pictures whose real logits had this mean sign."""
        if self.target > 0:
            step = math.copysign(seen / self.over, real_signs - self.target)
            self.p = min(max(self.p + step, 0.0), 1.0)

    def __call__(self, pictures: Tensor, rng: torch.Generator) -> Tensor:
        """Change (N, 3, R, R) in [-1, 1], each picture on its own; differentiable once."""
        if self.p == 0:
            return pictures
        count = len(pictures)
        move = geometry(count, self.p, rng).to(pictures.device)
        grid = functional.affine_grid(move, list(pictures.shape), align_corners=False)
        pictures = functional.grid_sample(
            pictures, grid, padding_mode="reflection", align_corners=False
        )
        colours = colouring(count, self.p, rng).to(pictures.device)
        mixed = torch.einsum("nij,njhw->nihw", colours[:, :, :3], pictures)
        return mixed + colours[:, :, 3, None, None]


def geometry(count: int, p: float, rng: torch.Generator) -> Tensor:
    """Affine maps of output places to input places, (count, 2, 3), in units of half a side."""
    maps = torch.eye(3).repeat(count, 1, 1)

    def drawn(values: Tensor, neutral: float, chance: float = p) -> Tensor:
        return torch.where(torch.rand(count, generator=rng) < chance, values, neutral)

    def uniform() -> Tensor:
        return torch.rand(count, generator=rng)

    def normal() -> Tensor:
        return torch.randn(count, generator=rng)

    flips = drawn(torch.sign(uniform() - 0.5), 1.0)
    quarters = drawn((4 * uniform()).floor(), 0.0) * (math.pi / 2)
    once = 1 - math.sqrt(1 - p)
    before = drawn((2 * uniform() - 1) * math.pi, 0.0, once)
    after = drawn((2 * uniform() - 1) * math.pi, 0.0, once)
    size = drawn(torch.exp2(0.2 * normal()), 1.0)
    stretch = drawn(torch.exp2(0.2 * normal()), 1.0)
    shift = torch.stack([drawn(0.25 * normal(), 0.0) for _ in range(2)], dim=1)
    for step in (
        _scaled(flips, torch.ones(count)),
        _turned(quarters),
        _scaled(size, size),
        _turned(before),
        _scaled(stretch, 1 / stretch),
        _turned(after),
    ):
        maps = step @ maps
    maps[:, :2, 2] += shift
    return maps[:, :2]


def colouring(count: int, p: float, rng: torch.Generator) -> Tensor:
    """Affine maps of colours in [-1, 1], (count, 3, 4)."""

    def drawn(values: Tensor, neutral: float) -> Tensor:
        return torch.where(torch.rand(count, generator=rng) < p, values, neutral)

    def normal() -> Tensor:
        return torch.randn(count, generator=rng)

    brightness = drawn(0.2 * normal(), 0.0)
    contrast = drawn(torch.exp2(0.5 * normal()), 1.0)
    mirror = drawn((torch.rand(count, generator=rng) < 1 / 2).float(), 0.0)
    hue = drawn((2 * torch.rand(count, generator=rng) - 1) * math.pi, 0.0)
    saturation = drawn(torch.exp2(normal()), 1.0)
    grey = torch.full((3, 3), 1 / 3)
    luma = torch.eye(3) - 2 * mirror[:, None, None] * grey
    dyes = grey + (torch.eye(3) - grey) * saturation[:, None, None]
    maps = dyes @ _hues(hue) @ luma * contrast[:, None, None]
    return torch.cat([maps, brightness[:, None, None].expand(-1, 3, 1)], dim=2)


def _scaled(x: Tensor, y: Tensor) -> Tensor:
    maps = torch.eye(3).repeat(len(x), 1, 1)
    maps[:, 0, 0], maps[:, 1, 1] = x, y
    return maps


def _turned(angle: Tensor) -> Tensor:
    maps = torch.eye(3).repeat(len(angle), 1, 1)
    maps[:, 0, 0] = maps[:, 1, 1] = angle.cos()
    maps[:, 1, 0] = angle.sin()
    maps[:, 0, 1] = -angle.sin()
    return maps


def _hues(angle: Tensor) -> Tensor:
    """Turn colours about the grey axis (Rodrigues), (N, 3, 3)."""
    across = LUMA * torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    sine, cosine = angle.sin()[:, None, None], angle.cos()[:, None, None]
    return torch.eye(3) + sine * across + (1 - cosine) * (across @ across)
