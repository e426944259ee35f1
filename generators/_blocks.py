"""Networks that generators share. Imported lazily, so that listing generators loads no torch."""

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

CELL = 8
"""Pixels that one cell of the latent code spans, in each direction."""
LARGEST_CORE = 80
"""Cells that a tile keeps at most, in each direction."""
HALO = 9
"""Cells around them. The outer stages see 65 px around a pixel, so 72 px leave no seam at all."""


class Block(nn.Module):
    """Three convolutions and a shortcut; `pooled` adds a branch that sees the whole picture."""

    def __init__(self, channels: int, *, pooled: bool = False) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            _conv(channels, channels),
            nn.ReLU(inplace=True),
            _conv(channels, channels),
            nn.ReLU(inplace=True),
            _conv(channels, channels),
        )
        self.pool: nn.Module | None = None
        if pooled:
            self.pool = nn.Sequential(
                nn.Conv2d(channels, 4 * channels, 1, bias=False),
                nn.GroupNorm(4, 4 * channels),
                nn.ReLU(inplace=True),
                nn.Conv2d(4 * channels, channels, 1, bias=False),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        if self.pool is not None:
            x = x + self.pool(x)
        changed: Tensor = self.conv(x)
        return changed.add_(x).relu_()


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
            nn.ReLU(inplace=True),
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
        inner = in_tiles(self.encoder[:11], x, cell_in=CELL, cell_out=1)
        inner = self.decoder[:6](self.encoder[11:](inner))
        return in_tiles(self.decoder[6:], inner, cell_in=1, cell_out=CELL).clamp_(0, 1)


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


def in_tiles(
    network: Callable[[Tensor], Tensor],
    x: Tensor,
    *,
    cell_in: int,
    cell_out: int,
    largest: int | None = None,
) -> Tensor:
    """Run `network` over overlapping tiles of (N, C, H, W) and join the cores of its outputs.

    Args:
        network: local: an output depends on no input further than `HALO` cells away.
        x: side lengths are multiples of `cell_in`.
        cell_in: pixels of the input that one cell spans.
        cell_out: pixels of the output that one cell spans.
        largest: cells that a tile keeps at most, in each direction; `LARGEST_CORE` unless told.
    """
    most = LARGEST_CORE if largest is None else largest
    rows, columns = (_cores(side // cell_in, most) for side in x.shape[2:])

    def core(row: slice, column: slice) -> Tensor:
        outer_row, outer_column = _with_halo(row), _with_halo(column)
        made = network(x[:, :, _scaled(outer_row, cell_in), _scaled(outer_column, cell_in)])
        down = _scaled(_relative(row, outer_row), cell_out)
        across = _scaled(_relative(column, outer_column), cell_out)
        # A view would keep the halo in memory until all tiles are done.
        return made[:, :, down, across].clone()

    bands = [torch.cat([core(row, column) for column in columns], dim=3) for row in rows]
    return torch.cat(bands, dim=2)


def _cores(cells: int, largest: int) -> list[slice]:
    """Cut a side into stretches of nearly equal length, none above `largest`."""
    count = -(-cells // largest)
    edges = [cells * index // count for index in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def _with_halo(core: slice) -> slice:
    return slice(max(core.start - HALO, 0), core.stop + HALO)


def _relative(core: slice, outer: slice) -> slice:
    return slice(core.start - outer.start, core.stop - outer.start)


def _scaled(cells: slice, size: int) -> slice:
    return slice(cells.start * size, cells.stop * size)
