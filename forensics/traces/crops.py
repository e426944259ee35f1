"""Where to look: native crops, never shrunk, because shrinking erases the traces."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from forensics.schema import Image

NEARLY = 1.25
"""A row of crops that covers its length up to this factor reaches from border to border."""
LEFT_OUT = 0.15
"""A single crop covers a length that exceeds it by this share of its side."""


def padded(image: Image, side: int) -> Image:
    """Mirror a picture at its right and lower border until both sides reach `side` px."""
    height, width = image.shape[:2]
    if height >= side and width >= side:
        return image
    rows = _mirrored(height, max(side, height))
    columns = _mirrored(width, max(side, width))
    return np.ascontiguousarray(image[rows][:, columns])


def fitting_side(image: Image, most: int, cell: int) -> int:
    """The side of the largest square of whole cells that fits into a picture, in px.

    Args:
        image: (H, W, 3).
        most: the largest side, a multiple of `cell`.
        cell: side of a cell in px; smaller pictures give one cell.
    """
    smaller: int = min(image.shape[:2])
    return min(most, max(cell, smaller // cell * cell))


def native_crops(image: Image, side: int, at_most: int) -> list[Image]:
    """Cut an even grid of crops, at native resolution, that covers a picture as well as it can.

    Args:
        image: (H, W, 3) uint8 RGB, any size; smaller pictures are mirrored up to `side`.
        side: side of the square crops in px.
        at_most: the largest number of crops.

    Returns:
        1 to `at_most` crops, (side, side, 3) uint8 RGB, in reading order.
    """
    image = padded(image, side)
    return [image[area] for area in crop_areas(image.shape[:2], side, at_most)]


def crop_areas(shape: Sequence[int], side: int, at_most: int) -> list[tuple[slice, slice]]:
    """Where `native_crops` cuts (height, width) px; a smaller picture is one area, whole."""
    height, width = shape
    rows, columns = _grid(height / side, width / side, at_most)
    tops, lefts = _offsets(height, side, rows), _offsets(width, side, columns)
    return [(slice(t, t + side), slice(left, left + side)) for t in tops for left in lefts]


def covering_areas(shape: Sequence[int], side: int, at_most: int) -> list[tuple[slice, slice]]:
    """Where to cut crops that leave at most borders of a picture unseen; they may overlap.

    Args:
        shape: height and width in px.
        side: of a crop in px.
        at_most: crops; none at all where that takes more.
    """
    lengths = [length / side for length in shape[:2]]
    rows, columns = (1 if length <= 1 + LEFT_OUT else ceil(length) for length in lengths)
    if rows * columns > at_most:
        return []
    height, width = shape[:2]
    tops, lefts = _offsets(height, side, rows), _offsets(width, side, columns)
    return [(slice(t, t + side), slice(left, left + side)) for t in tops for left in lefts]


def _offsets(length: int, side: int, count: int) -> list[int]:
    """Where crops start: border to border where they nearly touch, else each in its own cell."""
    if count > 1 and length <= NEARLY * count * side:
        return [round(index * (length - side) / (count - 1)) for index in range(count)]
    starts = [int((index + 1 / 2) * length / count - side / 2) for index in range(count)]
    return [max(0, start) for start in starts]


def _grid(rows: float, columns: float, at_most: int) -> tuple[int, int]:
    """The largest grid without much overlap whose product stays within `at_most`."""
    down, across = max(1, int(rows)), max(1, int(columns))
    while down * across > at_most:
        if across == 1 or (down > 1 and down / rows >= across / columns):
            down -= 1
        else:
            across -= 1
    return down, across


def _mirrored(length: int, wanted: int) -> NDArray[np.intp]:
    period = np.concatenate([np.arange(length), np.arange(length - 1, -1, -1)])
    return np.resize(period, wanted).astype(np.intp)
