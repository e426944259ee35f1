"""Where else than on its own grid a picture was compressed before, as a whole or in one region.

Read on the grid of an earlier JPEG, the DCT coefficients lie near multiples of that JPEG's
quantisation steps; read on any of the 63 other grids they do not. Every window of the picture is
read on all 64 grids and against the steps of many qualities.

T. Bianchi and A. Piva, "Detection of Nonaligned Double JPEG Compression Based on Integer
Periodicity Maps", IEEE TIFS 2012; M. Barni, A. Costanzo and L. Sabatini, "Identification of Cut &
Paste Tampering by Means of Double-JPEG Detection and Image Segmentation", ISCAS 2010.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats
from forensics.traces import jpeg
from forensics.traces.jpeg import BLOCK, luma_table
from forensics.traces.jpeg_blocks import Plane

FREQUENCIES = jpeg.FREQUENCIES[:6]
"""Row and column frequency of the coefficients that are read."""
QUALITIES = tuple(range(34, 95, 4))
"""IJG qualities whose steps are looked for."""
CELL = 32
"""Side in px of the cells that are counted; a window is two by two of them."""
TILE = 3 * CELL
"""Side in px of the tiles that a large picture is sampled by."""
MOST_PIXELS = 1 << 19
LEAST_SIDE = TILE
RESOLUTION, HIGHEST = 2, 255
"""Coefficients are rounded to halves of a grey level; from 127.5 on they are left out: few are."""
COUNT, WAVE = 2048, 100
"""One table gives both the count of a coefficient and its wave: 2048 count + 100 wave."""
CHANCE = 3.0
"""Standard errors that a window must exceed to count when grid and quality are chosen."""
SHOWS = 2.0
WHOLE = 0.5
"""A grid that shows in this share of the windows is one of the whole picture."""
RELATED = 4.0
"""Standard errors taken off the grids that lie at 0 or 4 px from the file's own in a direction.

What is smooth along that direction looks there as it does on the file's own grid.
"""
LEAST_COUNT = 40.0
"""A window with fewer coefficients beyond half a step is smooth, and tells nothing."""


@dataclass(frozen=True, eq=False)
class Grid:
    """One earlier grid.

    `offset`: row and column, 0 to 7, at which its blocks begin; `quality`: the IJG quality whose
    steps fit best; `map`: (r, c) float32, standard errors by which each 32-px cell shows it;
    `peak`: the largest of a window; `share`: share of the windows above 2.
    """

    offset: tuple[int, int]
    quality: int
    map: Floats
    peak: float
    share: float


@dataclass(frozen=True, eq=False)
class Grids:
    """`whole`: the clearest earlier grid that most of the picture shows; `local`: one region's."""

    whole: Grid | None
    local: Grid | None


def find_grids(plane: Plane, own: tuple[int, int] | None) -> Grids | None:
    """Find earlier grids; None where a side is below 96 px.

    Args:
        plane: (H, W) uint8 luminance.
        own: row and column at which the blocks of the file's own compression begin, None where
            the file is no JPEG. All coefficients on that grid lie on its steps.
    """
    if min(plane.shape) < LEAST_SIDE:
        return None
    errors = np.stack(list(_standard_errors(sampled(plane))))
    if own is not None:
        errors[..., _related(own)] -= RELATED
        errors[..., own[0] * BLOCK + own[1]] = 0
    widely = (errors > SHOWS).mean(axis=(1, 2)) >= WHOLE
    means = np.where(widely, errors.mean(axis=(1, 2)), 0)
    whole = None
    quality, phase = np.unravel_index(np.argmax(means), means.shape)
    if widely[quality, phase]:
        whole = _grid(errors, int(quality), int(phase))
        # The same grid shows, weaker, under the steps of other qualities.
        errors[..., _related(whole.offset)] -= RELATED
        errors[..., phase] = 0
    surprise = np.square(np.maximum(errors - CHANCE, 0)).sum(axis=(1, 2))
    quality, phase = np.unravel_index(np.argmax(surprise), surprise.shape)
    local = _grid(errors, int(quality), int(phase)) if surprise.any() else None
    return Grids(whole, local)


