"""Which pictures generators never learn from, and how pictures come to one size."""

import hashlib

import cv2
import numpy as np

from forensics.schema import Image

HELD_OUT = 10
"""One picture in so many is never learned from; distances to real pictures are measured on it."""


def held_out(name: str) -> bool:
    """Whether a picture belongs to the tenth that is never learned from; depends on the name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % HELD_OUT == 0


def square(image: Image, resolution: int) -> Image:
    """Cut (H, W, 3) to its central square and shrink it by areas to (resolution, resolution, 3).

    Raises:
        ValueError: the picture is smaller than that.
    """
    side = min(image.shape[:2])
    if side < resolution:
        raise ValueError(f"{image.shape[1]} x {image.shape[0]} px, smaller than {resolution} px")
    top, left = ((size - side) // 2 for size in image.shape[:2])
    cut = image[top : top + side, left : left + side]
    if side == resolution:
        return np.ascontiguousarray(cut)
    return np.asarray(cv2.resize(cut, (resolution, resolution), interpolation=cv2.INTER_AREA))
