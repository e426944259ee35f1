"""A small U-Net that takes noise out of pictures, for diffusion (Ho et al. 2020), and its sums.

Pictures are folded into patches of 2 px first, so that its widest maps have half the side: what a
processor can learn in minutes. Time t runs from 0 (picture) to 1 (noise).
"""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

FOLD = 2
GROUPS = 8
WAVES = 32
LONGEST = 1000.0
"""The ratio of the fastest and the slowest wave that tell the time."""
LATEST = 0.999
"""Where sampling starts: at 1 nothing is left to divide by."""


def signal_and_noise(time: Tensor) -> tuple[Tensor, Tensor]:
    """The cosine schedule (Nichol and Dhariwal 2021): shares whose squares sum to 1."""
    angle = time * (math.pi / 2)
    return angle.cos(), angle.sin()


def noised(pictures: Tensor, noise: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    """Mix (N, 3, R, R) with noise at times (N,).

    Returns:
        The mixture, and the velocity a network must find in it (Salimans and Ho 2022).
    """
    signal, spread = (share[:, None, None, None] for share in signal_and_noise(time))
    return signal * pictures + spread * noise, signal * noise - spread * pictures


def denoised(
    velocity: Callable[[Tensor, Tensor], Tensor], noise: Tensor, steps: int
) -> Iterator[Tensor]:
    """DDIM without added noise (Song et al. 2021): the picture follows from `noise` alone.

    Args:
        velocity: maps a mixture (N, 3, R, R) and times (N,) to its velocity.
        noise: (N, 3, R, R) from N(0, 1).
        steps: how many times the network is asked.

    Yields:
        The picture as seen at each step, (N, 3, R, R) in [-1, 1]; the last is the result.
    """
    mixture = noise
    times = torch.linspace(LATEST, 0, steps + 1, device=noise.device)
    for now, after in pairwise(times):
        signal, spread = signal_and_noise(now)
        found = velocity(mixture, now.expand(len(noise)))
        picture = (signal * mixture - spread * found).clamp(-1, 1)
        left = (mixture - signal * picture) / spread
        signal, spread = signal_and_noise(after)
        mixture = signal * picture + spread * left
        yield picture


class Block(nn.Module):
    """Two convolutions; what is known of the picture scales and shifts between them."""

    def __init__(self, n_in: int, n_out: int, known: int) -> None:
        super().__init__()
        self.first_norm = nn.GroupNorm(GROUPS, n_in)
        self.first = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.change = nn.Linear(known, 2 * n_out)
        self.second_norm = nn.GroupNorm(GROUPS, n_out)
        self.second = nn.Conv2d(n_out, n_out, 3, padding=1)
        self.shortcut = nn.Identity() if n_in == n_out else nn.Conv2d(n_in, n_out, 1)
        # Starts as its shortcut.
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor, known: Tensor) -> Tensor:
        """Map (N, n_in, H, W) and (N, known) to (N, n_out, H, W)."""
        scale, shift = self.change(known)[:, :, None, None].chunk(2, dim=1)
        made = self.first(functional.silu(self.first_norm(x)))
        made = self.second(functional.silu(self.second_norm(made) * (1 + scale) + shift))
        kept: Tensor = self.shortcut(x)
        both: Tensor = kept + made
        return both


class Attention(nn.Module):
    """Every place looks at every other."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.parts = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        rows = self.norm(x).flatten(2).transpose(1, 2)
        query, key, value = self.parts(rows).chunk(3, dim=2)
        seen = functional.scaled_dot_product_attention(query, key, value)
        told: Tensor = self.out(seen)
        return x + told.transpose(1, 2).reshape(x.shape)


class UNet(nn.Module):
    """A noisy picture, its time and what is known of it, to a velocity.

    Args:
        widths: channels at half, a quarter and an eighth of the side; multiples of 8.
        known: size of the vector that tells blocks the time and what else is known.
    """

    def __init__(self, widths: tuple[int, int, int], known: int) -> None:
        super().__init__()
        wide, middle, deep = widths
        self.time = nn.Sequential(nn.Linear(2 * WAVES, known), nn.SiLU(), nn.Linear(known, known))
        self.enter = nn.Conv2d(3 * FOLD**2, wide, 3, padding=1)
        self.down = nn.ModuleList([Block(wide, wide, known), Block(wide, middle, known)])
        self.deep = nn.ModuleList([Block(middle, deep, known), Block(deep, deep, known)])
        self.look = Attention(deep)
        self.up = nn.ModuleList(
            [Block(deep + middle, middle, known), Block(middle + wide, wide, known)]
        )
        self.norm = nn.GroupNorm(GROUPS, wide)
        self.leave = nn.Conv2d(wide, 3 * FOLD**2, 3, padding=1)
        nn.init.zeros_(self.leave.weight)

    def forward(self, pictures: Tensor, time: Tensor, said: Tensor | None = None) -> Tensor:
        """Map (N, 3, R, R), times (N,) and (N, known) or None to velocities (N, 3, R, R)."""
        known = self.time(waves(time))
        known = functional.silu(known if said is None else known + said)
        x = self.enter(functional.pixel_unshuffle(pictures, FOLD))
        skipped = []
        for block in self.down:
            x = block(x, known)
            skipped.append(x)
            x = functional.avg_pool2d(x, 2)
        x = self.deep[1](self.look(self.deep[0](x, known)), known)
        for block in self.up:
            x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(torch.cat([x, skipped.pop()], dim=1), known)
        made = self.leave(functional.silu(self.norm(x)))
        return functional.pixel_shuffle(made, FOLD)


def waves(time: Tensor) -> Tensor:
    """Times (N,) as (N, 2 WAVES) sines and cosines."""
    rates = torch.logspace(0, math.log10(LONGEST), WAVES, device=time.device)
    angles = time[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)
