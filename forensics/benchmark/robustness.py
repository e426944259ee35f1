"""Shows pictures to the shipped detectors in ways that nobody trained them for, one at a time."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from forensics.augmentation import equalised
from forensics.benchmark.breaking import BREAKINGS
from forensics.benchmark.datasets import PictureStore
from forensics.benchmark.degrade import Chain, chains_of
from forensics.benchmark.drawn import DRAWINGS, FIRST, drawn_picture
from forensics.benchmark.shipped import Said, Shipped
from forensics.benchmark.unseen import Photograph
from forensics.schema import Image
from forensics.training import EQUALISE, Sample

LAUNDERINGS = ("none", "noise:2", "launder", "depeak", "rephotograph")
AS_IT_IS = "as it is"
CLEAN = "none"
DEFENCES = ("none", "jpeg:75", "resize:0.8")
"""What is done to attacked pictures before they are scored."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One picture, shown in one way, and what was said of it.

    `way`: what was done to it, or where it comes from; `cluster`: what shares a person or a
    motif; `generator`: whose fake it is, "" for real pictures.
    """

    way: str
    cluster: str
    generator: str
    said: Said

    @property
    def fake(self) -> bool:
        """Whether the picture is a fake."""
        return self.generator != ""


@dataclass(frozen=True)
class Attack:
    """Whom an attack climbs, and the largest change of a value in levels; `CLEAN`, 0 is none."""

    target: str
    most: int

    def __str__(self) -> str:
        """As a row of a table says it."""
        return f"{self.target}, {self.most}/255" if self.most else "no attack"


def trial_of(way: str, sample: Sample, said: Said) -> Trial:
    """The trial of a sample of the data."""
    return Trial(way, sample.cluster, sample.generator if sample.fake else "", said)


def ordinary(store: PictureStore, sample: Sample) -> Image:
    """A picture as detectors are measured on it: a native region under one JPEG of 84 to 94."""
    return equalised(store.read(sample), sample.seed(EQUALISE))


def laundered(shipped: Shipped, store: PictureStore, samples: Sequence[Sample]) -> Iterator[Trial]:
    """Every sample, laundered in every way; the picture is judged whole."""
    for text in LAUNDERINGS:
        (chain,) = chains_of(text)
        for sample in samples:
            read = partial(laundered_picture, store, sample, chain)
            yield trial_of(text, sample, shipped.judge((text, sample.path), read))


def laundered_picture(store: PictureStore, sample: Sample, chain: Chain) -> Image:
    """A picture after a chain of degradations."""
    return chain.apply(ordinary(store, sample), sample.seed(EQUALISE))


def broken(shipped: Shipped, store: PictureStore, samples: Sequence[Sample]) -> Iterator[Trial]:
    """Every real sample as it is and broken in every way, judged as `examine` does."""
    for way in (AS_IT_IS, *BREAKINGS):
        for sample in samples:
            if not sample.fake:
                read = partial(broken_picture, store, sample, way)
                said = shipped.judge((way, sample.path), read, faces=True)
                yield trial_of(way, sample, said)


def broken_picture(store: PictureStore, sample: Sample, way: str) -> Image:
    """A picture broken in one way; what is drawn depends on its path and the way alone."""
    if way == AS_IT_IS:
        return ordinary(store, sample)
    rng = np.random.default_rng([sample.seed(EQUALISE), zlib.crc32(way.encode())])
    return BREAKINGS[way](store.read(sample), rng)


def drawings(shipped: Shipped, count: int) -> Iterator[Trial]:
    """So many drawings of every kind."""
    for kind in DRAWINGS:
        for seed in range(FIRST, FIRST + count):
            said = shipped.judge((kind, str(seed)), partial(drawn_picture, kind, seed), faces=True)
            yield Trial(kind, str(seed), "", said)


def of_unseen(shipped: Shipped, found: Sequence[Photograph]) -> Iterator[Trial]:
    """Photographs of sources that trained nothing, as they are stored, as `examine` judges them."""
    for each in found:
        said = shipped.judge(("stored", each.name), each.read, faces=True)
        yield Trial(each.source, each.person, "", said)
