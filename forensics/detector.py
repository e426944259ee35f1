"""What a detector is: pixels in, logits out. Real = 0, fake = 1."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forensics.plugins import Plugin
from forensics.schema import Floats, Image, Map, Step

CLASSES = ("real", "synthetic", "manipulated")
MARKED_UNALTERED = 0.05
"""How much of what was unaltered in its training a map puts at one half or above."""


class Detector(Plugin, ABC):
    """Scores pictures. Cropping and aggregation are the detector's own."""

    @abstractmethod
    def score(self, images: Sequence[Image]) -> Floats:
        """Return (N,) float32 logits of P(fake), not calibrated.

        Args:
            images: N pictures, each (H, W, 3) uint8 RGB of any size from 1 px up.
        """


class Typer(ABC):
    """Says which kind of fake a picture would be."""

    @abstractmethod
    def kinds(self, images: Sequence[Image]) -> Floats:
        """Return (N, 2) float32: P(synthetic), P(manipulated), given that it is fake."""


class Localiser(ABC):
    """Says where in a picture the traces lie."""

    @abstractmethod
    def locate(self, images: Sequence[Image]) -> list[Map]:
        """Return one (H, W) float32 map in [0, 1] an image, at the image's own size.

        0 where it did not look; from 1/2 on it marks what few unaltered places reach, see
        `MARKED_UNALTERED`.
        """


class CropDetector(Detector, Typer):
    """A detector that looks at native crops, each of which gets three class logits.

    Nothing is ever shrunk: shrinking erases the traces of modern generators.
    """

    @abstractmethod
    def class_logits(self, images: Sequence[Image]) -> list[Floats]:
        """Return for each image (k, 3) float32: logits of real, synthetic, manipulated a crop."""

    def score(self, images: Sequence[Image]) -> Floats:
        """Return the mean logit of P(fake) over each picture's crops, (N,) float32."""
        logits = [fake_logit(crops).mean() for crops in self.class_logits(images)]
        return np.asarray(logits, dtype=np.float32)

    def kinds(self, images: Sequence[Image]) -> Floats:
        """Return (N, 2) float32: P(synthetic), P(manipulated), given that it is fake."""
        rows = [kind_probabilities(crops) for crops in self.class_logits(images)]
        return np.asarray(rows, dtype=np.float32).reshape(len(rows), 2)


class Trainable(ABC):
    """A plugin that learns: networks, scikit-learn models and GANs alike."""

    @abstractmethod
    def train(self, data: Any, recipe: Any, seed: int) -> Iterator[Step]:
        """Train from `data` under `recipe`, yielding progress; resumable where it says so."""


def fake_logit(class_logits: NDArray[np.floating]) -> Floats:
    """Turn (k, 3) class logits into (k,) float32 logits of P(fake) = 1 - P(real)."""
    logits = np.asarray(class_logits, dtype=np.float64)
    return (np.logaddexp(logits[:, 1], logits[:, 2]) - logits[:, 0]).astype(np.float32)


def kind_probabilities(class_logits: NDArray[np.floating]) -> Floats:
    """Mean over (k, 3) crops of P(synthetic), P(manipulated) given fake: (2,) float32."""
    logits = np.asarray(class_logits, dtype=np.float64)
    manipulated = 1.0 / (1.0 + np.exp(np.clip(logits[:, 1] - logits[:, 2], -60, 60)))
    share = float(manipulated.mean())
    return np.asarray([1.0 - share, share], dtype=np.float32)
