"""Bends one face onto another's landmarks, triangle by triangle."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from forensics.schema import Floats, Image

Region = tuple[slice, slice]
"""Rows and columns of a picture."""
Triangles = NDArray[np.intp]


class Warped(NamedTuple):
    """A bent face: `image` (h, w, 3) uint8 RGB fills `region` of the target."""

    image: Image
    region: Region


def region_around(points: Floats, shape: tuple[int, ...], margin: float) -> Region:
    """The rectangle around (N, 2) points, wider by `margin` px, within a picture of `shape`.

    At least one pixel; of points outside the picture, the nearest.
    """
    limits = np.asarray(shape[1::-1])
    low = np.clip(np.floor(points.min(axis=0) - margin), 0, limits - 1).astype(int)
    high = np.clip(np.ceil(points.max(axis=0) + margin), low + 1, limits).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def triangulated(points: Floats) -> Triangles:
    """Delaunay's triangles of (N, 2) points: (T, 3) indices."""
    triangles: Triangles = Delaunay(points).simplices.astype(np.intp)
    return triangles


def warp_onto(
    image: Image, source: Floats, target: Floats, triangles: Triangles, shape: tuple[int, ...]
) -> Warped:
    """Bend a picture piecewise affinely so that its points come to lie on others.

    Args:
        image: (H, W, 3) uint8 RGB, what `source` lies in.
        source: (N, 2) points in px of `image`.
        target: (N, 2) points in px of the picture to fill.
        triangles: (T, 3) of the points.
        shape: of the picture to fill.

    Returns:
        The bent picture in the target's rectangle around the points; what lies outside the
        triangles, their convex hull, is of no meaning.
    """
    region = region_around(target, shape, 0)
    image, source = _shrunk(image, source, target)
    corner = np.asarray([region[1].start, region[0].start], np.float32)
    height, width = (side.stop - side.start for side in region)
    places = _sampled_at(source, target - corner, triangles, (height, width))
    bent = cv2.remap(
        image,
        places[..., 0],
        places[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return Warped(bent.astype(np.uint8, copy=False), region)


def _sampled_at(
    source: Floats, target: Floats, triangles: Triangles, size: tuple[int, int]
) -> Floats:
    """For each pixel, the place of the source that it shows: (h, w, 2) float32 x y for cv2."""
    which = np.zeros(size, np.int32)
    for number, corners in enumerate(target[triangles], start=1):
        cv2.fillConvexPoly(which, np.rint((corners - 0.5) * 16).astype(np.int32), number, shift=4)
    ends = np.concatenate([target[triangles], np.ones((len(triangles), 3, 1))], axis=2)
    # Row 0 sends the pixels of no triangle outside the picture.
    maps = np.full((len(triangles) + 1, 3, 2), 0.0)
    maps[0, 2] = -10
    maps[1:] = np.linalg.pinv(ends) @ source[triangles]
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32) + 0.5
    chosen = maps[which].astype(np.float32)
    places = columns[..., None] * chosen[..., 0, :] + rows[..., None] * chosen[..., 1, :]
    # cv2 puts pixel centres on integers, landmarks count from the outer corner.
    return np.asarray(places + chosen[..., 2, :] - 0.5, np.float32)


def _shrunk(image: Image, source: Floats, target: Floats) -> tuple[Image, Floats]:
    """Cut the source's surroundings and shrink them by area where the target is smaller.

    Sampling single pixels of a larger face would alias.
    """
    rows, columns = region_around(source, image.shape, 4)
    cut, moved = image[rows, columns], source - np.asarray([columns.start, rows.start])
    scale = float(
        np.sqrt(np.prod(np.ptp(target, axis=0)) / max(np.prod(np.ptp(source, axis=0)), 1))
    )
    if scale >= 1:
        return np.ascontiguousarray(cut), np.asarray(moved, np.float32)
    size = [max(1, round(length * scale)) for length in cut.shape[1::-1]]
    small = cv2.resize(np.ascontiguousarray(cut), size, interpolation=cv2.INTER_AREA)
    factors = np.divide(size, cut.shape[1::-1])
    return small.astype(np.uint8, copy=False), np.asarray(moved * factors, np.float32)
