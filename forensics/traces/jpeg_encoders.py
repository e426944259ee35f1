"""Which encoder writes quantisation tables like these.

The tables of Adobe Photoshop are those that Pillow ships as presets; IJG's come from the formula
of its library, mozjpeg's from N. Robidoux' table, which it scales in the same way.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from forensics.traces.jpeg import MIDDLE_QUALITY, STANDARD_LUMA, luma_table, table_quality
from forensics.traces.jpeg_file import Table

# N. Robidoux, table 3 of mozjpeg's cjpeg, for luminance and chrominance alike.
ROBIDOUX = np.array(
    [
        [16, 16, 16, 18, 25, 37, 56, 85],
        [16, 17, 20, 27, 34, 40, 53, 75],
        [16, 20, 24, 31, 43, 62, 91, 135],
        [18, 27, 31, 40, 53, 74, 106, 156],
        [25, 34, 43, 53, 69, 94, 131, 189],
        [37, 40, 62, 74, 94, 124, 169, 238],
        [56, 53, 91, 106, 131, 169, 226, 311],
        [85, 75, 135, 156, 189, 238, 311, 418],
    ]
)
SCALES = np.arange(0.01, 5.0, 0.0025)
"""Factors by which cameras scale the standard's table."""


@dataclass(frozen=True)
class Encoder:
    """Who writes such a luminance table: `kind` for a code, `words` for a sentence."""

    kind: str
    words: str
    quality: int


def encoder_of(table: Table) -> Encoder:
    """Name the encoder whose luminance table this is, exactly; else only its nearest quality."""
    quality = table_quality(table.ravel().tolist())
    if np.array_equal(table, luma_table(quality)):
        words = f"the standard's, scaled as the IJG library does at quality {quality}"
        return Encoder("ijg", words, quality)
    if name := _photoshop().get(table.tobytes()):
        return Encoder("photoshop", f'those of Adobe Photoshop\'s setting "{name}"', quality)
    if scaled := _mozjpeg_quality(table):
        return Encoder("mozjpeg", f"those of mozjpeg at quality {scaled}", quality)
    if _scaled_standard(table):
        return Encoder(
            "scaled", "the standard's, scaled by a factor that no IJG quality has", quality
        )
    return Encoder("own", f"an encoder's own; nearest to them is IJG quality {quality}", quality)


def _mozjpeg_quality(table: Table) -> int | None:
    qualities = range(1, 101)
    fitting = [quality for quality in qualities if np.array_equal(table, _robidoux(quality))]
    return fitting[-1] if fitting else None


@cache
def _robidoux(quality: int) -> Table:
    scale = 5000 // quality if quality < MIDDLE_QUALITY else 200 - 2 * quality
    return np.asarray(np.clip((ROBIDOUX * scale + 50) // 100, 1, 255))


def _scaled_standard(table: Table) -> bool:
    """Whether every step is the standard's times one factor, rounded up or down."""
    scaled = STANDARD_LUMA * SCALES[:, None, None]
    apart = np.abs(np.clip(scaled, 1, 255) - table)
    # At the finest qualities all steps are 1 or 2, which every table resembles.
    return bool((apart < 1).all(axis=(1, 2)).any()) and int(table.max()) > 4  # noqa: PLR2004


@cache
def _photoshop() -> dict[bytes, str]:
    from PIL.JpegPresets import presets

    found: dict[bytes, str] = {}
    for name, preset in presets.items():
        tables: Any = preset["quantization"]
        table = np.array(tables[0], dtype=np.int64).reshape(8, 8)
        found.setdefault(table.tobytes(), name.replace("_", " "))
    return found
