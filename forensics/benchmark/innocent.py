"""What happens to photographs that nobody falsified: five simulated ways, each ending in a file.

Simulations in plausible ranges, no vendor's own chain: a phone's beauty filter smooths skin-like
texture and sharpens edges; a print that was scanned is soft, slightly turned, grainy and framed
anew. The others are those of `forensics.benchmark.degrade`.
"""

from collections.abc import Callable
from io import BytesIO

import cv2
import numpy as np
from PIL import Image as Pillow

from forensics.benchmark.degrade import SOCIAL_QUALITY, SOCIAL_SIDE, resized, screenshot
from forensics.schema import Image

FILE_QUALITY = (85, 96)
"""IJG qualities at which programs save by default, drawn for each picture."""


def as_jpeg(image: Image, quality: int) -> bytes:
    """Save as JPEG, chroma at half resolution."""
    buffer = BytesIO()
    Pillow.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=2)
    return buffer.getvalue()


def as_png(image: Image) -> bytes:
    """Save without loss."""
    buffer = BytesIO()
    Pillow.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def saved(image: Image, rng: np.random.Generator) -> bytes:
    """Save as JPEG at a quality that programs use."""
    return as_jpeg(image, int(rng.integers(*FILE_QUALITY)))


def shared(image: Image, rng: np.random.Generator) -> bytes:
    """Send through a social network once: the ranges are those of `degrade.social`."""
    factor = SOCIAL_SIDE / max(image.shape[:2])
    small = resized(image, factor, Pillow.Resampling.LANCZOS) if factor < 1 else image
    return as_jpeg(small, int(rng.integers(*SOCIAL_QUALITY)))


def beautified(image: Image, rng: np.random.Generator) -> Image:
    """Smooth weak texture, sharpen edges, lift the tones and the colours."""
    smooth = cv2.bilateralFilter(image, 7, rng.uniform(20, 45), rng.uniform(3, 6)).astype(
        np.float32
    )
    mixed = image + rng.uniform(0.5, 0.9) * (smooth - image)
    sharpened = mixed + rng.uniform(0.2, 0.6) * (mixed - cv2.GaussianBlur(mixed, (0, 0), 1.5))
    toned = 255 * np.clip(sharpened / 255, 0, 1) ** rng.uniform(0.8, 0.95)
    grey = toned.mean(axis=2, keepdims=True)
    coloured = grey + rng.uniform(1.05, 1.2) * (toned - grey)
    return np.asarray(np.clip(np.rint(coloured), 0, 255), dtype=np.uint8)


def scanned(image: Image, rng: np.random.Generator) -> Image:
    """Print and scan: another sampling, a small turn, soft edges, less contrast, paper grain."""
    height, width = image.shape[:2]
    scale = rng.uniform(0.9, 1.3)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-1.5, 1.5), scale)
    turn[:, 2] = turn[:, 2] + (scale - 1) * np.array([width, height]) / 2
    size = (int(width * scale), int(height * scale))
    paper = cv2.warpAffine(image, turn, size, flags=cv2.INTER_CUBIC, borderValue=(245, 245, 245))
    soft = cv2.GaussianBlur(paper, (0, 0), rng.uniform(0.6, 1.2)).astype(np.float32)
    flat = 18 + soft * rng.uniform(0.82, 0.92)
    grain = cv2.GaussianBlur(rng.standard_normal(flat.shape[:2]).astype(np.float32), (0, 0), 0.7)
    return np.asarray(np.clip(np.rint(flat + 4 * grain[..., None]), 0, 255), dtype=np.uint8)


Processing = Callable[[Image, np.random.Generator], bytes]
PROCESSINGS: dict[str, Processing] = {
    "resizing": lambda image, rng: saved(
        resized(image, rng.uniform(0.4, 0.9), Pillow.Resampling.LANCZOS), rng
    ),
    "phone beautification": lambda image, rng: saved(beautified(image, rng), rng),
    "a social network": shared,
    "a screenshot": lambda image, rng: as_png(screenshot(image, rng)),
    "a scan": lambda image, rng: saved(scanned(image, rng), rng),
}
"""By the words that a finding's sentence uses: what is done to (H, W, 3) uint8 RGB pixels."""
