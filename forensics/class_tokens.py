"""Class tokens of all blocks of CLIP ViT-B/16, read by `clip_linear` and by `clip_blocks`.

The graph ends behind the last block, so that it is built from the backbone's weights at first use
and lies in no file: nobody needs it who does not ask for one of the two.
"""

from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from forensics.augmentation import Chain
from forensics.feature_store import FeatureStore, stored_features
from forensics.neural import CLIP_MEAN, CLIP_PATCH, CLIP_SIDE, CLIP_STD, normalised, session_of
from forensics.plugins import backbones, fingerprint
from forensics.schema import Floats, Image
from forensics.traces.crops import crop_areas, fitting_side, padded
from forensics.training import TrainingData
from forensics.views import View, cache_key, fill
from forensics.weights import load_tensors

BACKBONE = "clip_vit_b16"
BLOCKS, WIDTH = 12, 768
BATCH = 32


class TokenReader:
    """Reads class tokens of pictures and of training views; keeps them where a folder is given."""

    def __init__(self, cache: str = "") -> None:
        """Keep tokens in the folder `cache`, by the pixels of crops; nowhere where it is empty."""
        self._cache = cache

    def of_picture(self, image: Image, crops: int) -> Floats:
        """Class tokens of at most `crops` native crops of a picture.

        Args:
            image: (H, W, 3) uint8 RGB, any size from 1 px up.
            crops: the largest number; with 1, the middle of the picture.

        Returns:
            (k, 12, 768) float32.

        Raises:
            WeightsUnavailable: the backbone has not been pulled; the message has the command.
        """
        side = fitting_side(image, CLIP_SIDE, CLIP_PATCH)
        areas = crop_areas(image.shape[:2], side, crops)
        return self.of_crops([padded(image[area], CLIP_PATCH) for area in areas])

    def of_crops(self, crops: Sequence[Image]) -> Floats:
        """Class tokens of k crops, each (16 h, 16 w, 3) uint8 RGB: (k, 12, 768) float32."""
        stored = self.store
        rows = self._tokens(crops) if stored is None else self._known(stored, crops)
        return rows.reshape(len(crops), BLOCKS, WIDTH)

    def fill(self, data: TrainingData, views: Sequence[View], chain: Chain) -> Iterator[int]:
        """Compute those tokens of training views that `data.cache` does not hold yet.

        Yields:
            After each batch how many are still to come. A killed run loses at most one batch.
        """

        def tokens(view: View) -> Floats:
            crop = view.crop(data, chain, CLIP_SIDE, CLIP_PATCH)
            return self.of_crops([crop]).reshape(-1)

        yield from fill(_view_store(data, chain), views, tokens, BATCH)

    def of_views(self, data: TrainingData, views: Sequence[View], chain: Chain) -> Floats:
        """Class tokens of N views that `fill` has computed: (N, 12, 768) float32."""
        rows = _view_store(data, chain).rows([view.key for view in views])
        return rows.reshape(-1, BLOCKS, WIDTH)

    @cached_property
    def store(self) -> FeatureStore | None:
        """Where tokens are kept by the crops' pixels; None where no folder was given."""
        if not self._cache:
            return None
        name = f"clip-classes-{fingerprint(backbones()[BACKBONE])[:12]}"
        return FeatureStore(Path(self._cache) / name, BLOCKS * WIDTH)

    def _known(self, store: FeatureStore, crops: Sequence[Image]) -> Floats:
        return stored_features(store, crops, self._tokens)

    def _tokens(self, crops: Sequence[Image]) -> Floats:
        network = self._network
        rows = [
            network.run(None, {"crops": normalised(crop, CLIP_MEAN, CLIP_STD)})[0].reshape(-1)
            for crop in crops
        ]
        return np.asarray(rows, np.float32)

    @cached_property
    def _network(self) -> Any:
        # Building the graph takes onnx, which nothing else here needs.
        from forensics.clip_graph import build_class_graph

        model = build_class_graph(load_tensors(backbones()[BACKBONE]))
        return session_of(model.SerializeToString())


def _view_store(data: TrainingData, chain: Chain) -> FeatureStore:
    key = cache_key(fingerprint(backbones()[BACKBONE]), chain, CLIP_SIDE)
    return FeatureStore(data.cache / f"clip-class-views-{key}", BLOCKS * WIDTH)


def image_embedding(tokens: Floats) -> Floats:
    """CLIP's embedding of pictures from the last block's class tokens, at unit length.

    Args:
        tokens: (N, 768) float32.

    Returns:
        (N, 512) float32.
    """
    scale, shift, projection = _last_layers()
    centred = tokens - tokens.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    embedding = (centred / spread * scale + shift) @ projection
    length = np.linalg.norm(embedding, axis=1, keepdims=True)
    return np.asarray(embedding / length, np.float32)


@cache
def _last_layers() -> tuple[Floats, Floats, Floats]:
    """Scale and shift of the last normalisation, (768,), and the projection, (768, 512)."""
    weights = load_tensors(backbones()[BACKBONE])
    projection = weights["visual_projection.weight"] * weights["visual_projection.scale"]
    scale, shift = weights["post_layernorm.weight"], weights["post_layernorm.bias"]
    return scale, shift, projection.astype(np.float32)
