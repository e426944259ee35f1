"""The pictures that families of generators are told apart on, and their features.

A shown picture is a view as detectors learn from (`forensics.views`): fakes as they were collected,
photographs, and what the zoo's trace makers left in photographs. Pictures kept for the check come
as benchmarks show them, clean and degraded.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forensics.augmentation import Chain
from forensics.benchmark.datasets import PictureStore
from forensics.benchmark.out_of_fold import CONDITIONS
from forensics.families import FAMILY_OF
from forensics.feature_store import FeatureStore
from forensics.neural import CLIP_PATCH, CLIP_SIDE, CLIP_WIDTH, clip_means
from forensics.plugins import backbones, fingerprint, load
from forensics.schema import Floats
from forensics.training import EQUALISE, Sample, TrainingData
from forensics.views import View, all_views, cache_key, fill

MAKERS = ("reconstruction", "decoders", "super_resolution", "self_blended", "inpainting")
"""In the order of docs/results/fuel.md, which decides what each maker is shown on. Of
`self_blended` nothing is learned: what it pastes is the photograph itself."""
STRONG, TWINS = 0.4, 0.25
"""The shares of pictures that come augmented as well, and of photographs that makers change."""
BATCH = 16


@dataclass(frozen=True, eq=False)
class Rows:
    """Features of n shown pictures and what is known of them.

    Attributes:
        features: (n, 2304) float32.
        sources: (n,) the generator or trace maker, "" for a photograph.
        groups: (n,) the group of the collection, of the photograph where a maker changed one.
        clusters: (n,) near-duplicates share one, and so do a photograph and its changed forms.
        conditions: (n,) "clean", "strong" (augmented) or "degraded".
    """

    features: Floats
    sources: NDArray[np.str_]
    groups: NDArray[np.str_]
    clusters: NDArray[np.str_]
    conditions: NDArray[np.str_]

    @property
    def families(self) -> NDArray[np.intp]:
        """(n,) numbers of the families, 0 for photographs."""
        return np.asarray([FAMILY_OF.get(source, 0) for source in self.sources.tolist()])

    def seen_through(self, basis: Floats) -> "Rows":
        """The same rows with `features @ basis` for features."""
        return replace(self, features=np.asarray(self.features @ basis, np.float32))

    def where(self, chosen: NDArray[np.bool_]) -> "Rows":
        """Some of the rows."""
        return Rows(*(column[chosen] for column in vars(self).values()))


class FamilyPictures:
    """Reads pictures, and keeps the mean patch tokens of their crops in a cache.

    Whatever is not in the cache yet is computed by `learn` and `check`, which yield how many are
    still to come. A killed run loses at most one batch; several processes may share the work.
    """

    def __init__(self, store: PictureStore, cache: Path) -> None:
        """Read pictures from `store`, and features from `cache`."""
        self._store = store
        key = cache_key(fingerprint(backbones()["clip_vit_b16"]), Chain(), CLIP_SIDE)
        self._learned = FeatureStore(cache / f"family-views-{key}", CLIP_WIDTH)
        self._checked = FeatureStore(cache / f"family-checks-{key}", CLIP_WIDTH)

    def learn(self, samples: Sequence[Sample]) -> Iterator[int]:
        """Compute what the rows to learn from lack."""
        views = [view for view in learned_views(samples) if view.key not in self._learned]
        if not views:
            return
        self._look_for_faces([view.sample for view in views])
        makers = {name: self._store.twin(load("generator", name)) for name in MAKERS}
        data = TrainingData(tuple(samples), self._store.read, makers, Path(), Path())

        def features(view: View) -> Floats:
            crop = view.crop(data, Chain(), CLIP_SIDE, CLIP_PATCH)
            return clip_means(crop, at_most=1).reshape(CLIP_WIDTH)

        yield from fill(self._learned, views, features, BATCH)

    def check(self, samples: Sequence[Sample]) -> Iterator[int]:
        """Compute what the rows of the check lack."""
        wanted = [(sample, condition) for condition in CONDITIONS for sample in samples]
        missing = [each for each in wanted if _key(*each) not in self._checked]
        self._look_for_faces([sample for sample, _ in missing])
        for left, (sample, condition) in enumerate(missing, 1 - len(missing)):
            picture = CONDITIONS[condition](self._store.read(sample), sample.seed(EQUALISE))
            self._checked.append([_key(sample, condition)], clip_means(picture, at_most=1))
            yield -left

    def _look_for_faces(self, samples: Sequence[Sample]) -> None:
        """Two groups are framed by their faces; see `PictureStore`."""
        unique = list({sample.path: sample for sample in samples}.values())
        for _ in self._store.find_boxes(unique):
            pass

    def learned(self, samples: Sequence[Sample]) -> Rows:
        """The rows to learn from; `learn` must have run."""
        views = learned_views(samples)
        return Rows(
            features=self._learned.rows([view.key for view in views]),
            sources=np.asarray([view.twin or view.sample.generator for view in views]),
            groups=np.asarray([view.sample.group for view in views]),
            clusters=np.asarray([view.sample.cluster for view in views]),
            conditions=np.asarray([("clean", "strong")[view.number] for view in views]),
        )

    def checked(self, samples: Sequence[Sample], condition: str) -> Rows:
        """The rows of the check under one condition; `check` must have run."""
        return Rows(
            features=self._checked.rows([_key(sample, condition) for sample in samples]),
            sources=np.asarray([sample.generator for sample in samples]),
            groups=np.asarray([sample.group for sample in samples]),
            clusters=np.asarray([sample.cluster for sample in samples]),
            conditions=np.full(len(samples), condition),
        )


def learned_views(samples: Sequence[Sample]) -> list[View]:
    """Every view that is learned from: what a maker changed, as a whole and not in a region."""
    views = all_views(samples, STRONG, TWINS, MAKERS)
    return [
        view for view in views if not view.twin or (view.twin in FAMILY_OF and view.shown.kind == 1)
    ]


def first_of_groups(samples: Sequence[Sample], most: int) -> list[Sample]:
    """At most so many pictures of each group, the same in every run and for every number."""
    kept: dict[str, list[Sample]] = {}
    for sample in sorted(samples, key=lambda each: each.seed(-3)):
        rows = kept.setdefault(sample.group, [])
        if len(rows) < most:
            rows.append(sample)
    return [sample for rows in kept.values() for sample in rows]


def _key(sample: Sample, condition: str) -> str:
    return f"{condition}|{sample.path}"
