"""A linear classifier on the log-scaled DCT of a picture (Frank et al. 2020), re-implemented.

J. Frank et al., "Leveraging Frequency Analysis for Deep Fake Image Recognition", ICML 2020.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from forensics.detector import CropDetector, Trainable
from forensics.feature_store import FeatureStore
from forensics.head_training import LinearRecipe, fitted, read_head, save_head, views_alone
from forensics.linear_head import LinearHead
from forensics.schema import Floats, Image, Step
from forensics.traces.crops import native_crops
from forensics.training import TrainingData
from forensics.views import View, cache_key, fill
from forensics.weights import load_tensors

SIDE = 128
"""The side of the paper's pictures, in px; a head has SIDE x SIDE weights a class."""
FLOOR = 1e-3
"""Grey levels. Added to a coefficient's magnitude: below it nothing is known."""
BATCH = 128


@dataclass(frozen=True)
class DctFrankOptions:
    """`crops`: the largest number of native crops a picture."""

    crops: int = 4


class DctFrank(CropDetector, Trainable):
    """Linear head on all 128 x 128 log coefficients of native crops, in grey."""

    Options = DctFrankOptions
    Recipe = LinearRecipe

    def class_logits(self, images: Sequence[Image]) -> list[Floats]:
        """Return for each image (k, 3) float32 class logits of its native crops."""
        return [self.head.class_logits(self.features(image)) for image in images]

    def features(self, image: Image) -> Floats:
        """Log coefficients of a picture's native crops, (k, 16384) float32."""
        return np.stack([log_dct(crop) for crop in native_crops(image, SIDE, self.options.crops)])

    @cached_property
    def head(self) -> LinearHead:
        """The trained head, read at first use."""
        return read_head(load_tensors(self.card))

    def train(self, data: TrainingData, recipe: LinearRecipe, seed: int) -> Iterator[Step]:
        """Compute coefficients not yet in the cache, then fit the head and save it.

        `seed` decides nothing: the views depend on the pictures alone, and the fit is convex.
        """
        views = views_alone(data, recipe.strong)
        key = cache_key(self.card.score_version, SIDE, recipe.chain)
        store = FeatureStore(data.cache / f"dct-{key}", SIDE * SIDE)

        def features(view: View) -> Floats:
            return log_dct(view.crop(data, recipe.chain, SIDE))

        for left in fill(store, views, features, BATCH):
            yield Step(len(views) - left, len(views) + 1, {})
        head = fitted(store.rows([view.key for view in views]), views, recipe)
        save_head(head, data.folder / f"{self.card.name}.safetensors")
        yield Step(len(views) + 1, len(views) + 1, {"rows": float(len(views))})


def log_dct(crop: Image) -> Floats:
    """Logarithms of the magnitudes of a crop's DCT-II, row by row from the constant one.

    Args:
        crop: (128, 128, 3) uint8 RGB.

    Returns:
        (16384,) float32, finite.

    Raises:
        ValueError: the crop has another shape.
    """
    if crop.shape != (SIDE, SIDE, 3):
        raise ValueError(f"a crop must be ({SIDE}, {SIDE}, 3), got {crop.shape}")
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.log(np.abs(cv2.dct(grey)) + FLOOR).astype(np.float32).ravel()
