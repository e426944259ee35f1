"""Cuts faces out of a picture: native squares for detectors, aligned chips for recognition."""

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.schema import Face, Floats, Image

Matrix = NDArray[np.float64]
"""(2, 3), from x y 1 to x y."""

# The five points of a face in 112 px, as ArcFace (Deng et al. 2019) and SphereFace align them.
TEMPLATE = (
    np.asarray(
        [
            [38.2946, 51.6963],
            [73.5318, 51.5014],
            [56.0252, 71.7366],
            [41.5493, 92.3655],
            [70.7299, 92.2041],
        ],
        dtype=np.float64,
    )
    / 112
)
"""(5, 2) x y of eyes, nose tip and mouth corners in a chip of side 1."""


def face_crop(image: Image, face: Face, *, margin: float = 0.3) -> Image:
    """Cut the square around a face, pixel by pixel, nothing resampled.

    At a border the square moves inwards; where the picture is narrower than it, the margin gives
    way, and only a box longer than the picture is narrow gets mirrored pixels.

    Args:
        image: (H, W, 3) uint8 RGB.
        face: a face of `image`.
        margin: how much is added on each side, in longer sides of the box.

    Returns:
        (side, side, 3) uint8 RGB.

    Raises:
        ValueError: `margin` is negative.
    """
    if margin < 0:
        raise ValueError(f"margin must not be negative, got {margin}")
    longer = float((face.box[2:] - face.box[:2]).max())
    shape = np.asarray(image.shape[:2])
    side = max(1, round(longer), min(round(longer * (1 + 2 * margin)), int(shape.min())))
    centre = (face.box[:2] + face.box[2:])[::-1] / 2
    corner = np.round(centre - side / 2).astype(int)
    corner = np.where(shape >= side, np.clip(corner, 0, np.maximum(shape - side, 0)), corner)
    rows, columns = (
        _mirrored(start, side, length) for start, length in zip(corner, shape, strict=True)
    )
    return image[np.ix_(rows, columns)]


def aligned_crop(
    image: Image,
    face: Face,
    size: int,
    *,
    template: Matrix = TEMPLATE,
    counts: tuple[int, ...] = (1, 1, 1, 1, 1),
) -> Image:
    """Turn, move and scale a face so that its landmarks fit a template: (size, size, 3) uint8 RGB.

    Args:
        image: (H, W, 3) uint8 RGB.
        face: a face of `image`.
        size: side of the chip in px.
        template: (5, 2) x y of the landmarks in a chip of side 1.
        counts: how many times each landmark counts in the fit.

    Raises:
        ValueError: `size` is below 1, or the landmarks lie on one spot.
    """
    if size < 1:
        raise ValueError(f"size must be 1 px or more, got {size}")
    target = (template * size).astype(np.float32)
    matrix = similarity(face.landmarks.repeat(counts, axis=0), target.repeat(counts, axis=0))
    return warped_chip(image, matrix, size)


def ffhq_crop(image: Image, face: Face, size: int) -> Image:
    """Cut a face as the pictures of FFHQ are cut (Karras et al. 2019): (size, size, 3) uint8 RGB.

    Eyes and mouth span the square: its half side is the larger of twice the distance of the eyes
    and 1.8 times that of eyes and mouth, mirrored beyond the border.
    """
    points = face.landmarks.astype(np.float64)
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    across, down = points[1] - points[0], mouth - eyes
    axis = across - np.asarray([-down[1], down[0]])
    axis *= max(2 * np.hypot(*across), 1.8 * np.hypot(*down)) / np.hypot(*axis)
    centre = eyes + 0.1 * down
    corners = [centre - axis, centre + axis]
    edge = np.asarray([[0, size / 2], [size, size / 2]])
    return warped_chip(image, similarity(np.stack(corners), edge), size)


def warped_chip(image: Image, matrix: Matrix, size: int) -> Image:
    """Cut what a matrix shows of a picture, without aliasing; mirrored beyond the border.

    Args:
        image: (H, W, 3) uint8 RGB.
        matrix: (2, 3), from px of `image` to px of the chip; it turns, scales and moves alike in
            all directions.
        size: side of the chip in px.
    """
    image, matrix = _region(image, matrix, size)
    scale = float(np.hypot(*matrix[:, 0]))
    if scale < 1:
        # Warping samples single pixels, so a larger face would alias: shrink by area first.
        image, matrix = _shrunk(image, matrix, scale)
    chip = cv2.warpAffine(
        np.ascontiguousarray(image),
        on_pixel_centres(matrix),
        (size, size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return chip.astype(np.uint8, copy=False)


def similarity(source: Floats, target: Floats) -> Matrix:
    """The (2, 3) matrix that turns, scales and moves (N, 2) points best onto others.

    Least squares without mirroring: as complex numbers the map is target = a source + b.

    Raises:
        ValueError: all source points are one.
    """
    start, end = (points.astype(np.float64) @ np.asarray([1, 1j]) for points in (source, target))
    spread = start - start.mean()
    if not np.abs(spread).max() > 0:
        raise ValueError(f"landmarks lie on one spot: {source[0]}")
    a = np.vdot(spread, end - end.mean()) / np.vdot(spread, spread).real
    b = end.mean() - a * start.mean()
    return np.asarray([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def _mirrored(start: int, count: int, length: int) -> NDArray[np.intp]:
    """Indices start .. start + count, those outside [0, length) mirrored back into it."""
    wrapped = np.arange(start, start + count) % (2 * length)
    return np.minimum(wrapped, 2 * length - 1 - wrapped)


def _region(image: Image, matrix: Matrix, size: int) -> tuple[Image, Matrix]:
    """Cut what a (size, size) chip shows of a picture, and a little more; the matrix follows."""
    around = np.asarray(
        [[-2, -2, 1], [size + 2, -2, 1], [-2, size + 2, 1], [size + 2, size + 2, 1]]
    )
    corners = around @ np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2].T
    limits = np.asarray(image.shape[1::-1])
    low = np.clip(np.floor(corners.min(axis=0)), 0, limits - 1).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)), low + 1, limits).astype(int)
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ low
    return image[low[1] : high[1], low[0] : high[0]], moved


def _shrunk(image: Image, matrix: Matrix, scale: float) -> tuple[Image, Matrix]:
    """Resize by area to about `scale`; the matrix follows."""
    height, width = (max(1, round(length * scale)) for length in image.shape[:2])
    small = cv2.resize(np.ascontiguousarray(image), (width, height), interpolation=cv2.INTER_AREA)
    grown = np.diag([image.shape[1] / width, image.shape[0] / height, 1.0])
    return small.astype(np.uint8, copy=False), matrix @ grown


def on_pixel_centres(matrix: Matrix) -> Matrix:
    """Restate a (2, 3) matrix for cv2, which puts pixel centres on integers and not on halves."""
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2].sum(axis=1) / 2 - 0.5
    return moved