def sampled(plane: Plane) -> Plane:
    """At most about half a megapixel: tiles of 96 px, evenly spread, on the same 8-px grid.

    Returns:
        (h, w) uint8, h and w multiples of 32.
    """
    keep = min(1.0, (MOST_PIXELS / plane.size) ** 0.5)
    if keep == 1.0:
        height, width = (side // CELL * CELL for side in plane.shape)
        return np.ascontiguousarray(plane[:height, :width])
    rows, columns = (_kept(side, max(1, int(side * keep) // TILE)) for side in plane.shape)
    return plane[rows[:, None], columns]


def _kept(side: int, count: int) -> NDArray[np.int64]:
    starts = np.linspace(0, side - TILE, count).astype(np.int64) // BLOCK * BLOCK
    return (starts[:, None] + np.arange(TILE)).ravel()


def _related(offset: tuple[int, int]) -> list[int]:
    row, column = offset
    apart = {(r, c): ((r - row) % BLOCK, (c - column) % BLOCK) for r, c in np.ndindex(BLOCK, BLOCK)}
    near = [grid for grid, gap in apart.items() if 0 in gap or gap == (BLOCK // 2, BLOCK // 2)]
    return [r * BLOCK + c for r, c in near]


def _grid(errors: Floats, quality: int, phase: int) -> Grid:
    chosen = errors[quality, ..., phase]
    return Grid(
        (phase // BLOCK, phase % BLOCK),
        QUALITIES[quality],
        _by_cell(chosen),
        float(chosen.max()),
        float((chosen > SHOWS).mean()),
    )


def _by_cell(windows: Floats) -> Floats:
    """Give every cell the mean of the windows that it is part of."""
    padded = np.pad(windows, 1, mode="edge")
    sums = padded[:-1, :-1] + padded[1:, :-1] + padded[:-1, 1:] + padded[1:, 1:]
    return np.asarray(sums / 4, dtype=np.float32)


def _standard_errors(plane: Plane) -> Iterator[Floats]:
    """By quality: (r, c, 64) how far beyond chance each window lies on the steps, on each grid."""
    levels = [_levels(plane, int(row), int(column)) for row, column in FREQUENCIES]
    for quality in QUALITIES:
        steps = luma_table(quality)[FREQUENCIES[:, 0], FREQUENCIES[:, 1]]
        packed = np.zeros(plane.shape, dtype=np.int16)
        for level, step in zip(levels, steps, strict=True):
            packed += np.asarray(cv2.LUT(level, _table(int(step))), dtype=np.int16)
        counts = (packed + COUNT // 2) // COUNT
        yield _beyond_chance(_windows(packed - COUNT * counts) / np.float32(WAVE), _windows(counts))


def _levels(plane: Plane, row: int, column: int) -> Plane:
    """One DCT coefficient of the block that begins at each pixel, in halves of a grey level."""
    dense = cv2.sepFilter2D(plane.astype(np.float32), -1, _wave(column), _wave(row), anchor=(0, 0))
    return np.asarray(cv2.convertScaleAbs(dense, alpha=RESOLUTION), dtype=np.uint8)


def _windows(values: NDArray[np.int16]) -> Floats:
    """Sum per-pixel values over windows of two by two cells, apart for each of the 64 grids."""
    rows, columns = (side // CELL for side in values.shape)
    # Slices are added a few times faster than an axis of four is summed.
    tall = values.reshape(rows, CELL // BLOCK, BLOCK * values.shape[1])
    flat = tall[:, 0] + tall[:, 1] + tall[:, 2] + tall[:, 3]
    wide = flat.reshape(rows, BLOCK, columns, CELL // BLOCK, BLOCK).astype(np.float32)
    sums = wide[:, :, :, 0] + wide[:, :, :, 1] + wide[:, :, :, 2] + wide[:, :, :, 3]
    cells = sums.transpose(0, 2, 1, 3).reshape(rows, columns, BLOCK * BLOCK)
    return np.asarray(cells[:-1, :-1] + cells[1:, :-1] + cells[:-1, 1:] + cells[1:, 1:])


def _beyond_chance(waves: Floats, counts: Floats) -> Floats:
    # What the content does to the mean wave, it does on every grid alike.
    usual = np.median(waves / np.maximum(counts, 1), axis=2, keepdims=True)
    errors = (waves - usual * counts) / np.sqrt(np.maximum(counts, 1) / 2)
    return np.where(counts >= LEAST_COUNT, errors, 0).astype(np.float32)


@cache
def _table(step: int) -> NDArray[np.int16]:
    """By coefficient: 1 and cos(2 pi c / step), packed, for those beyond half a step; else 0."""
    ratios = np.arange(HIGHEST + 1) / (RESOLUTION * step)
    packed = COUNT + np.rint(WAVE * np.cos(2 * np.pi * ratios))
    table = np.where(ratios > 1 / 2, packed, 0).astype(np.int16)
    table[HIGHEST] = 0
    return table


@cache
def _wave(frequency: int) -> Floats:
    """(8,) float32: one wave of the orthonormal DCT."""
    position = np.arange(BLOCK)
    scale = np.sqrt(1 / 8 if frequency == 0 else 1 / 4)
    wave = scale * np.cos((2 * position + 1) * frequency * np.pi / (2 * BLOCK))
    return np.asarray(wave, dtype=np.float32)
