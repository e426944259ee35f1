"""The low DCT coefficients of a JPEG's blocks, recomputed from its decoded luminance.

Decoding rounds every pixel, so that a coefficient comes back with an error of about .29 standard
deviations: dividing by a step of 2 or more gives the stored integer in nearly every block, without
a second decoder in C.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats
from forensics.traces.jpeg import BLOCK

SIDE = 4
"""Frequencies 0 to 3 in both directions: higher ones are mostly quantised to 0."""
ORDER = np.array([(r, c) for r in range(SIDE) for c in range(SIDE) if (r, c) != (0, 0)])
"""(15, 2) row and column frequency of each kept coefficient; the mean of the block is left out."""
STRIP = 64
"""Rows of blocks that are transformed at once, so that memory stays bounded."""

Plane = NDArray[np.uint8]
"""(H, W) uint8 grey levels."""


def low_coefficients(plane: Plane) -> Floats:
    """DCT coefficients of whole 8x8 blocks from the top left corner.

    Args:
        plane: (H, W) uint8 luminance; rows and columns beyond the last whole block are left out.

    Returns:
        (H // 8, W // 8, 15) float32 in the order of `ORDER`, in units of grey levels as JPEG's
        quantisation steps are.
    """
    rows, columns = plane.shape[0] // BLOCK, plane.shape[1] // BLOCK
    out = np.empty((rows, columns, len(ORDER)), dtype=np.float32)
    waves = _waves()
    for top in range(0, rows, STRIP):
        strip = plane[top * BLOCK : (top + STRIP) * BLOCK][: (rows - top) * BLOCK]
        count = strip.shape[0] // BLOCK
        pixels = strip[: count * BLOCK, : columns * BLOCK].astype(np.float32)
        down = waves @ pixels.reshape(count, BLOCK, columns * BLOCK)
        both = down.reshape(count, SIDE, columns, BLOCK) @ waves.T
        spectra = both.transpose(0, 2, 1, 3).reshape(count, columns, SIDE * SIDE)
        out[top : top + count] = spectra[..., 1:]
    return out


def low_steps(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """The quantisation steps of the kept coefficients: (15,) of an (8, 8) table."""
    return np.asarray(table[ORDER[:, 0], ORDER[:, 1]])


@cache
def _waves() -> Floats:
    """(4, 8) float32: the four lowest waves of the orthonormal DCT."""
    frequency, position = np.mgrid[:SIDE, :BLOCK]
    waves = np.cos((2 * position + 1) * frequency * np.pi / (2 * BLOCK)) / 2
    waves[0] /= np.sqrt(2)
    return np.asarray(waves, dtype=np.float32)
