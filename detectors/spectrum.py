"""Frequency features of native crops, and boosted trees on top: what no content can explain.

Generators leave traces in the power spectrum (Frank et al. 2020; Durall et al. 2020; Corvi et al.
2023); trees on hand-made features see other fakes than networks do, which is why this is here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from forensics.augmentation import Chain
from forensics.boosted_trees import Forest, read_out
from forensics.detector import CropDetector, Trainable
from forensics.feature_store import FeatureStore, stored_features
from forensics.schema import Floats, Image, Step
from forensics.traces.crops import native_crops
from forensics.traces.features import SIDE, frequency_features
from forensics.training import TrainingData
from forensics.views import View, all_views, cache_key, changed, fill, kinds_of, weights_of
from forensics.weights import load_tensors

BATCH = 128


@dataclass(frozen=True)
class SpectrumOptions:
    """`crops`: the largest number of native crops a picture; `cache`: a folder keeps features."""

    crops: int = 9
    cache: str = ""


@dataclass(frozen=True)
class SpectrumRecipe:
    """Views as in `forensics.views.all_views`; the rest are the trees' own settings."""

    strong: float = 1.0
    twins: float = 0.25
    chain: Chain = field(default_factory=Chain)
    power: float = 0.5
    rounds: int = 150
    leaves: int = 15
    learning_rate: float = 0.06
    penalty: float = 20.0
    feature_share: float = 0.2


class Spectrum(CropDetector, Trainable):
    """Boosted trees on frequency features, evaluated in NumPy."""

    Options = SpectrumOptions
    Recipe = SpectrumRecipe

    def class_logits(self, images: Sequence[Image]) -> list[Floats]:
        """Return for each image (k, 3) float32 class logits of its native crops."""
        return [self.forest.raw_scores(self.features(image)) for image in images]

    def features(self, image: Image) -> Floats:
        """Features of a picture's native crops, (k, F) float32."""
        crops = native_crops(image, SIDE, self.options.crops)
        store = self.store
        return _features(crops) if store is None else stored_features(store, crops, _features)

    @cached_property
    def store(self) -> FeatureStore | None:
        """Where features are kept by the crops' pixels, exactly, for benchmarks."""
        if not self.options.cache:
            return None
        width = _features([np.zeros((SIDE, SIDE, 3), np.uint8)]).shape[1]
        key = cache_key(self.card.score_version, width)
        return FeatureStore(Path(self.options.cache) / f"spectrum-crops-{key}", width, np.float32)

    @cached_property
    def forest(self) -> Forest:
        """The trained trees, read at first use."""
        return Forest.from_tensors(load_tensors(self.card))

    def train(self, data: TrainingData, recipe: SpectrumRecipe, seed: int) -> Iterator[Step]:
        """Compute features not yet in the cache, then fit the trees and save them."""
        views = all_views(data.samples, recipe.strong, recipe.twins, tuple(data.makers))
        width = frequency_features(np.zeros((SIDE, SIDE, 3), np.uint8)).size
        key = cache_key(self.card.score_version, width, recipe.chain)
        store = FeatureStore(data.cache / f"spectrum-{key}", width)

        def features(view: View) -> Floats:
            return frequency_features(view.crop(data, recipe.chain, SIDE))

        for left in fill(store, views, features, BATCH):
            yield Step(len(views) - left, len(views) + 1, {})
        rows = store.rows([view.key for view in views])
        kept = changed(views, rows)
        forest = _fit(rows[kept], [views[place] for place in kept.tolist()], recipe, seed)
        data.folder.mkdir(parents=True, exist_ok=True)
        save_file(forest.tensors(), data.folder / f"{self.card.name}.safetensors")
        yield Step(len(views) + 1, len(views) + 1, {"rows": float(len(kept))})


def _features(crops: Sequence[Image]) -> Floats:
    return np.stack([frequency_features(crop) for crop in crops])


def _fit(rows: Floats, views: Sequence[View], recipe: SpectrumRecipe, seed: int) -> Forest:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=recipe.rounds,
        max_leaf_nodes=recipe.leaves,
        learning_rate=recipe.learning_rate,
        l2_regularization=recipe.penalty,
        max_features=recipe.feature_share,
        early_stopping=False,
        random_state=seed,
    )
    weights = weights_of(views, recipe.power) * len(views)
    return read_out(model.fit(rows, kinds_of(views), sample_weight=weights))
