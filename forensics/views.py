"""Augmented views of training pictures: which crops a detector learns from, and their features.

View 0 of a picture is a native crop of its equalised form, exactly as tests see it; view 1 went
through the strong chain; from view 2 on a large picture was shrunk as a whole first, as most
pictures on the web were. Views 0 and 1 of a real picture may come again as its twin: what a trace
maker made of it, under the identical augmentation.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from forensics.augmentation import Chain, augment, equalised, shrunk
from forensics.feature_store import FeatureStore
from forensics.schema import Floats, Image
from forensics.traces.crops import fitting_side, native_crops
from forensics.training import EQUALISE, Sample, TrainingData, blended, source_weights

SHRUNK = 2
"""The number of the first view of the shrunk picture."""
CROPS = 4
"""The grid that view 0 is taken from."""


@dataclass(frozen=True)
class View:
    """One augmented crop of one picture: its `number`, and the maker of the `twin` it shows.

    `twin` is empty where the view shows the picture itself.
    """

    sample: Sample
    number: int
    twin: str = ""

    @property
    def key(self) -> str:
        """A name without blanks, the same in every run."""
        return f"{self.sample.path}:{self.number}:{self.twin}".replace(" ", "_")

    @cached_property
    def shown(self) -> Sample:
        """The sample as it is shown: with the kind and the source that it is learned as.

        A twin is a fake whose source is its maker; shrunk pictures are a source of their own.
        """
        if self.number >= SHRUNK:
            name = f"{self.sample.source} shrunk"
            if self.sample.fake:
                return replace(self.sample, generator=name)
            return replace(self.sample, group=name)
        if not self.twin:
            return self.sample
        dot = np.zeros((1, 1, 3), np.uint8)
        kind = blended(dot, dot, self._blend_seed)[1]
        return replace(self.sample, kind=kind, generator=self.twin)

    def _whole(self, data: TrainingData) -> Image:
        if data.whole is None:
            raise ValueError("a shrunk view needs training data that gives whole pictures")
        return data.whole(self.sample)

    @property
    def _blend_seed(self) -> int:
        return self.sample.seed(1000 + self.number)

    def crop(self, data: TrainingData, chain: Chain, side: int, cell: int = 0) -> Image:
        """Return the augmented crop, (side, side, 3) uint8 RGB, or smaller; see `augment`."""
        if self.number >= SHRUNK:
            seed = self.sample.seed(self.number)
            fixed = replace(chain, resizing=0.0)
            return augment(shrunk(self._whole(data), seed), side, seed, fixed, cell)
        image = data.read(self.sample)
        if self.twin:
            image = blended(image, data.makers[self.twin](self.sample), self._blend_seed)[0]
        if self.number:
            return augment(image, side, self.sample.seed(self.number), chain, cell)
        side = fitting_side(image, side, cell) if cell else side
        crops = native_crops(equalised(image, self.sample.seed(EQUALISE)), side, CROPS)
        return crops[self.sample.seed(0) % len(crops)]


def all_views(
    samples: Sequence[Sample],
    strong: float,
    twins: float,
    makers: Sequence[str],
    *,
    large: Collection[str] = (),
    shrunk_views: int = 0,
) -> list[View]:
    """Choose the views to learn from, each choice by the picture alone.

    Args:
        samples: the pictures; each comes in view 0.
        strong: the share of pictures that come in view 1 as well.
        twins: the share of real pictures all of whose views come as a maker's twins too.
        makers: names of the trace makers; each draws its own share of the pictures.
        large: paths of pictures that also come shrunk.
        shrunk_views: how often each of these does, without twins.
    """
    views = []
    for sample in samples:
        numbers = (0, 1) if sample.seed(2002) / 2.0**48 < strong else (0,)
        chosen = [maker for place, maker in enumerate(makers) if sample.in_share(twins, place)]
        views += [View(sample, number, twin) for number in numbers for twin in ("", *chosen)]
        if sample.path in large:
            views += [View(sample, SHRUNK + number) for number in range(shrunk_views)]
    return views


def fill(
    store: FeatureStore, views: Sequence[View], features: Callable[[View], Floats], batch: int
) -> Iterator[int]:
    """Compute and store what is missing, a batch at a time; yields how many are still to come.

    A killed run loses at most one batch.
    """
    missing = [view for view in views if view.key not in store]
    for start in range(0, len(missing), batch):
        chosen = missing[start : start + batch]
        store.append([view.key for view in chosen], np.stack([features(view) for view in chosen]))
        yield len(missing) - start - len(chosen)


def kinds_of(views: Sequence[View]) -> NDArray[np.intp]:
    """(N,) ints: 0 real, 1 synthetic, 2 manipulated."""
    return np.asarray([view.shown.kind for view in views], np.intp)


def weights_of(views: Sequence[View], power: float) -> NDArray[np.float64]:
    """(N,) float64 weights: a source of n rows counts n^(1 - power), classes alike; sums to 1."""
    return source_weights([view.shown for view in views], power)


def pairs_of(views: Sequence[View]) -> NDArray[np.intp]:
    """(P, 2) row numbers: a real view, and a twin of it under the identical augmentation."""
    place = {
        (view.sample.path, view.number): row for row, view in enumerate(views) if not view.twin
    }
    pairs = [
        (place[view.sample.path, view.number], row) for row, view in enumerate(views) if view.twin
    ]
    return np.asarray(pairs, np.intp).reshape(-1, 2)


def changed(views: Sequence[View], rows: Floats) -> NDArray[np.intp]:
    """Which of N views to learn from, given their (N, D) features: all but unchanged twins.

    A maker may leave a picture as it is (one of faces where there is none), or change only what
    the crop does not show: such a twin is no fake.
    """
    pairs = pairs_of(views)
    same = (rows[pairs[:, 0]] == rows[pairs[:, 1]]).all(axis=1)
    return np.setdiff1d(np.arange(len(views)), pairs[same, 1])


def cache_key(*facts: object) -> str:
    """Twelve hex digits that change with any of the facts a feature depends on."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]
