"""How well scores tell fakes from real pictures, with intervals. Real = 0, fake = 1.

Every function takes `labels` (n,) of 0 and 1 with both present and `scores` (n,), the higher the
more fake; `weights` (n,) are positive and default to equal ones.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forensics.statistics import Labels, Names, Reals

Statistic = Callable[[NDArray[np.intp]], float]
"""A figure computed from the rows that a resample has drawn, given by their indices."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Shares of real and of fake rows at or above each distinct score, from the highest down.

    Both start at 0 (a threshold above all scores) and end at 1.
    """

    false_positive: Reals
    true_positive: Reals


def roc(labels: Labels, scores: Reals, weights: Reals | None = None) -> Curve:
    """The receiver operating characteristic; equal scores make one step."""
    weights = _checked(labels, scores, weights)
    _, step = np.unique(-scores, return_inverse=True)
    shares = []
    for label in (0, 1):
        mass = np.bincount(step, weights * (labels == label))
        shares.append(np.concatenate([[0.0], np.cumsum(mass) / mass.sum()]))
    return Curve(*shares)


def auc(labels: Labels, scores: Reals, weights: Reals | None = None) -> float:
    """P(a fake scores above a real picture) + P(equal) / 2 (Mann and Whitney)."""
    curve = roc(labels, scores, weights)
    return float(np.trapezoid(curve.true_positive, curve.false_positive))


def average_precision(labels: Labels, scores: Reals, weights: Reals | None = None) -> float:
    """Mean precision over the recall gained at each distinct score."""
    weights = _checked(labels, scores, weights)
    _, step = np.unique(-scores, return_inverse=True)
    hits = np.cumsum(np.bincount(step, weights * labels))
    drawn = np.cumsum(np.bincount(step, weights))
    gained = np.diff(hits, prepend=0.0) / hits[-1]
    return float(np.sum(gained * hits / drawn))


def eer(labels: Labels, scores: Reals, weights: Reals | None = None) -> float:
    """The error rate where false positives and misses are equal, interpolated on the curve."""
    curve = roc(labels, scores, weights)
    gap = curve.false_positive - (1 - curve.true_positive)
    after = int(np.argmax(gap >= 0))
    before = after - 1
    share = -gap[before] / (gap[after] - gap[before])
    first, last = curve.false_positive[before], curve.false_positive[after]
    return float(first + share * (last - first))


def tpr_at_fpr(labels: Labels, scores: Reals, limit: float, weights: Reals | None = None) -> float:
    """The share of fakes found by the lowest threshold with a false-positive rate <= `limit`."""
    curve = roc(labels, scores, weights)
    return float(curve.true_positive[curve.false_positive <= limit].max())


def brier(labels: Labels, scores: Reals, weights: Reals | None = None) -> float:
    """Mean squared distance of P(fake) in [0, 1] from the label."""
    weights = _checked(labels, scores, weights)
    return float(np.average(np.square(scores - labels), weights=weights))


def ece(labels: Labels, scores: Reals, weights: Reals | None = None, *, bins: int = 15) -> float:
    """Expected calibration error: mean |P(fake) - share of fakes| over bins of equal mass."""
    weights = _checked(labels, scores, weights)
    order = np.argsort(scores, kind="stable")
    middle = np.cumsum(weights[order]) - weights[order] / 2
    which = np.minimum((bins * middle / weights.sum()).astype(int), bins - 1)
    gap = np.bincount(which, (weights * (scores - labels))[order], minlength=bins)
    return float(np.abs(gap).sum() / weights.sum())


def cluster_bootstrap(
    clusters: Names, statistic: Statistic, *, count: int = 1000, seed: int, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of `statistic` over resampled clusters of near-duplicates.

    Args:
        clusters: (n,) the cluster of each row; clusters are drawn whole, with replacement.
        statistic: gets the indices of the drawn rows, repeats included.
        count: number of resamples.
        seed: the same seed gives the same interval.
        level: share of the resamples inside the interval.
    """
    drawn = Clusters.of(clusters)
    rng = np.random.default_rng(seed)
    figures = [statistic(drawn.draw(rng)) for _ in range(count)]
    return _percentiles(np.asarray(figures), level)


def group_mean_bootstrap(
    groups: Names,
    clusters: Names,
    statistic: Statistic,
    *,
    count: int = 1000,
    seed: int,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of the mean of `statistic` over groups, as if the groups were drawn too.

    Each resample draws groups with replacement, then clusters inside each drawn group.
    """
    inside = [(rows, Clusters.of(clusters[rows])) for rows in _rows_by_name(groups)]
    rng = np.random.default_rng(seed)
    figures = []
    for _ in range(count):
        drawn = rng.integers(len(inside), size=len(inside))
        figures.append(np.mean([statistic(inside[g][0][inside[g][1].draw(rng)]) for g in drawn]))
    return _percentiles(np.asarray(figures), level)


def _rows_by_name(names: Names) -> list[NDArray[np.intp]]:
    """The row indices of each distinct name, names in order."""
    order = np.argsort(names, kind="stable")
    _, starts = np.unique(names[order], return_index=True)
    return np.split(order, starts[1:])


@dataclass(frozen=True, eq=False)
class Clusters:
    """Rows in the order of their clusters; each cluster has a start and a length there."""

    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    lengths: NDArray[np.intp]

    @classmethod
    def of(cls, names: Names) -> "Clusters":
        """Read the clusters off their names (n,), one a row."""
        order = np.argsort(names, kind="stable")
        _, starts, lengths = np.unique(names[order], return_index=True, return_counts=True)
        return cls(order, starts, lengths)

    def draw(self, rng: np.random.Generator) -> NDArray[np.intp]:
        """Rows of as many clusters as there are, drawn whole with replacement."""
        chosen = rng.integers(len(self.starts), size=len(self.starts))
        lengths = self.lengths[chosen]
        # Where each drawn cluster's rows begin in the result: places count on from its start.
        begins = np.cumsum(lengths) - lengths
        places = np.arange(lengths.sum()) + np.repeat(self.starts[chosen] - begins, lengths)
        drawn: NDArray[np.intp] = self.order[places]
        return drawn


def _percentiles(figures: Reals, level: float) -> tuple[float, float]:
    low, high = np.quantile(figures, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _checked(labels: Labels, scores: Reals, weights: Reals | None) -> Reals:
    """The weights, after a check that the three fit together."""
    weights = np.ones(len(labels)) if weights is None else weights
    if not len(labels) == len(scores) == len(weights):
        raise ValueError(f"lengths differ: {len(labels)}, {len(scores)}, {len(weights)}")
    if set(np.unique(labels)) != {0, 1}:
        raise ValueError("both classes 0 and 1 are needed")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite; count failures apart")
    return weights
