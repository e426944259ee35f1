"""Keypoints of a picture that resemble others of the same picture.

D. Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004; the comparison of
descriptors and the test for several copies after I. Amerini et al., IEEE TIFS 2011.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats
from forensics.traces.matches import NO_MATCHES, Matches

MOST_KEYPOINTS = 2500
SMALL = 300_000
"""px up to which describing all keypoints costs less than a second pass for those that are kept."""
SPREAD = 16
"""Cells a side that give their strongest keypoints in turn: else a textured part takes all."""
CONTRAST = 0.02
"""Half of what OpenCV asks for; at a fifth of this, in crops kept for such choices, no more copies
are found (545 of 571 instead of 544)."""
NEAREST = 24.0
"""px between the two ends of a match, and between the centres of two regions, at least."""
ALIKE = 0.45
"""Distance of two unit descriptors (square roots of SIFT's) up to which they match."""
RATIO = 0.8
NEIGHBOURS = 3
MOST_MATCHES = 3000
SCALES = (0.5, 2.0)
LEAST_KEYPOINTS = 4


def matched(gray: Floats) -> Matches:
    """Matches between keypoints of one picture, each in both directions."""
    finder = cv2.SIFT.create(contrastThreshold=CONTRAST)
    shades = np.clip(np.rint(gray), 0, 255).astype(np.uint8)
    if gray.size <= SMALL:
        points, descriptors = finder.detectAndCompute(shades, None)
    else:
        points, descriptors = finder.detect(shades, None), None
    if len(points) < LEAST_KEYPOINTS:
        return NO_MATCHES
    chosen = _spread(points, gray.shape)
    points = [points[index] for index in chosen]
    if descriptors is None:
        points, descriptors = finder.compute(shades, points)
    else:
        descriptors = descriptors[chosen]
    places = np.array([point.pt for point in points])
    angles = np.radians([point.angle for point in points])
    vectors = np.array([point.size for point in points]) * np.exp(1j * angles)
    first, second = _nearest(_unit(np.asarray(descriptors, np.float32)), places)
    turns = vectors[second] / vectors[first]
    kept = (np.abs(turns) > SCALES[0]) & (np.abs(turns) < SCALES[1])
    return Matches(places[first[kept]], places[second[kept]], turns[kept])


def _spread(points: Sequence[cv2.KeyPoint], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Indices of the strongest keypoints of every cell of the picture."""
    places = np.array([point.pt for point in points])
    rows, columns = (places[:, ::-1] * SPREAD / shape).astype(int).T
    cells, strength = rows * SPREAD + columns, np.array([-point.response for point in points])
    order = np.lexsort((strength, cells))
    firsts = np.searchsorted(cells[order], cells[order])
    ranks = np.arange(len(order)) - firsts
    return np.asarray(order[np.argsort(ranks, kind="stable")][:MOST_KEYPOINTS], np.int64)


def _unit(descriptors: Floats) -> Floats:
    """R. Arandjelovic and A. Zisserman, "Three Things Everyone Should Know...", CVPR 2012."""
    total = np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-6)
    return np.asarray(np.sqrt(descriptors / total), np.float32)


def _nearest(vectors: Floats, places: NDArray[np.float64]) -> tuple[NDArray[np.int64], ...]:
    """Index pairs of points that are alike and lie apart; the most alike first."""
    order = np.argsort(places[:, 1], kind="stable")
    vectors, (x, y) = vectors[order], places[order].T.astype(np.float32)
    pairs = []
    for start in range(0, len(vectors), 500):
        part = slice(start, start + 500)
        likeness = vectors[part] @ vectors.T
        # From top to bottom, those that may lie near are a band.
        band = slice(*np.searchsorted(y, (y[part][0] - NEAREST, y[part][-1] + NEAREST)))
        near = np.abs(x[part, None] - x[band]) < NEAREST
        near &= np.abs(y[part, None] - y[band]) < NEAREST
        likeness[:, band][near] = -1
        pairs.append(_good_pairs(likeness) + np.array([[start], [0], [0]]))
    rows, columns, distances_of = np.concatenate(pairs, axis=1)
    best = np.argsort(distances_of, kind="stable")[:MOST_MATCHES]
    rows, columns = (order[ends[best].astype(np.int64)] for ends in (rows, columns))
    return np.concatenate([rows, columns]), np.concatenate([columns, rows])


def _good_pairs(likeness: Floats) -> NDArray[np.float64]:
    """(3, N): row, column and distance of the nearest, or of the two nearest if both stand out.

    `likeness` is used up.
    """
    if likeness.shape[1] < NEIGHBOURS:
        return np.zeros((3, 0))
    rows = np.arange(len(likeness))
    nearest, found = [], []
    for _ in range(NEIGHBOURS):
        nearest.append(likeness.argmax(axis=1))
        found.append(likeness[rows, nearest[-1]])
        likeness[rows, nearest[-1]] = -2
    one, two, three = np.sqrt(np.maximum(2 - 2 * np.array(found), 0))
    first = (one < ALIKE) & (one < RATIO * two)
    both = (two < ALIKE) & (two < RATIO * three)
    chosen = [(rows[first | both], 0, one[first | both]), (rows[both], 1, two[both])]
    parts = [np.stack([row, nearest[rank][row], value]) for row, rank, value in chosen]
    return np.concatenate(parts, axis=1)
