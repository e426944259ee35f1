"""Pictures side by side: grids of bare pixels, and contact sheets with a line under each."""

from collections.abc import Sequence

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from forensics.schema import Image

WORDS = 12
"""Height of a line of words, in px."""
GAP = 4
INK, PAPER = (40, 40, 40), 255
LEAST_SIDE = 96
"""Smaller pictures are enlarged on contact sheets, by whole numbers and without smoothing."""


def tiled(pictures: Sequence[Image], columns: int) -> Image:
    """Lay pictures of one size side by side, in rows; the last row is filled up with black."""
    rows = -(-len(pictures) // columns)
    blank = [np.zeros_like(pictures[0])] * (rows * columns - len(pictures))
    cells = np.stack([*pictures, *blank]).reshape(rows, columns, *pictures[0].shape)
    height, width = pictures[0].shape[:2]
    return np.ascontiguousarray(
        cells.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, 3)
    )


def contact_sheet(pictures: Sequence[Image], lines: Sequence[str], columns: int) -> Image:
    """Lay pictures of any sizes in cells, each with its line of words below.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    shown = [_enlarged(picture) for picture in pictures]
    height, width = (max(picture.shape[axis] for picture in shown) + 2 * GAP for axis in (0, 1))
    cells = [_cell(*pair, height, width) for pair in zip(shown, lines, strict=True)]
    blank = [np.full_like(cells[0], PAPER)] * (-len(cells) % columns)
    return tiled([*cells, *blank], columns)


def _enlarged(picture: Image) -> Image:
    times = max(1, -(-LEAST_SIDE // max(picture.shape[:2])))
    return np.repeat(np.repeat(picture, times, axis=0), times, axis=1)


def _cell(picture: Image, line: str, height: int, width: int) -> Image:
    sheet = Pillow.new("RGB", (width, height + WORDS), (PAPER,) * 3)
    sheet.paste(Pillow.fromarray(picture), (GAP, GAP))
    words = ImageDraw.Draw(sheet)
    words.text((GAP, height - 2), line, fill=INK, font=ImageFont.load_default(WORDS - 2))
    return np.asarray(sheet)
