"""Views that teach a map's head: some patches of each, whether they were changed, and a store."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from forensics.augmentation import Chain
from forensics.feature_store import FeatureStore
from forensics.neural import CLIP_PATCH, CLIP_SIDE, CLIP_WIDTH, clip_reading
from forensics.patch_head import CHANGED, SAME, Labels, PatchHead, fit_patch_head, labels_of
from forensics.plugins import backbones, fingerprint
from forensics.schema import Floats, Image
from forensics.training import TrainingData
from forensics.views import SHRUNK, View, cache_key, fill, weights_of

DRAWN = 16
"""Patches of a view that teach: of one changed in part, as many of either kind as there are."""
BATCH = 32


def local_views(views: Sequence[View], per_group: int) -> list[View]:
    """Views of real pictures and of their twins, of at most `per_group` pictures of each group.

    The pictures are chosen by their paths.
    """
    kept: dict[str, set[str]] = {}
    for view in sorted(views, key=lambda view: view.sample.seed(-3)):
        paths = kept.setdefault(view.sample.group, set())
        if len(paths) < per_group:
            paths.add(view.sample.path)
    return [
        view
        for view in views
        if not view.sample.fake
        and view.number < SHRUNK
        and view.sample.path in kept[view.sample.group]
    ]


class PatchViews:
    """Reads views: some of their patch tokens, with labels."""

    def __init__(self, data: TrainingData, chain: Chain) -> None:
        """Open the store in `data.cache`; `chain` is that of the views."""
        self._data, self._chain = data, chain
        key = cache_key(fingerprint(backbones()["clip_vit_b16"]), chain, DRAWN, CHANGED, SAME)
        self._store = FeatureStore(data.cache / f"clip-patches-{key}", DRAWN * (CLIP_WIDTH + 1))

    def crop(self, view: View) -> Image:
        """The augmented crop."""
        return view.crop(self._data, self._chain, CLIP_SIDE, CLIP_PATCH)

    def labels(self, view: View, crop: Image) -> Labels:
        """(h, w) of a view's crop: all 0 of a real picture's own."""
        parent = self.crop(View(view.sample, view.number)) if view.twin else crop
        return labels_of(crop, parent if parent.shape == crop.shape else crop, CLIP_PATCH)

    def read(self, views: Sequence[View]) -> Iterator[int]:
        """Compute what is not in the store; yields how many views are to come."""
        yield from fill(self._store, views, self._row, BATCH)

    def rows(self, views: Sequence[View]) -> tuple[Floats, Labels]:
        """(N, DRAWN, D) patch tokens and (N, DRAWN) labels of views that were read."""
        found = self._store.rows([view.key for view in views])
        patches, told = np.split(found, [DRAWN * CLIP_WIDTH], axis=1)
        return patches.reshape(len(views), DRAWN, CLIP_WIDTH), told.astype(np.uint8)

    def fit(self, views: Sequence[View], power: float, penalty: float) -> PatchHead:
        """Fit a head to views that were read; `power` as in `weights_of`.

        Twins in which nothing was changed teach nothing.
        """
        patches, told = self.rows(views)
        kept = [n for n, view in enumerate(views) if not view.twin or (told[n] == 1).any()]
        weights = weights_of([views[n] for n in kept], power)
        return fit_patch_head(patches[kept], told[kept], weights, penalty)

    def _row(self, view: View) -> Floats:
        crop = self.crop(view)
        patches = clip_reading(crop).patches.reshape(-1, CLIP_WIDTH)
        told = self.labels(view, crop).ravel()
        drawn = _drawn(told, view)
        return np.concatenate([patches[drawn].ravel(), told[drawn]]).astype(np.float32)


def _drawn(told: Labels, view: View) -> NDArray[np.intp]:
    """Numbers of `DRAWN` patches, half of them changed ones where there are as many."""
    order = np.random.default_rng(view.sample.seed(31)).permutation(len(told))
    order = np.concatenate([order[told[order] == 1][: DRAWN // 2], order])
    first = order[np.sort(np.unique(order, return_index=True)[1])]
    return np.resize(first, DRAWN)
