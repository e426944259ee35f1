"""Traces of JPEG: recompression, quality from tables, quality from pixels, the 8-px grid."""

from collections.abc import Sequence
from functools import cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from forensics.schema import Floats, Image
from forensics.traces.noise import luma

BLOCK = 8
# The example luminance table of the JPEG standard (ITU-T T.81, table K.1), which the IJG library
# scales by quality; rows from low to high vertical frequency.
STANDARD_LUMA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
MIDDLE_QUALITY = 50
"""The quality at which the IJG library uses the standard's table as it is."""
QUALITIES = np.arange(20, 98)
"""Qualities told apart from pixels. Above 97 the steps drown in the rounding to 8 bits."""
# The lowest alternating frequencies of a block (row, column): coarse enough to be populated.
FREQUENCIES = np.array([(0, 1), (1, 0), (1, 1), (2, 0), (0, 2), (2, 1), (1, 2), (3, 0), (0, 3)])
HALF_STEP = 0.5
LEAST_COEFFICIENTS = 60
LEAST_FIT = 0.5


def recompress(image: Image, quality: int) -> Image:
    """Compress (H, W, 3) uint8 RGB as JPEG without chroma subsampling and decode it again."""
    buffer = BytesIO()
    Pillow.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=0)
    return np.asarray(Pillow.open(buffer))


@cache
def luma_table(quality: int) -> NDArray[np.int64]:
    """The IJG library's (8, 8) luminance quantisation steps at a quality of 1 to 100."""
    scale = 5000 // quality if quality < MIDDLE_QUALITY else 200 - 2 * quality
    steps: NDArray[np.int64] = np.clip((STANDARD_LUMA * scale + 50) // 100, 1, 255)
    return steps


def table_quality(table: Sequence[int]) -> int:
    """The IJG quality, 1 to 100, whose luminance table is nearest to these 64 steps (row major).

    Raises:
        ValueError: the table does not have 64 entries.
    """
    if len(table) != BLOCK * BLOCK:
        raise ValueError(f"a quantisation table has 64 entries, got {len(table)}")
    given = np.asarray(table, dtype=np.float64).reshape(BLOCK, BLOCK)
    distances = [np.abs(luma_table(quality) - given).sum() for quality in range(1, 101)]
    return int(np.argmin(distances)) + 1


def image_quality(image: Image) -> int | None:
    """The JPEG quality that the pixels of (H, W, 3) uint8 RGB still show, from 1,024 blocks."""
    blocks = sample_blocks(image)
    if not len(blocks):
        return None
    gray = luma(blocks.reshape(-1, BLOCK, 3)).reshape(-1, BLOCK, BLOCK)
    return pixel_quality(gray)


def pixel_quality(blocks: Floats) -> int | None:
    """The JPEG quality, 20 to 97, whose quantisation the pixels still show; None where none does.

    Coefficients of a decoded JPEG lie near multiples of their quantisation step. A quality fits
    when the mean of cos(2 pi c / step), over coefficients c beyond half a step, is near 1. After
    Z. Fan and R. de Queiroz, "Identification of bitmap compression history", IEEE TIP 2003.

    Args:
        blocks: (N, 8, 8) float32 luma on the 8-px grid of the picture's top left corner.
    """
    coefficients = np.abs(_low_coefficients(blocks))
    steps = np.stack([luma_table(int(quality)) for quality in QUALITIES])
    steps = steps[:, FREQUENCIES[:, 0], FREQUENCIES[:, 1]].astype(np.float32)
    fits = np.array([_fit(coefficients, row) for row in steps])
    # Neighbouring qualities can share these steps; the higher one is the usual round number.
    best = int(np.flatnonzero(fits == fits.max())[-1])
    return int(QUALITIES[best]) if fits[best] >= LEAST_FIT else None


def sample_blocks(image: Image, at_most: int = 1024) -> Image:
    """Cut up to `at_most` whole 8x8 blocks, evenly spread: (N, 8, 8, 3) uint8, N may be 0."""
    rows, columns = image.shape[0] // BLOCK, image.shape[1] // BLOCK
    count = min(at_most, rows * columns)
    picks = np.linspace(0, rows * columns - 1, count).astype(np.int64)
    tops, lefts = (picks // max(columns, 1)) * BLOCK, (picks % max(columns, 1)) * BLOCK
    span = np.arange(BLOCK)
    ys, xs = tops[:, None, None] + span[:, None], lefts[:, None, None] + span
    blocks: Image = image[ys, xs]
    return blocks


def grid_strength(gray: Floats) -> float:
    """How much stronger steps are on one column and row in eight than on the median of the eight.

    Args:
        gray: (H, W) float32 grey levels, at least 24 px on each side.

    Returns:
        The smaller ratio of the two directions, 1 where there is no 8-px grid.
    """
    return min(_phase_ratio(gray), _phase_ratio(gray.T))


def _phase_ratio(gray: Floats) -> float:
    # Content is smooth over four pixels, so that this difference leaves what a grid line adds.
    jumps = np.abs(gray[:, 1:-2] - gray[:, 2:-1] - (gray[:, :-3] - gray[:, 3:]) / 3).mean(axis=0)
    whole = jumps[: len(jumps) // BLOCK * BLOCK].reshape(-1, BLOCK)
    phases = np.median(whole, axis=0)
    middle = float(np.median(phases))
    return float(phases.max()) / middle if middle > 0 else 1.0


def _low_coefficients(blocks: Floats) -> Floats:
    position, frequency = np.meshgrid(np.arange(BLOCK), np.arange(BLOCK))
    waves = np.cos((2 * position + 1) * frequency * np.pi / (2 * BLOCK)) / 2
    waves[0] /= np.sqrt(2)
    basis = waves.astype(np.float32)
    spectra = np.asarray(basis @ blocks @ basis.T, dtype=np.float32)
    low: Floats = spectra[:, FREQUENCIES[:, 0], FREQUENCIES[:, 1]]
    return low


def _fit(coefficients: Floats, steps: Floats) -> float:
    ratios = coefficients / steps
    counted = ratios > HALF_STEP
    if counted.sum() < LEAST_COEFFICIENTS:
        return -1.0
    return float(np.cos(2 * np.pi * ratios[counted]).mean())
