"""Noise level cell by cell, and where it differs from what brightness and texture explain.

B. Mahdian and S. Saic, "Using Noise Inconsistencies for Blind Image Forensics", Image and Vision
Computing 2009: the median absolute deviation of the diagonal details of a wavelet transform. Here
the wavelet is Haar's, and the levels are compared with a regression on brightness and texture
instead of merged by a fixed threshold, because sensor noise grows with light and texture looks
like noise.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats, Image, Map
from forensics.traces.noise import luma

CELL = 32
"""Side of a cell in px: 256 diagonal details, whose median deviation errs by about a twelfth."""
LEAST_CELLS = 16
STRIP_ROWS = 512
FLOOR = 0.05
"""Grey levels; below it there is only the rounding of the picture."""
CLIPPED = (4.0, 251.0)
"""Mean grey levels beyond which a cell is black or white, so that its noise was cut off."""
TO_SIGMA = 1.4826
TWOFOLD = float(np.log(2))
_ROUNDS = 6
_HUBER = 1.345


@dataclass(frozen=True, eq=False)
class NoiseLevels:
    """Cells of a picture, each (R, C) float32; what remains at the right and lower border is out.

    `sigma`: standard deviation of the noise in grey levels. `brightness`: mean grey level.
    `texture`: standard deviation of the 4-px means in grey levels.
    """

    sigma: Floats
    brightness: Floats
    texture: Floats


def noise_levels(image: Image) -> NoiseLevels:
    """Measure every whole 32-px cell of (H, W, 3) uint8 RGB; R or C may be 0."""
    rows, columns = image.shape[0] // CELL, image.shape[1] // CELL
    if not rows * columns:
        return NoiseLevels(*(np.zeros((rows, columns), np.float32) for _ in range(3)))
    strips = [
        _strip_levels(luma(image[top : min(top + STRIP_ROWS, rows * CELL), : columns * CELL]))
        for top in range(0, rows * CELL, STRIP_ROWS)
    ]
    return NoiseLevels(*(np.concatenate(parts) for parts in zip(*strips, strict=True)))


def unexplained(levels: NoiseLevels) -> tuple[Floats, NDArray[np.bool_]]:
    """How far the noise of each cell is from that of other cells of its brightness and texture.

    Returns:
        (R, C) float32, the natural logarithm of measured over expected noise, 0 where a cell is
        black, white or the picture has fewer than 16 usable cells; and (R, C) bool, the usable
        cells.
    """
    usable = (levels.brightness > CLIPPED[0]) & (levels.brightness < CLIPPED[1])
    ratio = np.zeros_like(levels.sigma)
    if usable.sum() < LEAST_CELLS:
        return ratio, np.zeros_like(usable)
    logs = np.log(np.maximum(levels.sigma, FLOOR)).astype(np.float64)
    causes = _causes(levels)
    expected = causes @ _robust_fit(causes[usable], logs[usable])
    ratio[usable] = (logs - expected)[usable]
    return ratio, usable


def level_map(ratio: Floats) -> Map:
    """Scale `unexplained` to [0, 1], so that 0.5 marks twice or half the expected noise."""
    scaled: Map = np.clip(np.abs(ratio) / (2 * TWOFOLD), 0, 1)
    return scaled.astype(np.float32)


def _strip_levels(gray: Floats) -> tuple[Floats, Floats, Floats]:
    """The three measures of the cells of a strip whose sides are multiples of 32 px."""
    a, b = gray[::2, ::2], gray[::2, 1::2]
    c, d = gray[1::2, ::2], gray[1::2, 1::2]
    details = _cells(np.abs(a - b - c + d) / 2, CELL // 2)
    middle = details.shape[-1] // 2
    sigma = TO_SIGMA * np.partition(details, middle, axis=-1)[..., middle]
    fours = _cells(gray, 4).mean(axis=-1)
    cells = _cells(fours, CELL // 4)
    return sigma.astype(np.float32), cells.mean(axis=-1), cells.std(axis=-1)


def _cells(values: Floats, side: int) -> Floats:
    """(R * side, C * side) as (R, C, side * side)."""
    height, width = values.shape
    parts = values.reshape(height // side, side, width // side, side).swapaxes(1, 2)
    return parts.reshape(height // side, width // side, side * side)


def _causes(levels: NoiseLevels) -> NDArray[np.float64]:
    light = levels.brightness.astype(np.float64) / 255
    texture = np.log(levels.texture.astype(np.float64) + 1 / 2)
    return np.stack([np.ones_like(light), light, light**2, texture, texture**2], axis=-1)


def _robust_fit(causes: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares that outliers pull little: Huber's weights, a few rounds."""
    weights: NDArray[np.float64] = np.ones(len(values))
    fitted = np.zeros(causes.shape[1])
    for _ in range(_ROUNDS):
        root = np.sqrt(weights)
        found = np.linalg.lstsq(causes * root[:, None], values * root, rcond=1e-6)[0]
        fitted = np.asarray(found, np.float64)
        errors = np.abs(values - causes @ fitted)
        scale = max(TO_SIGMA * float(np.median(errors)), 1e-3)
        weights = np.asarray(np.minimum(1, _HUBER * scale / np.maximum(errors, 1e-12)), np.float64)
    return fitted
