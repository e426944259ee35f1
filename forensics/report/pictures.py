"""Pictures of a report: previews, face boxes, maps; arrays in, encoded bytes or SVG text out."""

import base64
import io
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from forensics.schema import Face, Floats, Image, Map

PREVIEW_SIDE = 1200
FACE_SIDE = 160
MAP_SIDE = 600

# Lightness rises evenly from end to end, so that equal steps of a map look like equal steps, also
# in grey and to colour-blind readers. Oklab: B. Ottosson, "A perceptual color space for image
# processing", 2020. Chroma and hue (blue, purple, orange, yellow) were chosen by eye, in gamut.
_LIGHTNESS = (0.20, 0.39, 0.58, 0.77, 0.96)
_CHROMA = (0.05, 0.13, 0.17, 0.14, 0.07)
_HUE_DEGREES = (275.0, 305.0, 370.0, 425.0, 465.0)
# The transfer curve of sRGB, straight up to its knee: IEC 61966-2-1.
_SRGB_KNEE = 0.0031308
_OKLAB_TO_LMS = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_LMS_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def colour_map(steps: int = 256) -> NDArray[np.uint8]:
    """A perceptually uniform scale from dark blue to pale yellow, (steps, 3) uint8 sRGB."""
    at = np.linspace(0, 1, steps)
    anchors = np.linspace(0, 1, len(_LIGHTNESS))
    lightness = np.interp(at, anchors, _LIGHTNESS)
    chroma = np.interp(at, anchors, _CHROMA)
    hue = np.radians(np.interp(at, anchors, _HUE_DEGREES))
    oklab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
    linear = np.clip((oklab @ _OKLAB_TO_LMS.T) ** 3 @ _LMS_TO_RGB.T, 0, 1)
    encoded = np.where(linear <= _SRGB_KNEE, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * encoded), dtype=np.uint8)


def colour_ramp() -> str:
    """The same scale as a CSS gradient, for legends."""
    stops = ", ".join(f"rgb({r} {g} {b})" for r, g, b in colour_map(9).tolist())
    return f"linear-gradient(90deg, {stops})"


def preview(image: Image, side: int = PREVIEW_SIDE) -> bytes:
    """A JPEG of at most `side` px a side, without any of the file's metadata."""
    # Pillow copies to four bytes a pixel: thin huge pictures first, to no less than what is shown.
    step = max(1, max(image.shape) // (4 * side))
    picture = Pillow.fromarray(np.ascontiguousarray(image[::step, ::step]))
    picture.thumbnail((side, side), Pillow.Resampling.LANCZOS)
    return _encoded(picture, "JPEG", quality=88)


def face_preview(image: Image, face: Face) -> bytes:
    """A JPEG of the face with some of its surroundings, of at most `FACE_SIDE` px a side."""
    x1, y1, x2, y2 = _with_margin(face.box, image.shape)
    return preview(image[y1:y2, x1:x2], FACE_SIDE)


def heatmap(values: Map) -> bytes:
    """A PNG of a map in [0, 1] through `colour_map`, of at most `MAP_SIDE` px a side."""
    shades = np.rint(255 * np.clip(np.nan_to_num(values), 0, 1)).astype(np.uint8)
    picture = Pillow.fromarray(shades)
    picture.thumbnail((MAP_SIDE, MAP_SIDE), Pillow.Resampling.BOX)
    coloured = Pillow.fromarray(colour_map()[np.asarray(picture)])
    return _encoded(coloured, "PNG", optimize=True)


def data_uri(encoded: bytes) -> str:
    """The bytes of a PNG or JPEG as a data URI, so that a page needs no second file."""
    kind = "png" if encoded.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(encoded).decode('ascii')}"


def svg_uri(svg: str) -> str:
    """SVG text as a data URI. As an image it can neither run scripts nor fetch anything."""
    return f"data:image/svg+xml,{quote(svg, safe=' /:;,=+()-._')}".replace(" ", "%20")


def marked(encoded: bytes, size: tuple[int, int], faces: list[Face]) -> str:
    """An SVG of a picture or map with numbered face boxes, in pixels of the full picture.

    Args:
        encoded: PNG or JPEG bytes; stretched over the whole picture.
        size: width and height of the full picture, px.
        faces: their boxes lie in the full picture.
    """
    width, height = size
    unit = max(width, height) / 100
    boxes = "".join(_box(index, face, unit) for index, face in enumerate(faces, 1))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">'
        f'<image href="{data_uri(encoded)}" width="{width}" height="{height}" '
        f'preserveAspectRatio="none"/>{boxes}</svg>'
    )


def connected(encoded: bytes, size: tuple[int, int], lines: Floats) -> str:
    """An SVG of a picture with lines between points of it, light on dark.

    Args:
        encoded: PNG or JPEG bytes; stretched over the whole picture.
        size: width and height of the full picture, px.
        lines: (N, 4) x1 y1 x2 y2 in px of the full picture.
    """
    width, height = size
    unit = max(width, height) / 100
    drawn = "".join(_line([float(value) for value in row], unit) for row in lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">'
        f'<image href="{data_uri(encoded)}" width="{width}" height="{height}" '
        f'preserveAspectRatio="none"/>{drawn}</svg>'
    )


def _line(ends: list[float], unit: float) -> str:
    x1, y1, x2, y2 = (f"{value:.1f}" for value in ends)
    path = f'x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"'
    dots = "".join(
        f'<circle cx="{x}" cy="{y}" r="{0.5 * unit:.2f}" fill="#fff" stroke="#111" '
        f'stroke-width="{0.2 * unit:.2f}"/>'
        for x, y in ((x1, y1), (x2, y2))
    )
    return (
        f'<line {path} stroke="#111" stroke-width="{0.5 * unit:.2f}"/>'
        f'<line {path} stroke="#ffd84d" stroke-width="{0.22 * unit:.2f}"/>{dots}'
    )


def _box(index: int, face: Face, unit: float) -> str:
    """One box: a light line on a dark one, legible on any picture and without colour."""
    x1, y1, x2, y2 = (float(value) for value in face.box)
    frame = f'x="{x1:.1f}" y="{y1:.1f}" width="{x2 - x1:.1f}" height="{y2 - y1:.1f}" fill="none"'
    text = f'x="{x1 + unit:.1f}" y="{y1 + 3.4 * unit:.1f}" font-size="{3 * unit:.1f}"'
    return (
        f'<rect {frame} stroke="#111" stroke-width="{0.9 * unit:.2f}"/>'
        f'<rect {frame} stroke="#fff" stroke-width="{0.4 * unit:.2f}"/>'
        f'<text {text} font-family="sans-serif" font-weight="700" fill="#fff" stroke="#111" '
        f'stroke-width="{0.6 * unit:.2f}" paint-order="stroke">{index}</text>'
    )


def _with_margin(box: Floats, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """A box with a fifth of its size around it, inside the picture and at least one pixel."""
    x1, y1, x2, y2 = (float(value) for value in box)
    dx, dy = 0.2 * (x2 - x1), 0.2 * (y2 - y1)
    height, width = shape[:2]
    left = int(np.clip(x1 - dx, 0, width - 1))
    top = int(np.clip(y1 - dy, 0, height - 1))
    right = int(np.clip(np.ceil(x2 + dx), left + 1, width))
    bottom = int(np.clip(np.ceil(y2 + dy), top + 1, height))
    return left, top, right, bottom


def _encoded(picture: Pillow.Image, kind: str, **options: int | bool) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()
