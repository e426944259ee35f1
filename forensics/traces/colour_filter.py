"""Traces of a colour filter array: on one of two lattices green was measured, on the other guessed.

P. Ferrara, T. Bianchi, A. De Rosa and A. Piva, "Image Forgery Localization via Fine-Grained
Analysis of CFA Artifacts", IEEE TIFS 2012; A. Gallagher and T. Chen, CVPR Workshops 2008. Behind
Bayer's filter every second pixel of green, as on a chessboard, is interpolated from its
neighbours, so that the neighbours predict it better than a measured one.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats, Image, Map

CELL = 32
"""Side in px of the cells that are told apart; even."""
STRIP_ROWS = 512
LEAST_ERROR = 0.5
"""Grey levels. Below this mean error of prediction a cell holds rounding and no interpolation."""
FLOOR = 0.1
"""Grey levels added to both errors: an unrounded interpolation may leave none at all."""
LEAST_CELLS = 16
CROSS = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32) / 4
TO_SIGMA = 1.4826
LEAST_SPREAD = 0.02


@dataclass(frozen=True, eq=False)
class Lattices:
    """How much better green is predicted on one lattice than on the other.

    `ratio`: (R, C) float32, natural logarithm of the mean errors on the white squares of a
    chessboard (the first pixel is white) over those on the black ones; `usable`: (R, C) bool, the
    cells with texture. `median` of the usable cells, and `errors`: the same in robust standard
    errors of a median; both 0 where fewer than 16 cells are usable.
    """

    ratio: Floats
    usable: NDArray[np.bool_]
    median: float
    errors: float


def lattices(image: Image) -> Lattices:
    """Measure every whole 32-px cell of (H, W, 3) uint8 RGB."""
    rows, columns = image.shape[0] // CELL, image.shape[1] // CELL
    white = np.zeros((rows, columns), np.float32)
    black = np.zeros((rows, columns), np.float32)
    for top in range(0, rows * CELL if columns else 0, STRIP_ROWS):
        bottom = min(top + STRIP_ROWS, rows * CELL)
        part = slice(top // CELL, bottom // CELL)
        white[part], black[part] = _mean_errors(image[top:bottom, : columns * CELL, 1])
    ratio = np.log((white + FLOOR) / (black + FLOOR)).astype(np.float32)
    usable = np.maximum(white, black) > LEAST_ERROR
    if usable.sum() < LEAST_CELLS:
        return Lattices(ratio, usable, 0.0, 0.0)
    known = ratio[usable]
    middle = float(np.median(known))
    spread = max(TO_SIGMA * float(np.median(np.abs(known - middle))), LEAST_SPREAD)
    # The median of n normal values errs by 1.25 standard deviations over the root of n.
    return Lattices(
        ratio, usable, middle, middle * float(np.sqrt(usable.sum())) / (1.2533 * spread)
    )


def missing_cells(found: Lattices) -> NDArray[np.bool_]:
    """Textured cells without the trace that the rest shows: under half of it around them."""
    strength = _smoothed(found)
    return found.usable & (strength < 1 / 2)


def missing_map(found: Lattices) -> Map:
    """1 where the trace of the rest is missing or reversed, 0 where it is full or nothing shows."""
    scaled: Map = np.clip(1 - _smoothed(found), 0, 1) * found.usable
    return scaled.astype(np.float32)


def _mean_errors(green: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Mean absolute error of prediction of every cell on the white and on the black squares."""
    errors = np.abs(cv2.filter2D(green.astype(np.float32), -1, CROSS))
    pairs = errors.reshape(errors.shape[0] // 2, 2, errors.shape[1] // 2, 2)
    white = pairs[:, 0, :, 0] + pairs[:, 1, :, 1]
    black = pairs[:, 0, :, 1] + pairs[:, 1, :, 0]
    return _cell_means(white), _cell_means(black)


def _cell_means(values: Floats) -> Floats:
    side = CELL // 2
    height, width = values.shape
    cells = values.reshape(height // side, side, width // side, side)
    means: Floats = cells.mean(axis=(1, 3), dtype=np.float32) / 2
    return means


def _smoothed(found: Lattices) -> Floats:
    """Mean ratio of the usable cells in 3 x 3 cells over the picture's median; 1 without any."""
    weights = found.usable.astype(np.float32)
    sums, counts = (
        cv2.blur(values, (3, 3), borderType=cv2.BORDER_CONSTANT).reshape(weights.shape)
        for values in (found.ratio * weights, weights)
    )
    means = sums / np.maximum(counts, 1e-3)
    scale = found.median or 1.0
    return np.where(counts > 0, means / scale, 1).astype(np.float32)
