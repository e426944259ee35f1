"""The network of `super_resolution` and its training task."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from generators._patches import PatchTask

WIDTH, DEPTH = 32, 3
MODES = ("area", "bicubic", "bilinear")


class Enlarger(nn.Module):
    """Doubles (N, 3, H, W) in [0, 1]: what bilinear enlarging lacks, from eight convolutions.

    Every output depends on the 9 px around it alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, WIDTH, 3, padding=1)
        self.body = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
                nn.LeakyReLU(0.2),
                nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
            )
            for _ in range(DEPTH)
        )
        self.tail = nn.Sequential(nn.Conv2d(WIDTH, 12, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to (N, 3, 2 H, 2 W), not clipped."""
        features = functional.leaky_relu(self.head(2 * x - 1), 0.2)
        for block in self.body:
            features = features + 0.5 * block(features)
        plain = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        enlarged: Tensor = plain + self.tail(features)
        return enlarged


class Enlarging(PatchTask):
    """Give a patch back that was shrunk by a filter drawn for the batch."""

    adversarial = True

    def __init__(self, seed: int) -> None:
        """Build the network with weights drawn from `seed`."""
        torch.manual_seed(seed)
        self.network = Enlarger()

    def made(self, real: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return enlarged patches (N, 3, S, S), and no loss of its own."""
        mode = MODES[rng.integers(len(MODES))]
        smooth = {"antialias": True} if mode != "area" else {}
        small = functional.interpolate(real, scale_factor=0.5, mode=mode, **smooth)
        return self.network(small), real.new_zeros(())
