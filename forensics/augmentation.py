"""One chain of degradations for both classes, drawn without looking at the label.

What the chain holds can never become a sign of fake: earlier JPEGs on other grids, resampling,
cameras' own processing, blur, noise, and a last compression. The same seed draws the same chain,
so that a picture and its reconstruction differ in nothing but the trace (Corvi et al. 2023 and
Rajan et al. 2025 show why that matters).
"""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image as Pillow

from forensics.schema import Floats, Image
from forensics.traces.crops import fitting_side, padded

HALF_THE_TIME = 0.5
MOSTLY_SUBSAMPLED = 0.7
FILTERS = (
    Pillow.Resampling.BOX,
    Pillow.Resampling.BILINEAR,
    Pillow.Resampling.HAMMING,
    Pillow.Resampling.BICUBIC,
    Pillow.Resampling.LANCZOS,
)

SHRUNK = (240.0, 400.0)
"""The shorter side of a shrunk picture, in px."""


@dataclass(frozen=True)
class Chain:
    """How likely each step is, and how strong it may get.

    Qualities are libjpeg's; `resize` is a factor of the side; `blur` and `noise` are the largest
    standard deviations, in px and in levels of 255.
    """

    earlier_jpeg: float = 0.4
    resizing: float = 0.5
    resize: tuple[float, float] = (0.4, 1.6)
    camera: float = 0.15
    blurring: float = 0.15
    blur: float = 1.5
    noising: float = 0.15
    noise: float = 6.0
    quality: tuple[int, int] = (40, 98)
    webp: float = 0.1
    uncompressed: float = 0.05


def shrunk(image: Image, seed: int) -> Image:
    """Shrink a picture as a whole, as sharing does; what is small already keeps its size.

    Args:
        image: (H, W, 3) uint8 RGB.
        seed: draws size and filter.

    Returns:
        (h, w, 3) uint8 RGB, a shorter side of 240 to 400 px.
    """
    rng = np.random.default_rng([seed, 1])
    shorter = min(image.shape[:2])
    target = min(float(shorter), rng.uniform(*SHRUNK))
    return _resized(image, target / shorter, FILTERS[rng.integers(len(FILTERS))])


def augment(image: Image, side: int, seed: int, chain: Chain, cell: int = 0) -> Image:
    """Degrade a picture and cut one native crop out of it.

    Args:
        image: (H, W, 3) uint8 RGB, any size from 1 px up.
        side: side of the square crop in px.
        seed: draws everything; two pictures of one size get the identical chain.
        chain: how likely and how strong.
        cell: where the degraded picture is smaller than `side`, the crop is too, a multiple of
            `cell` px; with 0 it is mirrored up to `side`.

    Returns:
        (side, side, 3) uint8 RGB, or smaller where `cell` allows it.
    """
    rng = np.random.default_rng(seed)
    factor = rng.uniform(*chain.resize) if rng.random() < chain.resizing else 1.0
    # The region is cut wider than the crop, so that every later grid and border is random too.
    wanted = int(np.ceil(side / factor)) + 16
    region = _random_crop(image, min(wanted, *image.shape[:2]) if cell else wanted, rng)
    if rng.random() < chain.earlier_jpeg:
        region = jpeg(
            region, int(rng.integers(*chain.quality)), subsampled=rng.random() < HALF_THE_TIME
        )
        region = region[int(rng.integers(0, 8)) :, int(rng.integers(0, 8)) :]
    region = _resized(region, factor, FILTERS[rng.integers(len(FILTERS))])
    region = _photographed(region, rng, chain)
    crop = _random_crop(region, fitting_side(region, side, cell) if cell else side, rng)
    if rng.random() < HALF_THE_TIME:
        crop = np.ascontiguousarray(crop[:, ::-1])
    return _compressed(crop, rng, chain)


def equalised(image: Image, seed: int) -> Image:
    """Give a picture the last compression that all pictures share: JPEG 84 to 94, 4:2:0."""
    return np.asarray(Pillow.open(io.BytesIO(equalised_jpeg(image, seed)), formats=["JPEG"]))


