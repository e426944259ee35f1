"""Photographs of cameras and programs that no detector has seen, simulated from ordinary ones.

Nobody falsified anything here, so that every call is a false alarm. Simulations in plausible
ranges, no vendor's own chain; `forensics.benchmark.innocent` has milder ones. Every way takes
(H, W, 3) uint8 RGB and gives the same size back, but for the screenshot's.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from forensics.augmentation import demosaiced, jpeg
from forensics.benchmark.degrade import screenshot
from forensics.schema import Floats, Image

SAVED = (84, 95)
"""IJG qualities at which the results are saved, drawn for each picture."""
GAMMA = 2.2
SKIN = ((0, 133, 77), (255, 173, 127))
"""Lower and upper ends of skin in Y Cr Cb (Chai and Ngan 1999)."""
INKS = ((15, 2.6), (75, 2.6), (0, 2.6))
"""Angle in degrees and period in px of each colour's halftone screen."""
FINER = 3
"""How many times finer than the picture a print's dots are drawn."""


def phone(image: Image, rng: np.random.Generator) -> Image:
    """A phone's pipeline turned up: denoised, local contrast lifted, edges sharpened to halos."""
    smooth = image
    for _ in range(2):
        smooth = np.asarray(cv2.bilateralFilter(smooth, 9, rng.uniform(25, 45), 3.0), np.uint8)
    light, red, blue = cv2.split(cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB))
    lifted = cv2.createCLAHE(rng.uniform(1.5, 3.0), (4, 4)).apply(light)
    toned = cv2.cvtColor(cv2.merge([lifted, red, blue]), cv2.COLOR_LAB2RGB).astype(np.float32)
    soft = cv2.GaussianBlur(toned, (0, 0), rng.uniform(0.8, 1.6)).astype(np.float32)
    return _levels(toned + rng.uniform(1.0, 2.0) * (toned - soft))


def beauty_filter(image: Image, rng: np.random.Generator) -> Image:
    """Smooth what has the colour of skin until it has no pores, and brighten it a little."""
    colours = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)
    low, high = (np.asarray(end, np.uint8) for end in SKIN)
    skin = cv2.GaussianBlur(cv2.inRange(colours, low, high), (0, 0), 4.0).astype(np.float32) / 255
    smooth = image.astype(np.float32)
    for _ in range(3):
        smooth = cv2.bilateralFilter(smooth, 9, 35.0, 5.0).astype(np.float32)
    fair = 255 * np.clip(smooth / 255, 0, 1) ** rng.uniform(0.8, 0.95)
    share = rng.uniform(0.7, 1.0) * skin[..., None]
    return _levels(image * (1 - share) + fair * share)


def printed(image: Image, rng: np.random.Generator) -> Image:
    """Print in dots and scan: halftone, paper, a slight turn, soft edges, less contrast."""
    height, width = image.shape[:2]
    fine = cv2.resize(image, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_CUBIC)
    planes = [
        _dots(np.asarray(fine[..., channel], np.uint8), angle + rng.uniform(-2, 2), FINER * period)
        for channel, (angle, period) in enumerate(INKS)
    ]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-1.5, 1.5), 1.02)
    print_ = cv2.resize(np.stack(planes, axis=2), (width, height), interpolation=cv2.INTER_AREA)
    scan = cv2.warpAffine(
        print_, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    scan = cv2.GaussianBlur(scan.reshape(image.shape), (0, 0), rng.uniform(0.5, 0.9))
    grain = cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), 1.2)
    return _levels(20 + scan * rng.uniform(0.82, 0.9) + 9 * grain.reshape(height, width, 1))


def _dots(plane: Image, angle: float, period: float) -> Floats:
    """One colour as dots of ink: (H, W) uint8 -> (H, W) float32, near 0 or 255."""
    y, x = np.indices(plane.shape[:2], np.float32)
    turn = np.radians(angle)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    screen = np.cos(2 * np.pi * along / period) + np.cos(2 * np.pi * across / period)
    threshold = 127.5 + 63 * screen
    return np.asarray(np.clip(127.5 + 3 * (plane - threshold), 0, 255), np.float32)


