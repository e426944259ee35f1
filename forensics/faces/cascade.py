"""The arithmetic of the MTCNN cascade: pyramid, boxes, overlaps, crops. Arrays in, arrays out.

Boxes are (N, 4) float32 x1 y1 x2 y2 in px, (0, 0) being the outer corner of the first pixel. The
original counts pixels from 1 and boxes inclusively; its x1 - 1 and x2 are our x1 and x2.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats, Image

WINDOW, STRIDE = 12, 2
"""Side and spacing in px of the windows that the P-Net judges."""
STEP = 0.709
"""Each pyramid level is this much smaller than the one before: half the area, as published."""

Indices = NDArray[np.intp]


def pyramid_scales(height: int, width: int, smallest: float) -> list[float]:
    """Scales at which faces from `smallest` px up to the whole picture fill one window."""
    first = WINDOW / smallest
    levels = np.log(WINDOW / (min(height, width) * first)) / np.log(STEP)
    return [first * STEP**level for level in range(int(np.floor(levels)) + 1)]


def resized(image: Image, width: int, height: int) -> Image:
    """Resize (H, W, 3) uint8 by area, the only filter of OpenCV that does not alias downwards."""
    size = (max(width, 1), max(height, 1))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def window_boxes(
    probability: Floats, shift: Floats, scale: Floats, threshold: float
) -> tuple[Floats, Floats]:
    """Turn P-Net maps into boxes of the picture.

    Args:
        probability: (h, w) of a face in each window.
        shift: (h, w, 4) of the window's corners in window widths.
        scale: (2,) by how much x and y of the level are smaller than the picture's.
        threshold: windows below it are dropped.

    Returns:
        (N, 4) boxes not yet shifted, with (N, 5) probability and shifts.
    """
    rows, columns = np.nonzero(probability >= threshold)
    corners = np.stack([columns, rows], axis=1) * STRIDE
    boxes = np.concatenate([corners, corners + WINDOW], axis=1) / np.tile(scale, 2)
    facts = np.concatenate([probability[rows, columns, None], shift[rows, columns]], axis=1)
    return boxes.astype(np.float32), facts


def shifted(boxes: Floats, shift: Floats) -> Floats:
    """Move each corner of (N, 4) boxes by its (N, 4) shift in box widths and heights."""
    size = boxes[:, 2:] - boxes[:, :2]
    return boxes + shift * np.tile(size, 2)


def squared(boxes: Floats) -> Floats:
    """The squares around (N, 4) boxes: same centres, longer sides, on whole pixels."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    side = np.maximum(np.round((boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)), 1)
    corner = np.round(centre - side / 2)
    return np.concatenate([corner, corner + side], axis=1).astype(np.float32)


def crops(image: Image, squares: Floats, side: int) -> Image:
    """Cut (N, 4) whole-pixel squares and resize each to (N, side, side, 3) uint8.

    What lies outside the picture is black, as in the networks' training.
    """
    height, width = image.shape[:2]
    corners = squares.astype(int)
    beyond = int(max(-corners.min(), (corners[:, 2:] - (width, height)).max(), 0))
    padded = np.pad(image, ((beyond, beyond), (beyond, beyond), (0, 0)))
    cuts = [padded[y1:y2, x1:x2] for x1, y1, x2, y2 in corners + beyond]
    return np.stack([resized(cut, side, side) for cut in cuts])


def centred_within(boxes: Floats, height: int, width: int) -> NDArray[np.bool_]:
    """Which of (N, 4) boxes have their centre in the picture: (N,) bool."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = (centre >= 0) & (centre <= np.asarray([width, height]))
    return np.asarray(inside.all(axis=1), dtype=np.bool_)


def overlap(box: Floats, boxes: Floats, *, of_smaller: bool = False) -> Floats:
    """Intersection of (4,) with each of (N, 4) boxes over their union, or over the smaller one."""
    (left, top, right, bottom), (x1, y1, x2, y2) = box, boxes.T
    width = np.minimum(right, x2) - np.maximum(left, x1)
    height = np.minimum(bottom, y2) - np.maximum(top, y1)
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    area, areas = (right - left) * (bottom - top), (x2 - x1) * (y2 - y1)
    whole = np.minimum(area, areas) if of_smaller else area + areas - shared
    return np.asarray(shared / np.maximum(whole, 1e-6), dtype=np.float32)


def without_doubles(
    boxes: Floats, scores: Floats, threshold: float, *, of_smaller: bool = False
) -> Indices:
    """Indices of boxes kept, best score first: each overlaps no better one above `threshold`."""
    kept = []
    waiting = np.argsort(-scores, kind="stable")
    while waiting.size:
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        others = overlap(boxes[best], boxes[waiting], of_smaller=of_smaller)
        waiting = waiting[others <= threshold]
    return np.asarray(kept, dtype=np.intp)
