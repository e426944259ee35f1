"""A head of our own on frozen CLIP features, taught by pairs that differ in nothing but the trace.

Frozen CLIP features generalise across generators (Ojha et al. 2023), intermediate blocks better
than the last (Koutlis and Papadopoulos 2024), and pictures paired with their own reconstruction
keep the head from learning content (Rajan et al. 2025).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from forensics.augmentation import Chain
from forensics.detector import CropDetector, Trainable
from forensics.feature_store import FeatureStore, stored_features
from forensics.linear_head import HeadRecipe, HeadRows, LinearHead, fit_head
from forensics.neural import CLIP_SIDE, clip_tokens
from forensics.plugins import backbones, fingerprint
from forensics.schema import Floats, Image, Step
from forensics.traces.crops import native_crops
from forensics.training import TrainingData
from forensics.views import View, all_views, cache_key, fill, kinds_of, pairs_of, weights_of
from forensics.weights import load_tensors

BATCH = 32
WIDTH = 4 * 768


@dataclass(frozen=True)
class ClipPairsOptions:
    """`crops`: the largest number of native crops; `cache`: a folder that keeps features."""

    crops: int = 4
    cache: str = ""


@dataclass(frozen=True)
class ClipPairsRecipe:
    """What the head learns from: `strong` and `twins` as in `forensics.views.all_views`."""

    strong: float = 0.4
    twins: float = 0.25
    chain: Chain = field(default_factory=Chain)
    head: HeadRecipe = field(default_factory=HeadRecipe)
    power: float = 0.5


class ClipPairs(CropDetector, Trainable):
    """Linear head on the class tokens of blocks 8 to 11 of CLIP ViT-B/16."""

    Options = ClipPairsOptions
    Recipe = ClipPairsRecipe

    def class_logits(self, images: Sequence[Image]) -> list[Floats]:
        """Return for each image (k, 3) float32 class logits of its native crops."""
        return [self.head.class_logits(_summed(self.features(image))) for image in images]

    def features(self, image: Image) -> Floats:
        """Class tokens of a picture's native crops, (k, 4 * 768) float32."""
        crops = native_crops(image, CLIP_SIDE, self.options.crops)
        return self.crop_features(crops)

    def crop_features(self, crops: Sequence[Image]) -> Floats:
        """Class tokens of crops, (k, 160, 160, 3) uint8 RGB -> (k, 4 * 768) float32."""
        return _tokens(crops) if self.store is None else stored_features(self.store, crops, _tokens)

    @cached_property
    def store(self) -> FeatureStore | None:
        """Where features are kept by the crops' pixels, for training and benchmarks."""
        if not self.options.cache:
            return None
        backbone = fingerprint(backbones()["clip_vit_b16"])
        return FeatureStore(Path(self.options.cache) / f"clip-crops-{backbone[:12]}", WIDTH)

    @cached_property
    def head(self) -> LinearHead:
        """The trained head, read at first use."""
        tensors = load_tensors(self.card)
        return LinearHead(tensors["weight"], tensors["bias"])

    def train(self, data: TrainingData, recipe: ClipPairsRecipe, seed: int) -> Iterator[Step]:
        """Compute features not yet in the cache, then fit the head and save it.

        Resumable: a killed run loses at most one batch of features.
        """
        views = all_views(data.samples, recipe.strong, recipe.twins)
        backbone = fingerprint(backbones()["clip_vit_b16"])
        key = cache_key(backbone, recipe.chain, CLIP_SIDE)
        store = FeatureStore(data.cache / f"clip-{key}", width=WIDTH)

        def features(view: View) -> Floats:
            crop = view.crop(data, recipe.chain, CLIP_SIDE)
            return self.crop_features([crop]).reshape(WIDTH)

        for left in fill(store, views, features, BATCH):
            yield Step(len(views) - left, len(views) + 1, {})
        rows = HeadRows(
            features=_summed(store.rows([view.key for view in views])),
            kinds=kinds_of(views),
            weights=weights_of(views, recipe.power),
            pairs=pairs_of(views),
        )
        head = fit_head(rows, recipe.head)
        data.folder.mkdir(parents=True, exist_ok=True)
        tensors = {"weight": head.weight, "bias": head.bias}
        save_file(tensors, data.folder / f"{self.card.name}.safetensors")
        yield Step(len(views) + 1, len(views) + 1, {"rows": float(len(views))})


def _summed(tokens: Floats) -> Floats:
    """Add up the class tokens of the four blocks, (N, 4 * 768) -> (N, 768)."""
    return np.asarray(tokens.reshape(len(tokens), 4, -1).sum(axis=1), np.float32)


def _tokens(crops: Sequence[Image]) -> Floats:
    return clip_tokens(crops).reshape(len(crops), WIDTH)
