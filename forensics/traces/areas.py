"""Connected areas of a mask."""

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def largest_area(mask: Mask) -> Mask:
    """The largest 4-connected area of (R, C) bool; empty where the mask is."""
    if not mask.any():
        return np.zeros_like(mask)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    biggest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return np.asarray(labels == biggest)


def areas_of(mask: Mask, least: int) -> list[Mask]:
    """The 8-connected areas of (R, C) bool with at least `least` cells, largest first."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    sizes = stats[:, cv2.CC_STAT_AREA]
    kept = [area for area in range(1, count) if sizes[area] >= least]
    return [np.asarray(labels == area) for area in sorted(kept, key=lambda area: -sizes[area])]
