"""Cuts aligned faces by landmarks, and lays made ones back into the picture."""

import cv2
import numpy as np

from forensics.faces.align import TEMPLATE, Matrix, on_pixel_centres, similarity, warped_chip
from forensics.faces.landmarks import five_points
from forensics.faces.masks import polygon_mask
from forensics.faces.warping import Region, Warped, region_around
from forensics.schema import Floats, Image, Map


def chip_matrix(landmarks: Floats, size: int, *, template: Matrix = TEMPLATE) -> Matrix:
    """The (2, 3) matrix from px of a picture to px of an aligned chip.

    Args:
        landmarks: (68, 2) in px of the picture.
        size: side of the chip in px.
        template: (5, 2) where eyes, nose tip and mouth corners lie in a chip of side 1.
    """
    return similarity(five_points(landmarks), (template * size).astype(np.float32))


def zoomed(share: float, *, down: float = 0.0) -> Matrix:
    """ArcFace's template shrunk to `share` of its size, so that a chip shows more of the head.

    Args:
        share: above 0; 1 leaves it as it is.
        down: moves the face down by this share of the chip.
    """
    moved: Matrix = (TEMPLATE - 0.5) * share + np.asarray([0.5, 0.5 + down])
    return moved


def cut(image: Image, matrix: Matrix, size: int) -> Image:
    """The chip that a matrix shows: (size, size, 3) uint8 RGB."""
    return warped_chip(image, matrix, size)


def laid_back(chip: Image, matrix: Matrix, shape: tuple[int, ...]) -> Warped:
    """Turn, move and scale a chip back to where it was cut, the rest continuing its border.

    Args:
        chip: (size, size, 3) uint8 RGB.
        matrix: what `cut` cut it with.
        shape: of the picture.
    """
    region, moved = _local(chip, matrix, shape)
    height, width = (side.stop - side.start for side in region)
    bent = cv2.warpAffine(
        chip,
        on_pixel_centres(moved),
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return Warped(bent.astype(np.uint8, copy=False), region)


def coverage(chip: Image, matrix: Matrix, shape: tuple[int, ...]) -> Map:
    """Where a chip of `laid_back` lies in its region: (h, w) float32, 0 or 1."""
    region, _ = _local(chip, matrix, shape)
    size = [side.stop - side.start for side in region]
    corner = np.asarray([region[1].start, region[0].start], np.float32)
    return polygon_mask(_corners(chip.shape[0], matrix) - corner, (*size,))


def _local(chip: Image, matrix: Matrix, shape: tuple[int, ...]) -> tuple[Region, Matrix]:
    """The rectangle of the picture that a chip covers, and the matrix from px of it."""
    region = region_around(_corners(chip.shape[0], matrix), shape, 0)
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ (region[1].start, region[0].start)
    return region, moved


def _corners(size: int, matrix: Matrix) -> Floats:
    ends = np.asarray([[0, 0], [size, 0], [size, size], [0, size]])
    return np.asarray((ends - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T, np.float32)
