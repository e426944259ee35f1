"""The azimuthally averaged power spectrum and a linear classifier (Durall et al. 2020).

R. Durall, M. Keuper and J. Keuper, "Watch Your Up-Convolution: CNN Based Generative Deep Neural
Networks Are Failing to Reproduce Spectral Distributions", CVPR 2020; here as we re-implement it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.detector import CropDetector, Trainable
from forensics.feature_store import FeatureStore
from forensics.head_training import LinearRecipe, fitted, read_head, save_head, views_alone
from forensics.linear_head import HeadRecipe, LinearHead
from forensics.schema import Floats, Image, Step
from forensics.traces.crops import native_crops
from forensics.training import TrainingData
from forensics.views import View, cache_key, fill
from forensics.weights import load_tensors

SIDE = 224
RADII = 159
"""Distances from frequency zero in whole steps, up to the corner of the spectrum at 158.4."""
FLOOR = 1e-3
"""Added to powers before the logarithm, a hundred-thousandth of a grey level's."""
BATCH = 128


WEAK = HeadRecipe(penalty=0.001, pairs=0.0, content=0, iterations=1000)


@dataclass(frozen=True)
class AzimuthalOptions:
    """`crops`: the largest number of native crops a picture."""

    crops: int = 4


@dataclass(frozen=True)
class AzimuthalRecipe(LinearRecipe):
    """As `LinearRecipe`; the features are few and correlated, so that the penalty is weak."""

    head: HeadRecipe = WEAK


class Azimuthal(CropDetector, Trainable):
    """Linear head on the mean log power at each distance from frequency zero."""

    Options = AzimuthalOptions
    Recipe = AzimuthalRecipe

    def class_logits(self, images: Sequence[Image]) -> list[Floats]:
        """Return for each image (k, 3) float32 class logits of its native crops."""
        return [self.head.class_logits(self.features(image)) for image in images]

    def features(self, image: Image) -> Floats:
        """Profiles of a picture's native crops, (k, 159) float32."""
        crops = native_crops(image, SIDE, self.options.crops)
        return np.stack([spectral_profile(crop) for crop in crops])

    @cached_property
    def head(self) -> LinearHead:
        """The trained head, read at first use."""
        return read_head(load_tensors(self.card))

    def train(self, data: TrainingData, recipe: AzimuthalRecipe, seed: int) -> Iterator[Step]:
        """Compute profiles not yet in the cache, then fit the head and save it.

        `seed` decides nothing: the views depend on the pictures alone, and the fit is convex.
        """
        views = views_alone(data, recipe.strong)
        key = cache_key(self.card.score_version, RADII, recipe.chain)
        store = FeatureStore(data.cache / f"azimuthal-{key}", RADII)

        def features(view: View) -> Floats:
            return spectral_profile(view.crop(data, recipe.chain, SIDE))

        for left in fill(store, views, features, BATCH):
            yield Step(len(views) - left, len(views) + 1, {})
        head = fitted(store.rows([view.key for view in views]), views, recipe)
        save_head(head, data.folder / f"{self.card.name}.safetensors")
        yield Step(len(views) + 1, len(views) + 1, {"rows": float(len(views))})


def spectral_profile(crop: Image) -> Floats:
    """Mean log power of a crop at each distance from frequency zero, less that at the shortest.

    Args:
        crop: (224, 224, 3) uint8 RGB.

    Returns:
        (159,) float32, finite; the first is 0.

    Raises:
        ValueError: the crop has another shape.
    """
    if crop.shape != (SIDE, SIDE, 3):
        raise ValueError(f"a crop must be ({SIDE}, {SIDE}, 3), got {crop.shape}")
    from scipy.fft import fft2

    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    logs = np.log(np.abs(fft2(grey)) ** 2 / grey.size + FLOOR)
    bins = _distances()
    sums, counts = np.bincount(bins, logs.ravel(), RADII), np.bincount(bins, minlength=RADII)
    profile = sums / np.maximum(counts, 1)
    return np.asarray(profile - profile[0], np.float32)


@cache
def _distances() -> NDArray[np.intp]:
    """The distance of every bin of `fft2` from frequency zero, in steps, (SIDE * SIDE,)."""
    steps = np.fft.fftfreq(SIDE) * SIDE
    distances = np.hypot(steps[:, None], steps)
    return np.asarray(np.rint(distances), np.intp).ravel()
