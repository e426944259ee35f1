"""A head of our own on frozen CLIP features, taught by pairs that differ in nothing but the trace.

Frozen CLIP features generalise across generators (Ojha et al. 2023), intermediate blocks better
than the last (Koutlis and Papadopoulos 2024), and pictures paired with their own reconstruction
keep the head from learning content (Rajan et al. 2025). Where those read class tokens, ours reads
the mean of the patch tokens of the middle blocks, texture more than content, beside one class
token. What it learns from matters more than what it reads: pairs by five kinds of trace makers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from safetensors.numpy import save_file

from forensics.augmentation import Chain
from forensics.clip_features import WIDTH, crop_features, crop_store
from forensics.detector import CropDetector, Localiser, Trainable
from forensics.feature_store import FeatureStore
from forensics.head_training import head_rows
from forensics.linear_head import HeadRecipe, HeadRows, LinearHead, fit_head
from forensics.neural import (
    CLIP_PATCH,
    CLIP_SIDE,
    ClipReading,
    clip_areas,
    clip_readings,
    prepare_clip,
)
from forensics.patch_head import PatchHead
from forensics.patch_views import PatchViews, local_views
from forensics.plugins import backbones, fingerprint
from forensics.schema import Floats, Image, Map, Step
from forensics.traces.crops import covering_areas, fitting_side, padded
from forensics.training import TrainingData
from forensics.views import (
    View,
    all_views,
    cache_key,
    changed,
    fill,
)
from forensics.weights import load_tensors

BATCH = 32


@dataclass(frozen=True)
class ClipPairsOptions:
    """`crops`: the largest number of native crops; `cache`: a folder that keeps features.

    `map_crops`: of a picture that so many crops cover, the map shows the whole.
    """

    crops: int = 4
    map_crops: int = 9
    cache: str = ""


@dataclass(frozen=True)
class ClipPairsRecipe:
    """What the heads learn from: as in `forensics.views.all_views`; `shrunk` is `shrunk_views`.

    `local`: how many real pictures of each group, and their twins, teach the head of the map (0:
    there is none); `local_penalty`: that head's, as in `fit_patch_head`.
    """

    strong: float = 0.4
    twins: float = 0.25
    shrunk: int = 4
    chain: Chain = field(default_factory=Chain)
    head: HeadRecipe = field(
        default_factory=lambda: HeadRecipe(penalty=0.03, pairs=4.0, by_source=1)
    )
    power: float = 0.5
    local: int = 40
    local_penalty: float = 300.0


class ClipPairs(CropDetector, Localiser, Trainable):
    """Linear head on the mean patch tokens of blocks 5 to 7 and the class token of block 9 of CLIP.

    Every source of fakes has a class of its own; the logit of a kind is the log-sum-exp of its
    classes. The map has a head of its own, taught by what makers changed in a part of a picture:
    it shows where, and does not add up to the score.
    """

    Options = ClipPairsOptions
    Recipe = ClipPairsRecipe

    def prepare(self) -> None:
        """Open CLIP."""
        prepare_clip()

    def class_logits(self, images: Sequence[Image]) -> list[Floats]:
        """Return for each image (k, 3) float32 class logits of its native crops."""
        return [self.head.class_logits(self.features(image)) for image in images]

    def features(self, image: Image) -> Floats:
        """What the head reads of a picture's native crops, (k, 3072) float32."""
        crops = [padded(image[area], CLIP_PATCH) for area in self._areas(image)]
        return self.crop_features(crops)

    def crop_features(self, crops: Sequence[Image]) -> Floats:
        """What the head reads of crops, each (16 h, 16 w, 3) uint8 RGB: (k, 3072) float32."""
        return crop_features(crops, self.store)

    def locate(self, images: Sequence[Image]) -> list[Map]:
        """Return how changed each patch looks, (H, W) float32; 0 where no crop looked."""
        head = self.map_head
        return [
            self.laid_over(image, lambda reading: head.logits(reading.patches)) for image in images
        ]

    @cached_property
    def store(self) -> FeatureStore | None:
        """Where features are kept by the crops' pixels, for training and benchmarks."""
        return crop_store(self.options.cache)

    @cached_property
    def head(self) -> LinearHead:
        """The trained head, read at first use."""
        return LinearHead.read(load_tensors(self.card))

    @cached_property
    def map_head(self) -> PatchHead:
        """The head of the map, read at first use."""
        return PatchHead.read(load_tensors(self.card))

    def _areas(self, image: Image) -> list[tuple[slice, slice]]:
        return clip_areas(image, self.options.crops)

    def laid_over(self, image: Image, logits: Callable[[ClipReading], Floats]) -> Map:
        """Lay what `logits` says of each crop's patches, (h, w), over a picture, as P.

        The mean where crops overlap. What none covers is not touched: in a large picture it takes
        no memory.
        """
        total, seen, chance = (np.zeros(image.shape[:2], np.float32) for _ in range(3))
        areas = self._map_areas(image)
        readings = clip_readings([padded(image[area], CLIP_PATCH) for area in areas])
        for area, reading in zip(areas, readings, strict=True):
            told = logits(reading)
            height, width = image[area].shape[:2]
            total[area] += np.kron(told, np.ones((CLIP_PATCH, CLIP_PATCH)))[:height, :width]
            seen[area] += 1
        for area in areas:
            chance[area] = 1 / (1 + np.exp(-total[area] / seen[area]))
        return chance

    def _map_areas(self, image: Image) -> list[tuple[slice, slice]]:
        """Crops that cover a picture, if it is small enough for that; else those of the score."""
        side = fitting_side(image, CLIP_SIDE, CLIP_PATCH)
        covering = covering_areas(image.shape[:2], side, self.options.map_crops)
        return covering or self._areas(image)

    def train(self, data: TrainingData, recipe: ClipPairsRecipe, seed: int) -> Iterator[Step]:
        """Compute features not yet in the cache, then fit both heads and save them.

        Resumable: a killed run loses at most one batch of features.
        """
        views = self.views(data, recipe)
        near, patches = local_views(views, recipe.local), PatchViews(data, recipe.chain)
        total = len(views) + len(near) + 1
        for left in self.read(views, data, recipe):
            yield Step(len(views) - left, total, {})
        for left in patches.read(near):
            yield Step(total - 1 - left, total, {})
        rows, shown = self.rows(views, data, recipe)
        tensors = fit_head(rows, recipe.head).tensors
        if data.makers and recipe.local:
            tensors |= patches.fit(near, recipe.power, recipe.local_penalty).tensors
        data.folder.mkdir(parents=True, exist_ok=True)
        save_file(tensors, data.folder / f"{self.card.name}.safetensors")
        yield Step(total, total, {"rows": float(len(shown)), "local": float(len(near))})

    def views(self, data: TrainingData, recipe: ClipPairsRecipe) -> list[View]:
        """What the head learns from."""
        return all_views(
            data.samples,
            recipe.strong,
            recipe.twins,
            tuple(data.makers),
            large=data.large,
            shrunk_views=recipe.shrunk,
        )

    def read(
        self, views: Sequence[View], data: TrainingData, recipe: ClipPairsRecipe
    ) -> Iterator[int]:
        """Compute the features of views that are not in the cache; yields how many are to come."""

        def features(view: View) -> Floats:
            crop = view.crop(data, recipe.chain, CLIP_SIDE, CLIP_PATCH)
            return self.crop_features([crop]).reshape(WIDTH)

        yield from fill(_view_store(data, recipe), views, features, BATCH)

    def rows(
        self, views: Sequence[View], data: TrainingData, recipe: ClipPairsRecipe
    ) -> tuple[HeadRows, list[View]]:
        """What the head is fitted on, and the views behind it: those that differ from parents."""
        features = _view_store(data, recipe).rows([view.key for view in views])
        kept = changed(views, features)
        shown = [views[place] for place in kept.tolist()]
        return head_rows(features[kept], shown, recipe.power), shown


def _view_store(data: TrainingData, recipe: ClipPairsRecipe) -> FeatureStore:
    backbone = fingerprint(backbones()["clip_vit_b16"])
    key = cache_key(backbone, recipe.chain, CLIP_SIDE)
    return FeatureStore(data.cache / f"clip-{key}", width=WIDTH)
