"""From whatever a file stores to 8-bit sRGB, in strips, so that memory stays bounded."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms

from forensics.schema import Image

STRIP_PIXELS = 1 << 21
SIDEWAYS = (5, 6, 7, 8)
"""The EXIF orientations that swap width and height."""
_INTEGER_SCALES = (255.0, 65535.0, 4294967295.0)
_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_TWELVE = 12
# A profile that moves no colour further than this is sRGB under another name. Such pixels are
# left as they are stored: rounding them once more would lay a trace of our own.
_SRGB_TOLERANCE = 2


@dataclass(frozen=True)
class Colours:
    """How a picture's colours become sRGB: the mode they are read in, and the transform or None."""

    mode: str
    transform: ImageCms.ImageCmsTransform | None = None
    note: str = ""


def colours_of(picture: Pillow.Image) -> Colours:
    """Read the ICC profile of a picture; one that cannot be used is ignored, and `note` says so."""
    mode = _base_mode(picture)
    data = picture.info.get("icc_profile")
    if not data:
        return Colours(mode, note="CMYK inks are shown as RGB." if mode == "CMYK" else "")
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(data))
        read_as = _PROFILE_MODES.get(profile.profile.xcolor_space.strip(), "")
        if read_as != mode and (mode, read_as) != ("L", "RGB"):
            return Colours(mode, note="The colour profile does not fit the pixels; it was ignored.")
        # Pillow's stub knows neither the profile object nor the mode here as such.
        transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), read_as, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return Colours(mode, note="The colour profile is damaged; it was ignored.")
    if not isinstance(transform, ImageCms.ImageCmsTransform) or _is_srgb(transform, read_as):
        return Colours(mode)
    return Colours(read_as, transform, "Colours were converted from the file's profile to sRGB.")


def rgb_array(picture: Pillow.Image, *, bits: int) -> Image:
    """Decode a picture to (H, W, 3) uint8 RGB in sRGB, as stored (no EXIF turn).

    Transparent parts are laid over white. Deep samples are scaled, never clipped.

    Args:
        picture: a picture that Pillow has opened.
        bits: of one sample, as the file stores it; tells 12-bit samples from 16-bit ones.
    """
    colours = colours_of(picture)
    picture.load()
    width, height = picture.size
    scale = _full_scale(picture, bits)
    rgb = np.empty((height, width, 3), dtype=np.uint8)
    for top, bottom in _strips(width, height):
        strip = picture.crop((0, top, width, bottom))
        rgb[top:bottom] = np.asarray(_strip_to_rgb(strip, colours, scale))
    return rgb


def turn(image: Image, orientation: int) -> Image:
    """Turn (H, W, 3) pixels upright by their EXIF orientation, 1 to 8; C-contiguous."""
    if orientation in SIDEWAYS:
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def _strips(width: int, height: int) -> list[tuple[int, int]]:
    rows = max(1, STRIP_PIXELS // width)
    return [(top, min(top + rows, height)) for top in range(0, height, rows)]


def _is_deep(picture: Pillow.Image) -> bool:
    return picture.mode in ("I", "F") or picture.mode.startswith("I;16")


def _base_mode(picture: Pillow.Image) -> str:
    if picture.mode == "CMYK":
        return "CMYK"
    return "L" if picture.mode in ("1", "L", "LA", "La") or _is_deep(picture) else "RGB"


def _is_srgb(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    if mode == "CMYK":
        return False
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    before = np.repeat(grid[..., :1], 3, axis=2) if mode == "L" else grid
    probe = Pillow.fromarray(before[..., 0] if mode == "L" else before)
    after = np.asarray(ImageCms.applyTransform(probe, transform), dtype=np.int16)
    return bool(np.abs(after - before).max() <= _SRGB_TOLERANCE)


def _full_scale(picture: Pillow.Image, bits: int) -> float:
    """The sample value that is white: of the format for integers, of the content for floats."""
    if picture.mode.startswith("I;16"):
        return 4095.0 if bits == _TWELVE else 65535.0
    if not _is_deep(picture):
        return 255.0
    width, height = picture.size
    highest = max(
        float(_finite(picture.crop((0, top, width, bottom))).max())
        for top, bottom in _strips(width, height)
    )
    scales = (1.0, *_INTEGER_SCALES) if picture.mode == "F" else _INTEGER_SCALES
    return next((scale for scale in scales if highest <= scale), highest)


def _finite(strip: Pillow.Image) -> NDArray[np.float32]:
    values = np.asarray(strip).astype(np.float32)
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)


def _strip_to_rgb(strip: Pillow.Image, colours: Colours, scale: float) -> Pillow.Image:
    alpha = None
    if _is_deep(strip):
        levels = _finite(strip) * np.float32(255.0 / scale)
        strip = Pillow.fromarray(np.clip(levels + 0.5, 0, 255).astype(np.uint8))
    elif strip.has_transparency_data:
        strip = strip.convert("LA" if _base_mode(strip) == "L" else "RGBA")
        alpha = strip.getchannel("A")
    if strip.mode != colours.mode:
        strip = strip.convert(colours.mode)
    rgb = _to_srgb(strip, colours)
    return rgb if alpha is None else _over_white(rgb, alpha)


def _to_srgb(strip: Pillow.Image, colours: Colours) -> Pillow.Image:
    if colours.transform is None:
        return strip if strip.mode == "RGB" else strip.convert("RGB")
    converted = ImageCms.applyTransform(strip, colours.transform)
    if converted is None:
        raise ValueError("the colour transform returned no picture")
    return converted


def _over_white(rgb: Pillow.Image, alpha: Pillow.Image) -> Pillow.Image:
    white = Pillow.new("RGB", rgb.size, "white")
    white.paste(rgb, mask=alpha)
    return white
