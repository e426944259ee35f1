"""JPEG ghosts: regions that were compressed before at another quality than the rest.

Recompressed at the quality of its first compression, a region changes little; the rest, which
never had those steps, changes as much as chance has it. On the picture's own grid, recompression
is rounding of DCT coefficients, so that no encoder has to run.

H. Farid, "Exposing Digital Forgeries from JPEG Ghosts", IEEE TIFS 2009.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from forensics.schema import Floats, Map
from forensics.traces.jpeg import luma_table
from forensics.traces.jpeg_blocks import Plane, low_coefficients, low_steps

QUALITIES = tuple(range(35, 96, 4))
"""IJG qualities at which recompression is tried."""
WINDOW = 4
"""Side in blocks of the window over which the change is averaged: 32 px."""
PRIOR = 12.0
"""Coefficients of the picture's median that are added to every window: few tell little."""
TEXTURES = 8
"""Groups of equally many windows, by their number of coefficients."""
LEAST_BLOCKS = 256
MOST_BLOCKS = 1 << 15
"""Of a larger picture only every second or third block, and so on, is looked at in a row."""
LEAST_SHARE, MOST_SHARE = 0.01, 0.5
"""A ghost covers at least and at most these shares of the picture."""


@dataclass(frozen=True, eq=False)
class Ghost:
    """The recompression under which one part of the picture changes least compared with the rest.

    `quality`: IJG quality of it; `depth`: mean relative change outside the region less that
    inside; `separation`: the depth in standard deviations within both parts; `share`: of the
    picture that the region covers; `map`: (R, C) float32 in [0, 1], by block, above 0.5 inside
    the region.
    """

    quality: int
    depth: float
    separation: float
    share: float
    map: Map


def find_ghost(plane: Plane, below: int = 100) -> Ghost | None:
    """Find the quality that divides the picture best; None below 256 whole blocks.

    Args:
        plane: (H, W) uint8 luminance, the grid of its JPEG at the top left corner.
        below: only qualities at least 3 below this one are tried: that of the file itself
            leaves every block unchanged.
    """
    coefficients = np.abs(low_coefficients(plane))
    if coefficients.shape[0] * coefficients.shape[1] < LEAST_BLOCKS:
        return None
    every = max(1, round((coefficients[..., 0].size / MOST_BLOCKS) ** 0.5))
    coefficients = coefficients[::every, ::every]
    tried = [quality for quality in QUALITIES if quality <= below - 3]
    found = [_ghost(change_map(coefficients, quality), quality) for quality in tried]
    return max(found, key=lambda ghost: ghost.depth * ghost.separation, default=None)


def change_map(coefficients: Floats, quality: int) -> Floats:
    """Mean squared change by recompression, over what chance would give, by block.

    Args:
        coefficients: (R, C, 15) absolute coefficients, from `low_coefficients`.
        quality: IJG quality of the recompression.

    Returns:
        (R, C) float32, about 1 where nothing was quantised before, 0 where the same steps were;
        what windows of like texture have in common is taken out.
    """
    steps = low_steps(luma_table(quality)).astype(np.float32)
    scaled = coefficients / steps
    nearest = np.rint(scaled)
    # What rounds to 0 changes by itself, whatever was done before.
    counted = nearest > 0
    change = np.where(counted, np.square(scaled - nearest), 0).sum(axis=2)
    sums, counts = (
        cv2.blur(each, (WINDOW, WINDOW), borderType=cv2.BORDER_REFLECT) * WINDOW**2
        for each in (change, counted.sum(axis=2).astype(np.float32))
    )
    usual = float(sums.sum() / max(counts.sum(), 1e-6)) if counts.any() else 1 / 12
    return _levelled(12 * (sums + PRIOR * usual) / (counts + PRIOR), counts)


def _levelled(change: Floats, counts: Floats) -> Floats:
    """Take out of the changes what goes with the number of coefficients: smooth parts differ."""
    order = np.argsort(counts, axis=None)
    bounds = -(-np.arange(TEXTURES + 1) * counts.size // TEXTURES)
    ranked, flat = np.split(change.ravel()[order], bounds[1:-1]), np.empty_like(change).ravel()
    medians = np.array([np.median(group) for group in ranked])
    flat[order] = np.repeat(medians, np.diff(bounds))
    levelled = change - flat.reshape(change.shape) + np.median(change)
    return np.asarray(np.maximum(levelled, 0), dtype=np.float32)


def _ghost(change: Floats, quality: int) -> Ghost:
    """Divide a map of changes in two parts where their means lie furthest apart (Otsu)."""
    low, high = float(change.min()), float(change.max())
    scaled = np.clip((change - low) / max(high - low, 1e-6), 0, 1)
    levels = np.rint(scaled * 255).astype(np.uint8)
    threshold, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    inside = levels <= threshold
    share = float(inside.mean())
    if not LEAST_SHARE <= share <= MOST_SHARE:
        return Ghost(quality, 0.0, 0.0, share, np.zeros_like(change))
    depth = float(change[~inside].mean() - change[inside].mean())
    spread = float(np.sqrt((change[~inside].var() + change[inside].var()) / 2))
    shown = np.clip(0.5 + (threshold / 255 - scaled) * (high - low) / (2 * depth), 0, 1)
    return Ghost(quality, depth, depth / max(spread, 0.05), share, shown.astype(np.float32))
