"""Error level analysis: how much each 8x8 block changes when the picture is recompressed.

N. Krawetz, "A Picture's Worth: Digital Image Analysis and Forensics", Black Hat 2007.
"""

import cv2
import numpy as np
from cv2.typing import MatLike

from forensics.schema import Floats, Image, Map
from forensics.traces.jpeg import BLOCK, recompress

LEAST_REFERENCE = 0.25
"""Grey levels. Below it a median error says only that rounding changed little."""
TILE = (512, 4096)
"""Rows and columns recompressed at once: multiples of 8, far below JPEG's limit of 65,535 px."""


def block_errors(image: Image, quality: int = 90) -> Floats:
    """Mean absolute change of every 8x8 block after recompression.

    Without chroma subsampling JPEG blocks do not touch each other, so that working tile by tile
    gives what working on the whole picture gives, in bounded memory.

    Args:
        image: (H, W, 3) uint8 RGB.
        quality: JPEG quality of the recompression, 1 to 100.

    Returns:
        (ceil(H / 8), ceil(W / 8)) float32 in grey levels, mean over pixels and channels.
    """
    height, width = image.shape[:2]
    errors = np.empty((-(-height // BLOCK), -(-width // BLOCK)), dtype=np.float32)
    for top in range(0, height, TILE[0]):
        for left in range(0, width, TILE[1]):
            tile = _tile_errors(image[top : top + TILE[0], left : left + TILE[1]], quality)
            row, column = top // BLOCK, left // BLOCK
            errors[row : row + tile.shape[0], column : column + tile.shape[1]] = tile
    return errors


def reference_error(errors: Floats) -> float:
    """The median block error in grey levels, at least 0.25."""
    return max(float(np.median(errors)), LEAST_REFERENCE)


def error_map(errors: Floats) -> Map:
    """Scale block errors to [0, 1], so that 0.5 marks three times the median."""
    scaled: Map = np.clip(errors / (6 * reference_error(errors)), 0, 1)
    return scaled.astype(np.float32)


def _tile_errors(tile: Image, quality: int) -> Floats:
    rows, columns = -tile.shape[0] % BLOCK, -tile.shape[1] % BLOCK
    # JPEG itself fills the last blocks by repeating the border.
    padded = np.pad(tile, ((0, rows), (0, columns), (0, 0)), mode="edge")
    return _block_means(cv2.absdiff(padded, recompress(padded, quality)))


def _block_means(values: MatLike) -> Floats:
    height, width, channels = values.shape
    # Rows first: the long axis stays contiguous, which is several times faster.
    rows = values.reshape(height // BLOCK, BLOCK, width * channels).sum(axis=1, dtype=np.uint16)
    blocks = rows.reshape(height // BLOCK, width // BLOCK, BLOCK * channels)
    sums: Floats = blocks.sum(axis=2, dtype=np.float32)
    return sums / np.float32(BLOCK * BLOCK * channels)
