"""The pictures on which findings are counted: untouched, innocently processed, and altered ones."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from forensics.benchmark.alterations import (
    ALTERATIONS,
    Alteration,
    as_file,
    spliced,
    under_old_thumbnail,
)
from forensics.benchmark.datasets import PictureStore
from forensics.benchmark.innocent import PROCESSINGS
from forensics.schema import Image
from forensics.training import Sample

UNTOUCHED, PROCESSED, ALTERED = "untouched", "processed", "altered"
MOST_SIDE = 768
"""px. Processed and altered pictures are cut to this, at the top left, so that grids stay."""
LEAST_SIDE = 128
OLD_THUMBNAIL = "a splice under its old thumbnail"


@dataclass(frozen=True)
class Shown:
    """One file to examine: what was done to the picture (`stage`, `name`), and how to get it."""

    stage: str
    name: str
    sample: Sample
    suffix: str
    make: Callable[[], bytes]


def real_pictures(
    samples: Sequence[Sample], per_source: int, *, folder: str = "images", skipped: int = 0
) -> dict[str, list[Sample]]:
    """Real pictures by source, at most so many of each, after the first `skipped` ones.

    `images` holds them as they were collected; `crops256` crops of others, cut and saved again for
    training.
    """
    chosen: dict[str, list[Sample]] = {}
    for sample in sorted(samples, key=lambda each: each.seed(-5)):
        rows = chosen.setdefault(sample.group, [])
        if not sample.fake and sample.path.startswith(f"{folder}/"):
            rows.append(sample)
    kept = {group: rows[skipped : skipped + per_source] for group, rows in sorted(chosen.items())}
    return {group: rows for group, rows in kept.items() if rows}


def in_turn(by_source: dict[str, list[Sample]], count: int) -> list[Sample]:
    """`count` pictures at most, sources taking turns."""
    longest = max(map(len, by_source.values()), default=0)
    rows = [
        rows[turn] for turn in range(longest) for rows in by_source.values() if turn < len(rows)
    ]
    return rows[:count]


def shown_pictures(
    by_source: dict[str, list[Sample]], store: PictureStore, *, made_of: int
) -> Iterator[Shown]:
    """Every file to examine.

    Args:
        by_source: the untouched pictures.
        store: reads them.
        made_of: of how many of them each processing and each alteration is made.
    """
    for group, rows in by_source.items():
        for sample in rows:
            yield Shown(UNTOUCHED, group, sample, suffix_of(sample), _stored(store, sample))
    chosen = in_turn(by_source, made_of)
    for sample, donor in zip(chosen, chosen[1:] + chosen[:1], strict=True):
        image, other = cut(store.original(sample)), store.original(donor)
        if min(image.shape[:2]) < LEAST_SIDE:
            continue
        for name, process in PROCESSINGS.items():
            suffix = ".png" if name == "a screenshot" else ".jpg"
            yield Shown(PROCESSED, name, sample, suffix, _made(process, image, sample))
        for name, alter in ALTERATIONS.items():
            make = _altered(alter, image, other, sample)
            yield Shown(ALTERED, name, sample, ".jpg", make)
        yield Shown(ALTERED, OLD_THUMBNAIL, sample, ".jpg", _thumbnailed(image, other, sample))


def cut(image: Image, side: int = MOST_SIDE) -> Image:
    """The top left of a picture, at most `side` px a side."""
    return np.ascontiguousarray(image[:side, :side])


def suffix_of(sample: Sample) -> str:
    """The suffix of a sample's file."""
    return "." + sample.path.rpartition(".")[2]


def _stored(store: PictureStore, sample: Sample) -> Callable[[], bytes]:
    return lambda: store.stored(sample)


def _made(
    process: Callable[[Image, np.random.Generator], bytes], image: Image, sample: Sample
) -> Callable[[], bytes]:
    return lambda: process(image, np.random.default_rng(sample.seed(-6)))


def _altered(alter: Alteration, image: Image, other: Image, sample: Sample) -> Callable[[], bytes]:
    def make() -> bytes:
        rng = np.random.default_rng(sample.seed(-6))
        return as_file(alter(image, other, rng), rng)

    return make


def _thumbnailed(image: Image, other: Image, sample: Sample) -> Callable[[], bytes]:
    def make() -> bytes:
        rng = np.random.default_rng(sample.seed(-6))
        return under_old_thumbnail(spliced(image, other, rng), image, rng)

    return make
