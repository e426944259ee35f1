"""Finds the style whose picture is nearest to a given one (Karras et al. 2020, appendix D).

Styles are optimised in W, one for all layers, from the best of many drawn ones; noise that shrinks
lets them leave poor places. What a generator made itself it can nearly reproduce; what it did not
make it reproduces worse. How much worse tells something of who made a picture.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from forensics.perceptual import PerceptualDistance
from generators._sampling import codes
from generators.stylegan2.networks import StyleGenerator

STARTS = 64
RATE = 0.1
RAMP_UP, RAMP_DOWN = 0.05, 0.25
"""Shares of the steps in which the rate rises, and falls."""
WANDERING = 0.05
"""Noise added to styles at first, in standard deviations of styles."""
UNTIL = 0.75
PIXELS = 0.5
"""Weight of the mean squared difference of pixels beside the perceptual distance."""


def nearest_styles(
    network: StyleGenerator, targets: Tensor, steps: int, seed: int
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Search for each of (N, 3, R, R) targets in [-1, 1].

    Yields:
        Steps done; distances of the best so far, (N,); their styles, (N, styles).
    """
    judge = _Judge(targets)
    drawn = torch.from_numpy(codes(seed, range(STARTS), network.shape.styles)).to(targets.device)
    with torch.no_grad():
        w = network.mapping(drawn)
        spread = w.std(dim=0).mean()
    best = _best_starts(network, judge, torch.cat([network.mapping.mean[None], w]))
    styles = best.clone().requires_grad_()
    optimizer = torch.optim.Adam([styles], betas=(0.9, 0.999))
    lowest = torch.full((len(targets),), math.inf, device=targets.device)
    for step in range(steps):
        share = step / steps
        rng = torch.Generator().manual_seed(seed + step)
        noise = torch.randn(styles.shape, generator=rng).to(targets.device)
        wander = WANDERING * spread * max(0.0, 1 - share / UNTIL) ** 2
        for group in optimizer.param_groups:
            group["lr"] = RATE * _rate(share)
        distance, loss = judge(network, styles + wander * noise)
        optimizer.zero_grad(set_to_none=True)
        loss.sum().backward()
        optimizer.step()
        nearer = distance < lowest
        lowest = torch.where(nearer, distance.detach(), lowest)
        best = torch.where(nearer[:, None], (styles + wander * noise).detach(), best)
        yield step + 1, lowest, best


def _rate(share: float) -> float:
    fall = min(1.0, (1 - share) / RAMP_DOWN)
    return (0.5 - 0.5 * math.cos(fall * math.pi)) * min(1.0, (share + 1e-3) / RAMP_UP)


class _Judge:
    """Compares pictures of styles with their targets."""

    def __init__(self, targets: Tensor) -> None:
        self.targets = targets
        self.perceptual = PerceptualDistance(str(targets.device))
        with torch.no_grad():
            self.wanted = self.perceptual.features(targets)

    def __call__(self, network: StyleGenerator, w: Tensor) -> tuple[Tensor, Tensor]:
        """Perceptual distances (N,), and losses (N,)."""
        made = network.synthesis(network.spread(w))
        distance: Tensor = self.perceptual.between(self.perceptual.features(made), self.wanted)
        apart = functional.mse_loss(made, self.targets, reduction="none").mean(dim=(1, 2, 3))
        return distance, distance + PIXELS * apart

    def table(self, network: StyleGenerator, w: Tensor) -> Tensor:
        """Distances of every target to every style's picture, (N, M)."""
        found: list[Any] = []
        for part in w.split(32):
            made = self.perceptual.features(network.synthesis(network.spread(part)))
            for index in range(len(self.targets)):
                wanted = [stage[index : index + 1].expand_as(m) for stage, m in
                          zip(self.wanted, made, strict=True)]  # fmt: skip
                found.append(self.perceptual.between(made, wanted))
        rows = [torch.cat(found[index :: len(self.targets)]) for index in range(len(self.targets))]
        return torch.stack(rows)


@torch.no_grad()
def _best_starts(network: StyleGenerator, judge: _Judge, w: Tensor) -> Tensor:
    return w[judge.table(network, w).argmin(dim=1)]
