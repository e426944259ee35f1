"""Class tokens of the pictures that references are chosen from and measured on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forensics.benchmark.datasets import PictureStore
from forensics.benchmark.drawn import DRAWINGS, FIRST, drawn_picture
from forensics.benchmark.out_of_fold import CONDITIONS, options_with_cache
from forensics.benchmark.unseen import Photograph
from forensics.media import open_media
from forensics.neural import CLIP_SIDE, CLIP_WIDTH
from forensics.plugins import load
from forensics.schema import Floats, Image
from forensics.statistics import Labels, Names
from forensics.training import EQUALISE, Sample

READER = "clip_pairs"
"""The detector that keeps what CLIP says of every crop it has seen."""


@dataclass(frozen=True, eq=False)
class TokenRows:
    """Class tokens of n shown pictures and what is known of them.

    Attributes:
        tokens: (n, 768) float32, one crop each.
        labels: (n,) 0 real, 1 fake.
        sources: (n,) the generator or real group.
        clusters: (n,) near-duplicates, and the conditions of a picture, share one.
        folds: (n,) the fold.
        checks: (n,) bool: kept for the check, so that no reference comes from them.
        conditions: (n,) "clean" or "degraded".
    """

    tokens: Floats
    labels: Labels
    sources: Names
    clusters: Names
    folds: Names
    checks: NDArray[np.bool_]
    conditions: Names

    def __len__(self) -> int:
        return len(self.tokens)

    def where(self, chosen: NDArray[np.bool_]) -> "TokenRows":
        """Some of the rows."""
        return TokenRows(*(column[chosen] for column in vars(self).values()))


@dataclass(frozen=True, eq=False)
class Stranger:
    """A picture that is in no fold: (k, 768) class tokens of its crops, its kind and cluster."""

    tokens: Floats
    kind: str
    cluster: str


@dataclass(frozen=True, eq=False)
class Whole:
    """A picture as it is stored, large enough for four crops: (4, 768) class tokens."""

    tokens: Floats
    sample: Sample


class TokenReader:
    """Reads class tokens of block 9, each crop once: a store keeps them by their pixels."""

    def __init__(self, cache: Path) -> None:
        """Keep what was read in `cache`, where `clip_pairs` keeps it too."""
        self._detector = load("detector", READER, options_with_cache(READER, cache))

    def tokens(self, image: Image) -> Floats:
        """Class tokens of a picture's native crops, (k, 768) float32."""
        features: Floats = self._detector.features(image)
        return features[:, CLIP_WIDTH:]

    def shown(self, store: PictureStore, samples: Sequence[Sample]) -> Iterator[Floats]:
        """Tokens (768,) of every sample, condition by condition, as `rows_of` wants them."""
        for condition in CONDITIONS.values():
            for sample in samples:
                picture = condition(store.read(sample), sample.seed(EQUALISE))
                # A region is smaller than two crops.
                yield self.tokens(picture).reshape(-1)

    def whole(self, store: PictureStore, samples: Sequence[Sample]) -> Iterator[Whole]:
        """Samples as they are stored, not cut to the region that detectors learn from."""
        for sample in samples:
            yield Whole(self.tokens(store.original(sample)), sample)

    def photographs(self, found: Sequence[Photograph]) -> Iterator[Stranger]:
        """Photographs as they are stored."""
        for each in found:
            yield Stranger(self.tokens(each.read()), each.source, each.person)

    def drawings(self, count: int) -> Iterator[Stranger]:
        """So many drawings of each kind."""
        for kind in DRAWINGS:
            for seed in range(FIRST, FIRST + count):
                yield Stranger(self.tokens(drawn_picture(kind, seed)), kind, f"{kind} {seed}")


def large(
    store: PictureStore, samples: Sequence[Sample], per_group: int, side: int = 2 * CLIP_SIDE
) -> list[Sample]:
    """At most so many samples of each group whose shorter side has `side` px or more."""
    kept: dict[str, list[Sample]] = {}
    for sample in sorted(samples, key=lambda sample: sample.seed(-5)):
        rows = kept.setdefault(sample.group, [])
        if len(rows) < per_group:
            media = open_media(Path(sample.path), store.stored(sample))
            if min(media.width, media.height) >= side:
                rows.append(sample)
    return [sample for group in sorted(kept) for sample in kept[group]]


def rows_of(samples: Sequence[Sample], tokens: Sequence[Floats]) -> TokenRows:
    """The rows of samples, given the tokens of each under every condition in turn."""
    return TokenRows(
        tokens=np.stack(tokens),
        labels=np.asarray([int(one.fake) for one in samples] * len(CONDITIONS)),
        sources=np.asarray([one.source for one in samples] * len(CONDITIONS)),
        clusters=np.asarray([one.cluster for one in samples] * len(CONDITIONS)),
        folds=np.asarray([one.fold for one in samples] * len(CONDITIONS)),
        checks=np.asarray([one.check for one in samples] * len(CONDITIONS)),
        conditions=np.repeat(list(CONDITIONS), len(samples)),
    )
