"""Is one run better than another, or one detector than another? On the same files, paired.

Single rows by DeLong (clustered), means over generators by a paired bootstrap over clusters and by
signed ranks over generators; each kind of test corrected for its number after Holm.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forensics.benchmark.duels import Duel, duels_of
from forensics.benchmark.intervals import draw_rows
from forensics.benchmark.judging import Shown
from forensics.benchmark.metrics import auc
from forensics.benchmark.published import Published, on_common_files
from forensics.benchmark.results import EVERY, GENERATOR, MEAN
from forensics.benchmark.significance import (
    Difference,
    delong,
    holm,
    paired_bootstrap,
    signed_rank,
)
from forensics.benchmark.tables import Rows, rows_of
from forensics.errors import InvalidOption
from forensics.statistics import Reals

LEVEL = 0.05
FEWEST_CLUSTERS = 2
SEED = 1
BLOCK, BLOCKS = 400, 10
"""Resamples: enough of them that a p-value survives the correction for dozens of tests."""


@dataclass(frozen=True)
class Comparison:
    """Second less first, of one source or of the mean over sources.

    `areas`: both areas under the curve; `difference` with interval and p-value (DeLong for a
    source, paired bootstrap for a mean), `corrected` after Holm; of a mean also the signed-rank
    p-value and its correction.
    """

    first: str
    second: str
    kind: str
    source: str
    against: str
    level: str
    shown: Shown
    areas: tuple[float, float]
    difference: Difference
    corrected: float = 1.0
    rank_p: float | None = None
    rank_corrected: float | None = None
    fakes: int = 0
    reals: int = 0

    @property
    def worse(self) -> bool:
        """Whether the second is significantly worse, after correction."""
        return self.difference.value < 0 and self.corrected < LEVEL

    @property
    def better(self) -> bool:
        """Whether the second is significantly better, after correction."""
        return self.difference.value > 0 and self.corrected < LEVEL


def compare(
    first: Published,
    second: Published,
    pairs: Sequence[tuple[str, str]],
    *,
    against: str | None = None,
) -> list[Comparison]:
    """Compare detectors of two runs, or of one run with itself, on the files that both scored.

    Args:
        first: one run.
        second: the other.
        pairs: names, the first run's and the second's.
        against: which real pictures; None for those of the fakes' own pipeline where all fakes
            have such, else all.

    Raises:
        InvalidOption: a name is unknown, or nothing is common to both.
    """
    for run, names in ((first, {a for a, _ in pairs}), (second, {b for _, b in pairs})):
        if unknown := sorted(names - set(run.detectors)):
            raise InvalidOption(f"no scores of {unknown[0]!r}; there are {run.detectors}")
    one, other = on_common_files(first, second)
    found: list[Comparison] = []
    for a, b in pairs:
        ways = [way for name, way in one.rankings if name == a and (b, way) in other.rankings]
        for way in ways:
            scores = one.rankings[a, way], other.rankings[b, way]
            found += _compared(one, scores, Comparison(
                a, b, GENERATOR, "", "", "", way, (0.0, 0.0), Difference(0, 0, 0, 1)
            ), against)  # fmt: skip
    if not found:
        raise InvalidOption("the two have no files, detectors and degradations in common")
    return _corrected(found)


def _compared(
    run: Published, scores: tuple[Reals, Reals], blank: Comparison, against: str | None
) -> Iterator[Comparison]:
    known = np.isfinite(scores[0]) & np.isfinite(scores[1])
    samples = [sample for sample, good in zip(run.samples, known, strict=True) if good]
    if not samples:
        return
    rows, levels = rows_of(samples), run.levels[known]
    how = against or ("matched" if _all_matched(rows, run) else "all")
    first, second = scores[0][known], scores[1][known]
    duels = duels_of(rows, levels, run.partners, [how])
    for level in dict.fromkeys(duel.level for duel in duels):
        chosen = [duel for duel in duels if duel.level == level]
        singles = [
            _single(rows, first, second, duel, blank)
            for duel in chosen
            if _clusters(rows, duel.members) >= FEWEST_CLUSTERS
        ]
        yield from singles
        if singles:
            yield _mean(rows, (first, second), chosen, singles)


def _all_matched(rows: Rows, run: Published) -> bool:
    return set(rows.groups[rows.labels == 1].tolist()) <= set(run.partners)


def _clusters(rows: Rows, members: NDArray[np.bool_]) -> int:
    """The fewest clusters of a class."""
    return min(len(set(rows.clusters[members & (rows.labels == c)].tolist())) for c in (0, 1))


def _single(rows: Rows, first: Reals, second: Reals, duel: Duel, blank: Comparison) -> Comparison:
    m = duel.members
    labels = rows.labels[m]
    return replace(
        blank,
        source=duel.source,
        against=duel.against,
        level=duel.level,
        areas=(auc(labels, first[m]), auc(labels, second[m])),
        difference=delong(labels, first[m], second[m], rows.clusters[m]),
        fakes=int(labels.sum()),
        reals=int((labels == 0).sum()),
    )


def _mean(
    rows: Rows,
    scores: tuple[Reals, Reals],
    duels: Sequence[Duel],
    singles: Sequence[Comparison],
) -> Comparison:
    compared = {single.source for single in singles}
    members = [duel.members for duel in duels if duel.source in compared]
    blocks = (
        draw_rows(rows.clusters, rows.generators, rounds=BLOCK, seed=seed)
        for seed in range(SEED, SEED + BLOCKS)
    )
    areas = np.mean([single.areas for single in singles], axis=0)
    return replace(
        singles[0],
        kind=MEAN,
        source=EVERY,
        areas=(float(areas[0]), float(areas[1])),
        difference=paired_bootstrap(rows.labels, *scores, members, blocks),
        rank_p=signed_rank(np.asarray([single.difference.value for single in singles])),
        fakes=sum(single.fakes for single in singles),
        reals=max(single.reals for single in singles),
    )


def _corrected(found: Sequence[Comparison]) -> list[Comparison]:
    """Every p-value corrected among its own kind of test."""
    made = list(found)
    for kind in (GENERATOR, MEAN):
        places = [index for index, each in enumerate(made) if each.kind == kind]
        corrected = holm([made[index].difference.p for index in places])
        ranks = holm([_or_one(made[index].rank_p) for index in places])
        for index, p, rank in zip(places, corrected, ranks, strict=True):
            rank_corrected = rank if kind == MEAN else None
            made[index] = replace(made[index], corrected=p, rank_corrected=rank_corrected)
    return made


def _or_one(p: float | None) -> float:
    return 1.0 if p is None else p