def equalised_jpeg(image: Image, seed: int) -> bytes:
    """The file that `equalised` decodes again."""
    return _jpeg_file(image, int(np.random.default_rng(seed).integers(84, 95)), subsampled=True)


def jpeg(image: Image, quality: int, *, subsampled: bool = True) -> Image:
    """Return the picture after one JPEG compression, with 4:2:0 chroma or 4:4:4."""
    data = _jpeg_file(image, quality, subsampled=subsampled)
    return np.asarray(Pillow.open(io.BytesIO(data), formats=["JPEG"]))


def _jpeg_file(image: Image, quality: int, *, subsampled: bool) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=2 * int(subsampled))
    return buffer.getvalue()


def webp(image: Image, quality: int) -> Image:
    """Return the picture after one lossy WebP compression."""
    buffer = io.BytesIO()
    Pillow.fromarray(image).save(buffer, "WEBP", quality=quality, method=2)
    return np.asarray(Pillow.open(buffer, formats=["WEBP"]).convert("RGB"))


def _random_crop(image: Image, side: int, rng: np.random.Generator) -> Image:
    image = padded(image, min(side, 2 * max(image.shape[:2])))
    top = int(rng.integers(0, max(image.shape[0] - side, 0) + 1))
    left = int(rng.integers(0, max(image.shape[1] - side, 0) + 1))
    crop = image[top : top + side, left : left + side]
    return padded(crop, side)


def _resized(image: Image, factor: float, kernel: Pillow.Resampling) -> Image:
    if factor == 1.0:
        return image
    height, width = image.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Pillow.fromarray(image).resize(size, kernel))


def _photographed(image: Image, rng: np.random.Generator, chain: Chain) -> Image:
    picture = image.astype(np.float32)
    if rng.random() < chain.camera:
        picture = _camera(picture, rng)
    if rng.random() < chain.blurring:
        picture = _blurred(picture, rng.uniform(0.3, chain.blur))
    if rng.random() < chain.noising:
        picture = picture + rng.standard_normal(picture.shape, np.float32) * rng.uniform(
            0.5, chain.noise
        )
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _camera(picture: Floats, rng: np.random.Generator) -> Floats:
    """Mosaic and demosaic (bilinear), denoise, sharpen, bend the tones: a phone in four lines."""
    picture = demosaiced(picture)
    if rng.random() < HALF_THE_TIME:
        picture = cv2.bilateralFilter(picture, 5, rng.uniform(5, 25), 2.0).astype(np.float32)
    soft = _blurred(picture, rng.uniform(0.8, 2.0))
    picture = picture + rng.uniform(0, 1.0) * (picture - soft)
    tones = np.clip(picture / 255.0, 0, 1) ** rng.uniform(0.8, 1.25)
    return np.asarray(255.0 * tones, np.float32)


def _blurred(picture: Floats, sigma: float) -> Floats:
    return cv2.GaussianBlur(picture, (0, 0), sigma).astype(np.float32)


def demosaiced(picture: Floats) -> Floats:
    """Keep one colour a pixel in a Bayer pattern (RGGB), and interpolate the others linearly."""
    rows, columns = np.indices(picture.shape[:2]) % 2
    red, green, blue = rows + columns == 0, rows != columns, rows * columns == 1
    kept = np.stack([red, green, blue], axis=-1)
    kernel = np.asarray([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4
    weight = cv2.filter2D(kept.astype(np.float32), -1, kernel, borderType=cv2.BORDER_REFLECT)
    values = cv2.filter2D(picture * kept, -1, kernel, borderType=cv2.BORDER_REFLECT)
    return np.where(kept, picture, values / np.maximum(weight, 1e-6)).astype(np.float32)


def _compressed(image: Image, rng: np.random.Generator, chain: Chain) -> Image:
    quality = int(rng.integers(chain.quality[0], chain.quality[1] + 1))
    subsampled, kind = rng.random() < MOSTLY_SUBSAMPLED, rng.random()
    if kind < chain.uncompressed:
        return image
    if kind < chain.uncompressed + chain.webp:
        return webp(image, quality)
    return jpeg(image, quality, subsampled=subsampled)
