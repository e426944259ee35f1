"""A face that nobody has, for the page: drawn from a seed, marked as synthetic."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np

import forensics
from forensics.generator import Generator
from forensics.plugins import load, plugin_class
from forensics.schema import Image
from forensics.writing import Provenance, png

GENERATOR = "stylegan2"
TIMES = 5
"""How much larger the face is shown than it is made."""


@dataclass(frozen=True)
class NewFace:
    """A face and what made it.

    `picture`: PNG as it was made; `shown`: PNG of it enlarged, both with their provenance inside.
    """

    seed: int
    side: int
    picture: bytes
    shown: bytes


def new_face(seed: int, truncation: float) -> NewFace:
    """Draw the face of a seed; the same seed and truncation always give the same face.

    Args:
        seed: 0 or more.
        truncation: psi; less is closer to the mean face.

    Raises:
        WeightsUnavailable: the generator's weights are missing.
    """
    generator = _generator(truncation)
    image: Image = generator.sample(1, seed)[0]
    mark = Provenance(GENERATOR, forensics.__version__, seed, generator.weights_sha256)
    side = TIMES * image.shape[0]
    enlarged = np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
    return NewFace(seed, image.shape[0], png(image, mark), png(enlarged, mark))


@cache
def _generator(truncation: float) -> Generator:
    options: Any = plugin_class("generator", GENERATOR).Options(truncation=truncation)
    plugin: Generator = load("generator", GENERATOR, options)
    return plugin
