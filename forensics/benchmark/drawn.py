"""Pictures without a photograph behind them that no generator made either: drawn in code.

Pages of text, charts and flat-coloured drawings: real pictures as far as the promise goes, unlike
anything that the detectors were shown.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter, ImageFont

from forensics.augmentation import jpeg
from forensics.benchmark.breaking import SAVED, words
from forensics.schema import Image

FIRST = 100
"""The number of the first drawing that is measured; references were tried out on earlier ones."""
SIDE = 384
FINER = 2
"""How many times larger a drawing is made before it is brought to size, which softens its edges."""
Canvas = Pillow.Image


def page_of_text(rng: np.random.Generator) -> Canvas:
    """Lines of words in one size, dark on light or light on dark."""
    dark, light = (int(value) for value in (rng.integers(0, 70), rng.integers(215, 256)))
    paper, ink = (light, dark) if rng.random() < 3 / 4 else (dark, light)
    canvas = Pillow.new("RGB", (FINER * SIDE, FINER * SIDE), (paper, paper, paper))
    draw = ImageDraw.Draw(canvas)
    size = int(rng.integers(18, 44))
    font = ImageFont.load_default(size)
    left = int(rng.integers(10, 80))
    for top in range(size, canvas.height - size, round(1.5 * size)):
        draw.text((left, top), words(rng, 8), fill=(ink, ink, ink), font=font)
    return canvas


def chart(rng: np.random.Generator) -> Canvas:
    """Bars, a line over them, axes with labels."""
    canvas = Pillow.new("RGB", (FINER * SIDE, FINER * SIDE), (255, 255, 255))
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(22)
    side, count = canvas.width, int(rng.integers(4, 12))
    places = np.linspace(90, side - 60, count)
    heights = rng.uniform(0.1, 0.8, count) * side
    colour = _colour(rng)
    for place, height in zip(places.tolist(), heights.tolist(), strict=True):
        draw.rectangle([place - 18, side - 60 - height, place + 18, side - 60], fill=colour)
        draw.text((place - 18, side - 50), words(rng, 1)[:4], fill=(40, 40, 40), font=font)
    levels = side - 60 - rng.uniform(0.1, 0.8, count) * side
    line = list(zip(places.tolist(), levels.tolist(), strict=True))
    draw.line(line, fill=_colour(rng), width=5)
    draw.line([(60, 20), (60, side - 60), (side - 20, side - 60)], fill=(0, 0, 0), width=3)
    return canvas


def drawing(rng: np.random.Generator) -> Canvas:
    """Overlapping shapes in flat colours with dark outlines on a colour gradient."""
    first, last = (np.asarray(_colour(rng), np.float64) for _ in range(2))
    share = np.linspace(0, 1, FINER * SIDE)[:, None, None]
    ground = np.broadcast_to(first * (1 - share) + last * share, (FINER * SIDE, FINER * SIDE, 3))
    canvas = Pillow.fromarray(np.rint(ground).astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(5, 15))):
        x, y = rng.uniform(0, canvas.width, 2)
        width, height = rng.uniform(40, 350, 2)
        box = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
        act = draw.ellipse if rng.random() < 2 / 3 else draw.rectangle
        act(box, fill=_colour(rng), outline=(20, 20, 20), width=int(rng.integers(2, 9)))
    return canvas


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
    return red, green, blue


DRAWINGS: dict[str, Callable[[np.random.Generator], Canvas]] = {
    "page of text": page_of_text,
    "chart": chart,
    "drawing": drawing,
}


def drawn_picture(kind: str, seed: int) -> Image:
    """Draw one picture of a kind, saved as JPEG like a photograph: (384, 384, 3) uint8 RGB."""
    rng = np.random.default_rng([seed, *kind.encode()])
    canvas = DRAWINGS[kind](rng).filter(ImageFilter.GaussianBlur(0.5))
    small = canvas.resize((SIDE, SIDE), Pillow.Resampling.LANCZOS)
    return jpeg(np.asarray(small), int(rng.integers(*SAVED)))
