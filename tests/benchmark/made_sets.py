"""Small labelled sets made in code, and a detector in a file that weighs nothing."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from forensics.schema import Image

DETECTOR = '''
"""Calls pictures with strong columns fake."""
import os
from pathlib import Path

import numpy as np

from forensics.detector import Detector


class Columns(Detector):
    def score(self, images):
        log = os.environ.get("SEEN")
        if log:
            with Path(log).open("a") as file:
                file.write("x" * len(images))
        means = [image.astype(float).mean((0, 2)) for image in images]
        return np.asarray([np.abs(np.diff(row)).mean() - 3 for row in means], np.float32)
'''


def picture(seed: int, *, columns: bool = False, side: int = 64) -> Image:
    """Noise; with every fourth column brighter where asked."""
    rng = np.random.default_rng(seed)
    image = rng.normal(120, 25, (side, side, 3))
    image[:, ::4] += 14.0 * columns
    found: Image = np.clip(image, 0, 255).astype(np.uint8)
    return found


def save(image: Image, path: Path, quality: int = 92) -> Path:
    """Write a picture in the format that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(image).save(path, quality=quality)
    return path


def folders(root: Path, *, fakes: Mapping[str, str], reals: int = 16, each: int = 12) -> Path:
    """`real/` and a folder a generator, whose fakes have strong columns and the given suffix."""
    for index in range(reals):
        save(picture(index), root / "real" / f"{index:02}.jpg")
    for number, (name, suffix) in enumerate(fakes.items(), 1):
        for index in range(each):
            made = picture(1000 * number + index, columns=True)
            save(made, root / "fake" / name / f"{index:02}.{suffix}")
    return root


def detector(folder: Path, text: str = DETECTOR) -> Path:
    """Write the detector's file."""
    path = folder / "columns.py"
    path.write_text(text, encoding="utf-8")
    return path
