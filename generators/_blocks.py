"""Networks that generators share. Imported lazily, so that listing generators loads no torch."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

CELL = 8
"""Pixels that one cell of the latent code spans, in each direction."""
CORE_CELLS = 64
HALO_CELLS = 9
"""The outer stages see 65 px around a pixel: tiles that overlap by 72 px have no seams at all."""


class Block(nn.Module):
    """Three convolutions and a shortcut; `pooled` adds a branch that sees the whole picture."""

    def __init__(self, channels: int, *, pooled: bool = False) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            _conv(channels, channels),
            nn.ReLU(),
            _conv(channels, channels),
            nn.ReLU(),
            _conv(channels, channels),
        )
        self.pool: nn.Module | None = None
        if pooled:
            self.pool = nn.Sequential(
                nn.Conv2d(channels, 4 * channels, 1, bias=False),
                nn.GroupNorm(4, 4 * channels),
                nn.ReLU(),
                nn.Conv2d(4 * channels, channels, 1, bias=False),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        if self.pool is not None:
            x = x + self.pool(x)
        return nn.functional.relu(self.conv(x) + x)


class SoftClamp(nn.Module):
    """Bends a latent code smoothly into (-3, 3)."""

    def forward(self, x: Tensor) -> Tensor:
        """Map any shape to the same shape."""
        return 3 * torch.tanh(x / 3)


class TinyAutoencoder(nn.Module):
    """The tiny autoencoder of FLUX.2's latent space, after madebyollin/taesd (MIT).

    Encoder and decoder are each cut in two: outer stages of plain convolutions, which may run in
    overlapping tiles, and pooled blocks at 1/8 size, which must see the whole picture at once.
    """

    def __init__(self, channels: int = 64, latent: int = 32) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            _conv(3, channels),
            Block(channels),
            *_stage(_conv(channels, channels, stride=2, bias=False), channels),
            *_stage(_conv(channels, channels, stride=2, bias=False), channels),
            _conv(channels, channels, stride=2, bias=False),
            *(Block(channels, pooled=True) for _ in range(3)),
            _conv(channels, latent),
        )
        self.decoder = nn.Sequential(
            SoftClamp(),
            _conv(latent, channels),
            nn.ReLU(),
            *(Block(channels, pooled=True) for _ in range(3)),
            nn.Upsample(scale_factor=2),
            *_stage(_conv(channels, channels, bias=False), channels),
            nn.Upsample(scale_factor=2),
            *_stage(_conv(channels, channels, bias=False), channels),
            nn.Upsample(scale_factor=2),
            _conv(channels, channels, bias=False),
            Block(channels),
            _conv(channels, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Encode and decode (N, 3, H, W) in [0, 1], H and W multiples of 8; same shape, clipped.

        Memory grows with the pixels of one tile, not of the picture; the result is that of one
        pass over the whole picture.
        """
        inner = _in_tiles(self.encoder[:11], x, cell_in=CELL, cell_out=1)
        inner = self.decoder[:6](self.encoder[11:](inner))
        return _in_tiles(self.decoder[6:], inner, cell_in=1, cell_out=CELL).clamp_(0, 1)


def load_autoencoder(tensors: Mapping[str, NDArray[np.floating]], device: str) -> TinyAutoencoder:
    """Build the network from arrays by name; every name must be there, and no other."""
    network = TinyAutoencoder()
    network.load_state_dict(
        {name: torch.from_numpy(array.astype(np.float32)) for name, array in tensors.items()}
    )
    return network.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _conv(n_in: int, n_out: int, *, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=bias)


def _stage(resample: nn.Module, channels: int) -> list[nn.Module]:
    return [resample, *(Block(channels) for _ in range(3))]


def _in_tiles(network: nn.Module, x: Tensor, *, cell_in: int, cell_out: int) -> Tensor:
    """Run `network` over overlapping tiles of (N, C, H, W) and keep each tile's core."""
    rows, columns = (side // cell_in for side in x.shape[2:])
    bands = [
        torch.cat([_tile(network, x, top, left, cell_in, cell_out) for left in starts], dim=3)
        for starts in [range(0, columns, CORE_CELLS)]
        for top in range(0, rows, CORE_CELLS)
    ]
    return torch.cat(bands, dim=2)


def _tile(
    network: nn.Module, x: Tensor, top: int, left: int, cell_in: int, cell_out: int
) -> Tensor:
    """The core that starts at cell (top, left), computed from the core and its halo."""
    y0, x0 = max(top - HALO_CELLS, 0), max(left - HALO_CELLS, 0)
    y1, x1 = top + CORE_CELLS + HALO_CELLS, left + CORE_CELLS + HALO_CELLS
    window = x[:, :, y0 * cell_in : y1 * cell_in, x0 * cell_in : x1 * cell_in]
    made = network(window)
    keep_y = slice((top - y0) * cell_out, (top - y0 + CORE_CELLS) * cell_out)
    keep_x = slice((left - x0) * cell_out, (left - x0 + CORE_CELLS) * cell_out)
    # A view would keep the whole tile with its halo in memory.
    return made[:, :, keep_y, keep_x].clone()
