"""Partial convolutions (Liu et al. 2018): only known pixels count, and the unknown shrink."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from forensics.traces.holes import random_holes
from generators._patches import PatchTask

WIDTHS = (24, 48, 72, 96, 96)
KERNELS = (5, 3, 3, 3, 3)
SLOPE = 0.2
"""Of the leaky ReLU: plain ones died."""
CELL = 2 ** len(WIDTHS)
"""Sides must be multiples of this, in px."""


class PartialConv(nn.Module):
    """A convolution over known values, scaled up by the share of its window that is known."""

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, bias=False)
        # Without normalisation torch's own start lets the deepest layers die within minutes.
        nn.init.kaiming_normal_(self.conv.weight, SLOPE)
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.stride, self.kernel = stride, kernel

    def forward(self, x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Convolve what is known.

        Args:
            x: (N, C, H, W).
            known: same shape, 1 where a value is known, else 0.

        Returns:
            The output, 0 where nothing in the window was known, and its mask, both
            (N, C', H', W').
        """
        count = self._windows(known.sum(1, keepdim=True))
        inside = self._windows(torch.full_like(known[:1, :1], known.shape[1]))
        seen = (count > 0).to(x.dtype)
        # The paper divides by the window's size; its part inside the picture keeps borders plain.
        made = self.conv(x * known) * (inside / count.clamp(min=1))
        made = (made + self.bias[:, None, None]) * seen
        return made, seen.expand_as(made)

    def _windows(self, x: Tensor) -> Tensor:
        """Sum (N, 1, H, W) over the windows of the convolution."""
        ones = x.new_ones(1, 1, self.kernel, self.kernel)
        return functional.conv2d(x, ones, stride=self.stride, padding=self.kernel // 2)


class PartialUNet(nn.Module):
    """Fills holes of (N, 3, H, W) in [0, 1], sides multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            PartialConv(n_in, n_out, kernel, 2)
            for n_in, n_out, kernel in zip((3, *WIDTHS), WIDTHS, KERNELS, strict=False)
        )
        ups = [*WIDTHS[-2::-1], 3]
        outs = [*WIDTHS[-2::-1], 3]
        befores = [WIDTHS[-1], *outs[:-1]]
        self.up = nn.ModuleList(
            PartialConv(before + skip, out, 3)
            for before, skip, out in zip(befores, ups, outs, strict=True)
        )

    def forward(self, x: Tensor, known: Tensor) -> Tensor:
        """Return the picture with its holes filled; what is known is repainted too.

        Args:
            x: (N, 3, H, W) in [0, 1].
            known: (N, 1, H, W), 1 where a pixel is known, 0 in holes.
        """
        mask = known.expand_as(x)
        stack = [((2 * x - 1) * mask, mask)]
        for layer in self.down:
            value, seen = layer(*stack[-1])
            stack.append((functional.leaky_relu(value, SLOPE), seen))
        value, mask = stack.pop()
        for place, layer in enumerate(self.up):
            skip, skip_mask = stack.pop()
            value = torch.cat([_doubled(value), skip], 1)
            mask = torch.cat([_doubled(mask), skip_mask], 1)
            value, mask = layer(value, mask)
            if place + 1 < len(self.up):
                value = functional.leaky_relu(value, SLOPE)
        filled: Tensor = (value + 1) / 2
        return filled


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="nearest")


class Filling(PatchTask):
    """Fill holes drawn at random; only what was filled is judged by the discriminator."""

    adversarial = True

    def __init__(self, seed: int) -> None:
        """Build the network with weights drawn from `seed`."""
        torch.manual_seed(seed)
        self.network = PartialUNet()

    def made(self, real: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return filled patches with known pixels as they were, and the losses of the paper's.

        The paper's perceptual and style losses need VGG; a patch discriminator stands in.
        """
        height, width = real.shape[2:]
        holes = np.stack([random_holes(height, width, rng) for _ in range(len(real))])
        hole = torch.from_numpy(holes).to(real.device)[:, None].to(real.dtype)
        filled = self.network(real, 1 - hole)
        valid = ((filled - real).abs() * (1 - hole)).mean()
        inside = ((filled - real).abs() * hole).mean()
        made = real * (1 - hole) + filled * hole
        rough = (made[:, :, 1:] - made[:, :, :-1]).abs().mean()
        rough = rough + (made[..., 1:] - made[..., :-1]).abs().mean()
        return made, valid + 6 * inside + 0.05 * rough
