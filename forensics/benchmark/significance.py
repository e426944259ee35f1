"""Whether one detector is better than another, or luck would do. Real = 0, fake = 1.

Single rows: DeLong, DeLong and Clarke-Pearson 1988, for clustered pictures Obuchowski 1997. Means:
a paired bootstrap over clusters, and Wilcoxon's signed ranks over generators. Several at once: Holm
1979.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forensics.benchmark.intervals import auc_of_draws, interval
from forensics.statistics import Labels, Names, Reals

NORMAL_95 = 1.959963984540054
MOST_EXACT = 50
"""Signed ranks are counted out exactly up to this number of generators."""


@dataclass(frozen=True)
class Difference:
    """Second less first, its 95 % interval, and the two-sided p-value of no difference."""

    value: float
    low: float
    high: float
    p: float


def delong(labels: Labels, first: Reals, second: Reals, clusters: Names) -> Difference:
    """The difference of two areas under the curve on the same pictures.

    Args:
        labels: (n,) 0 and 1, at least two clusters of each.
        first: (n,) scores of one detector, the higher the more fake.
        second: (n,) scores of the other.
        clusters: (n,) near-duplicates share one; where each is alone, this is DeLong's own test.
    """
    fake, real = labels == 1, labels == 0
    both = [_placements(scores[fake], scores[real]) for scores in (first, second)]
    of_fakes, of_reals = (both[1][side] - both[0][side] for side in (0, 1))
    value = float(of_fakes.mean())
    names, which = np.unique(clusters, return_inverse=True)
    sums: list[Reals] = [
        np.asarray(np.bincount(which[chosen], part - value, minlength=len(names)), np.float64)
        for chosen, part in ((fake, of_fakes), (real, of_reals))
    ]
    spread = math.sqrt(_variance(sums, which, fake))
    if spread == 0:
        return Difference(value, value, value, 1.0 if value == 0 else 0.0)
    p = math.erfc(abs(value) / spread / math.sqrt(2))
    return Difference(value, value - NORMAL_95 * spread, value + NORMAL_95 * spread, p)


def _placements(fakes: Reals, reals: Reals) -> tuple[Reals, Reals]:
    """Of each fake the share of reals below it, of each real the share of fakes above it."""

    def below(values: Reals, among: Reals) -> Reals:
        ordered = np.sort(among)
        counts = np.searchsorted(ordered, values, "left") + np.searchsorted(
            ordered, values, "right"
        )
        return np.asarray(counts / (2 * len(among)))

    return below(fakes, reals), below(-reals, -fakes)


def _variance(sums: Sequence[Reals], which: NDArray[np.intp], fake: NDArray[np.bool_]) -> float:
    """Obuchowski's variance of an area from its components, summed by cluster."""
    parts = 0.0
    for total, chosen in zip(sums, (fake, ~fake), strict=True):
        held, count = len(np.unique(which[chosen])), int(chosen.sum())
        if held < 2:  # noqa: PLR2004
            raise ValueError("DeLong needs at least two clusters of each class")
        parts += held / (held - 1) * float(total @ total) / count**2
    size = len(sums[0])
    crossed = size / (size - 1) * float(sums[0] @ sums[1])
    return max(0.0, parts + 2 * crossed / float(fake.sum() * (~fake).sum()))


def paired_bootstrap(
    labels: Labels,
    first: Reals,
    second: Reals,
    members: Sequence[NDArray[np.bool_]],
    blocks: Iterable[Reals],
) -> Difference:
    """The difference of two mean areas under the curve, over the same resampled clusters.

    Args:
        labels: (n,) 0 and 1.
        first: (n,) scores of one detector.
        second: (n,) scores of the other.
        members: of each generator, which rows (n,) bool its area is made of.
        blocks: resamples, each (R, n) from `forensics.benchmark.intervals.draw_rows`.
    """

    def gaps(drawn: Reals) -> Reals:
        found = [
            auc_of_draws(labels[m], second[m], drawn[:, m])
            - auc_of_draws(labels[m], first[m], drawn[:, m])
            for m in members
        ]
        return np.asarray(np.mean(found, axis=0))

    value = float(gaps(np.ones((1, len(labels))))[0])
    resampled = np.concatenate([gaps(drawn) for drawn in blocks])
    resampled = resampled[np.isfinite(resampled)]
    low, high = interval(resampled)
    fewest = min(int((resampled <= 0).sum()), int((resampled >= 0).sum()))
    return Difference(value, low, high, min(1.0, 2 * (fewest + 1) / (len(resampled) + 1)))


def signed_rank(differences: Reals) -> float:
    """Wilcoxon's two-sided p-value that the differences are symmetric around zero.

    Exact up to 50 differences, ties included; beyond by the normal approximation. Differences of
    zero are left out, as Wilcoxon did.
    """
    known = differences[differences != 0]
    if not len(known):
        return 1.0
    sizes = np.abs(known)
    # Twice the mean rank, a whole number also where sizes are equal.
    doubled = (sizes[:, None] > sizes).sum(1) + (sizes[:, None] >= sizes).sum(1) + 1
    total, positive = int(doubled.sum()), int(doubled[known > 0].sum())
    lower = min(positive, total - positive)
    if len(known) > MOST_EXACT:
        spread = math.sqrt(float(np.square(doubled).sum()) / 4)
        return math.erfc(max(0.0, total / 2 - lower - 1) / spread / math.sqrt(2))
    ways = np.zeros(total + 1)
    ways[0] = 1.0
    for rank in doubled.tolist():
        ways[rank:] = ways[rank:] + ways[: total + 1 - rank]
    return min(1.0, 2 * float(ways[: lower + 1].sum() / ways.sum()))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number, in the order given (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected, largest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = largest
    return corrected
