"""Trivial "detectors": what file size, format or smoothness alone would score.

A result means something only next to these (`../shared` data has such shortcuts, and so has every
collection).
"""

import io
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image as Pillow

from forensics.schema import Image
from forensics.traces.jpeg import table_quality


def file_size(data: bytes, _: Image) -> float:
    """Bytes of the file."""
    return float(len(data))


def pixels(_: bytes, image: Image) -> float:
    """Pixels of the picture as stored."""
    return float(image.shape[0] * image.shape[1])


def bytes_per_pixel(data: bytes, image: Image) -> float:
    """Bytes of the file over its pixels."""
    return len(data) / pixels(data, image)


def jpeg_quality(data: bytes, _: Image) -> float:
    """Quality of the file's own quantisation table; 101 for lossless and other formats."""
    with Pillow.open(io.BytesIO(data)) as opened:
        tables = getattr(opened, "quantization", None)
    return float(table_quality(tables[0])) if tables else 101.0


def high_frequency(_: bytes, image: Image) -> float:
    """Log energy above a 3 x 3 Gaussian blur, of the luma of the pixels."""
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    residual = luma - cv2.GaussianBlur(luma, (3, 3), 0)
    return float(np.log((residual**2).mean() + 1e-3))


BASELINES: dict[str, Callable[[bytes, Image], float]] = {
    "file size": file_size,
    "pixels": pixels,
    "bytes per pixel": bytes_per_pixel,
    "JPEG quality": jpeg_quality,
    "high-frequency energy": high_frequency,
}
