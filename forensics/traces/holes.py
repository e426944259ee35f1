"""Irregular holes: strokes and blots, as scratches, cracks and lost corners leave them."""

import cv2
import numpy as np
from numpy.typing import NDArray

STROKES = (1, 6)
TURNS = (2, 7)
SHARE = 0.4
"""No more of a picture than this is lost."""


def random_holes(height: int, width: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw holes, (height, width) bool, True where the picture is lost: at least one pixel.

    Strokes that would take the holes above 40 % of the picture are left out.
    """
    holes = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(*STROKES))):
        drawn = _stroke(holes.copy(), rng)
        if drawn.mean() > SHARE:
            break
        holes = drawn
    if not holes.any():
        holes[int(rng.integers(height)), int(rng.integers(width))] = 1
    return holes.astype(np.bool_)


def _stroke(holes: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add a broken line whose thickness changes at every turn."""
    height, width = holes.shape
    side = min(height, width)
    point = rng.uniform(0, 1, 2) * (width, height)
    angle = rng.uniform(0, 2 * np.pi)
    for _ in range(int(rng.integers(*TURNS))):
        angle += rng.normal(0, 0.7)
        length = rng.uniform(0.05, 0.25) * side
        target = point + length * np.asarray([np.cos(angle), np.sin(angle)])
        thick = max(1, round(rng.uniform(0.02, 0.12) * side))
        ends = [(round(float(x)), round(float(y))) for x, y in (point, target)]
        cv2.line(holes, ends[0], ends[1], 1, thick)
        cv2.circle(holes, ends[1], thick // 2, 1, -1)
        point = target
    return holes