def graphics(image: Image, rng: np.random.Generator) -> Image:
    """Lay a caption in a bar, a line of text, a ring and a block of colour over a picture."""
    height, width = image.shape[:2]
    canvas = Pillow.fromarray(image)
    draw = ImageDraw.Draw(canvas, "RGBA")
    bar = max(8, round(height * rng.uniform(0.1, 0.18)))
    top = 0 if rng.random() < 1 / 2 else height - bar
    draw.rectangle([0, top, width, top + bar], fill=_colour(rng, 230))
    font = ImageFont.load_default(max(6, round(0.55 * bar)))
    draw.text((bar // 4, top + bar // 6), words(rng, 4), fill=(255, 255, 255), font=font)
    draw.text(
        (width * rng.uniform(0.05, 0.3), height * rng.uniform(0.3, 0.7)),
        words(rng, 2),
        fill=_colour(rng, 255),
        font=ImageFont.load_default(max(6, round(0.8 * bar))),
        stroke_width=2,
        stroke_fill=(0, 0, 0),
    )
    x, y = rng.uniform(0.2, 0.7, 2) * (width, height)
    size = 0.25 * min(height, width)
    draw.ellipse([x, y, x + size, y + size], outline=_colour(rng, 255), width=max(2, bar // 8))
    x, y = rng.uniform(0.0, 0.8, 2) * (width, height)
    draw.rectangle([x, y, x + size / 2, y + size / 3], fill=_colour(rng, 160))
    return np.asarray(canvas)


def painting(image: Image, rng: np.random.Generator) -> Image:
    """Paint a picture over in strokes: Kuwahara's filter, then fewer and stronger colours."""
    reach = max(2, round(min(image.shape[:2]) / rng.uniform(70, 110)))
    values = image.astype(np.float32)
    padded = cv2.copyMakeBorder(values, reach, reach, reach, reach, cv2.BORDER_REFLECT)
    window = (reach + 1, reach + 1)
    mean = cv2.blur(padded, window)
    spread = (cv2.blur(padded * padded, window) - mean * mean).sum(axis=2)
    height, width = image.shape[:2]
    # The four squares around a pixel; its colour is the mean of the one that varies least.
    half = (reach + 1) // 2
    corners = [(reach + y, reach + x) for y in (-half, half) for x in (-half, half)]
    means = np.stack([mean[t : t + height, left : left + width] for t, left in corners])
    spreads = np.stack([spread[t : t + height, left : left + width] for t, left in corners])
    strokes = np.take_along_axis(means, spreads.argmin(axis=0)[None, ..., None], axis=0)[0]
    grey = strokes.mean(axis=2, keepdims=True)
    step = rng.uniform(8, 20)
    return _levels(step * np.rint((grey + 1.3 * (strokes - grey)) / step))


def night(image: Image, rng: np.random.Generator) -> Image:
    """The scene with a fiftieth of its light: raw noise, gain, then a night mode's denoising."""
    light = (image.astype(np.float32) / 255) ** GAMMA * rng.uniform(0.012, 0.03)
    noise = np.sqrt(2e-4 * light + rng.uniform(1e-7, 1e-6))
    raw = demosaiced((light + noise * rng.standard_normal(light.shape)).astype(np.float32))
    gained = np.clip(rng.uniform(12, 25) * raw, 0, 1) ** (1 / GAMMA)
    seen = _levels(255 * gained * rng.uniform((0.9, 0.9, 0.7), (1.1, 1.0, 0.95)))
    light_, red, blue = cv2.split(cv2.cvtColor(seen, cv2.COLOR_RGB2LAB))
    calm = [cv2.GaussianBlur(plane, (0, 0), 3.0) for plane in (red, blue)]
    smooth = cv2.bilateralFilter(light_, 7, rng.uniform(20, 40), 3.0)
    return np.asarray(cv2.cvtColor(cv2.merge([smooth, *calm]), cv2.COLOR_LAB2RGB), np.uint8)


def words(rng: np.random.Generator, count: int) -> str:
    """Words of random letters."""
    lengths = rng.integers(2, 9, count)
    return " ".join("".join(rng.choice(list("aeioulnrstdkm"), size)) for size in lengths)


def _colour(rng: np.random.Generator, opacity: int) -> tuple[int, int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
    return red, green, blue, opacity


def _levels(values: NDArray[np.floating]) -> Image:
    levels: Image = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return levels


def _saved(change: Callable[[Image, np.random.Generator], Image]) -> "Breaking":
    """The same, saved as JPEG, 4:2:0."""

    def changed(image: Image, rng: np.random.Generator) -> Image:
        made = np.ascontiguousarray(change(image, rng))
        return jpeg(made, int(rng.integers(*SAVED)))

    return changed


Breaking = Callable[[Image, np.random.Generator], Image]
BREAKINGS: dict[str, Breaking] = {
    "phone, denoised and sharpened": _saved(phone),
    "beauty filter": _saved(beauty_filter),
    "screenshot": screenshot,
    "printed and scanned": _saved(printed),
    "text and graphics over it": _saved(graphics),
    "painted over": _saved(painting),
    "night": _saved(night),
}
"""What is done to a photograph, by the words that a page uses."""
