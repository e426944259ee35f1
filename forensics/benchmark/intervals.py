"""Figures of many resamples at once: a resample is how often each row was drawn.

A row of results resamples the clusters of near-duplicates inside it; a mean resamples groups, then
clusters. One drawing serves all figures and all detectors, so that differences are paired. The
figures are those of `forensics.benchmark.metrics`; the scores are sorted once, and each resample
costs a cumulative sum.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forensics.statistics import Labels, Names, Reals, equal_weights

ROUNDS = 400
CALIBRATION_BINS = 15
_BLOCK = 4_000_000
"""Numbers of a block of resamples, which bounds the memory."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What one detector said of n rows.

    `labels` (n,) real 0, fake 1; `sources` (n,) generator or real group; `ranking` (n,) the higher
    the more fake; `scores` (n,) P(fake); `called` and `cleared` (n,) bool.
    """

    labels: Labels
    sources: Names
    ranking: Reals
    scores: Reals
    called: NDArray[np.bool_]
    cleared: NDArray[np.bool_]

    def chosen(self, rows: NDArray[np.bool_]) -> "Answers":
        """The same of some rows."""
        return Answers(*(getattr(self, name)[rows] for name in vars(self)))


def draw_rows(clusters: Names, strata: Names, *, rounds: int = ROUNDS, seed: int) -> Reals:
    """How often each of n rows is drawn in each resample, (rounds, n).

    Clusters are drawn whole, with replacement, as many in each stratum as it has. A cluster that
    lies in several strata (a swap and its target) is drawn with the one whose name is last.

    Args:
        clusters: (n,) the cluster of each row.
        strata: (n,) the generator of each fake, "" for real pictures.
        rounds: number of resamples.
        seed: the same seed draws the same.
    """
    _, which = np.unique(clusters, return_inverse=True)
    names, stratum = np.unique(strata, return_inverse=True)
    of_cluster = np.zeros(which.max() + 1, np.intp)
    np.maximum.at(of_cluster, which, stratum)
    drawn = np.zeros((rounds, len(of_cluster)))
    for index, name in enumerate(names.tolist()):
        # A stratum is drawn the same whatever stands beside it: real pictures that several
        # generators are scored with are drawn once for all of them.
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        inside = np.flatnonzero(of_cluster == index)
        if len(inside):
            even = np.full(len(inside), 1 / len(inside))
            drawn[:, inside] = rng.multinomial(len(inside), even, size=rounds)
    rows: Reals = drawn[:, which]
    return rows


def figures(answers: Answers, drawn: Reals, *, limit: float) -> dict[str, Reals]:
    """Every figure of every resample, each (R,); NaN where a resample lacks one class.

    Args:
        answers: n rows of both classes.
        drawn: (R, n) how often each row counts; a row of ones gives the figures themselves.
        limit: the false-positive rate at which the true-positive rate is read.
    """
    size = max(1, _BLOCK // max(1, drawn.shape[1]))
    blocks = [drawn[start : start + size] for start in range(0, len(drawn), size)]
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [_ranked(answers, b, limit) | _calibrated(answers, b) for b in blocks]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def interval(values: Reals, level: float = 0.95) -> tuple[float, float]:
    """The percentile interval of a figure's resamples; NaN twice where none has a value."""
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def mean_over_groups(by_group: Mapping[str, Reals], *, seed: int) -> Reals:
    """The mean of a figure over groups, (R,), each resample of as many groups drawn anew.

    Args:
        by_group: the figure's resamples by group, each (R,), of one and the same drawing of rows.
        seed: draws the groups.
    """
    table = np.stack([by_group[name] for name in sorted(by_group)])
    groups, rounds = table.shape
    chosen = np.random.default_rng(seed).integers(groups, size=(groups, rounds))
    return mean_of_known(table[chosen, np.arange(rounds)])


def mean_of_known(values: Reals) -> Reals:
    """The mean over the first axis of what is not NaN; NaN where nothing is known."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0))


def auc_of_draws(labels: Labels, ranking: Reals, drawn: Reals) -> Reals:
    """The area under the curve in each resample, (R,); NaN where one lacks a class."""
    fake = labels == 1
    order = np.argsort(ranking[~fake], kind="stable")
    ordered = ranking[~fake][order]
    mass = np.pad(np.cumsum(drawn[:, ~fake][:, order], axis=1), ((0, 0), (1, 0)))
    below = np.searchsorted(ordered, ranking[fake], "left")
    upto = np.searchsorted(ordered, ranking[fake], "right")
    weights = drawn[:, fake]
    won = np.einsum("rf,rf->r", weights, mass[:, below] + mass[:, upto]) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(won / (weights.sum(axis=1) * mass[:, -1]))


def _ranked(answers: Answers, drawn: Reals, limit: float) -> dict[str, Reals]:
    false_positive, true_positive, precision = _curves(answers.labels, answers.ranking, drawn)
    gained = np.diff(true_positive, axis=1)
    within = np.where(false_positive <= limit, true_positive, 0.0).max(axis=1)
    return {
        "auc": _auc(false_positive, true_positive),
        "ap": np.sum(gained * precision, axis=1),
        "eer": _eer(false_positive, true_positive),
        "tpr": np.where(np.isnan(true_positive[:, -1]), np.nan, within),
    }


def _curves(labels: Labels, ranking: Reals, drawn: Reals) -> tuple[Reals, Reals, Reals]:
    """Shares of real and of fake rows at or above each distinct value, and the precision there."""
    order = np.argsort(-ranking, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(ranking[order])), len(order) - 1)
    mass, fake = drawn[:, order], labels[order] == 1
    fakes = np.cumsum(mass * fake, axis=1)[:, ends]
    reals = np.cumsum(mass * ~fake, axis=1)[:, ends]
    precision = np.nan_to_num(fakes / (fakes + reals))
    start = ((0, 0), (1, 0))
    return np.pad(reals / reals[:, -1:], start), np.pad(fakes / fakes[:, -1:], start), precision


def _auc(false_positive: Reals, true_positive: Reals) -> Reals:
    return np.asarray(np.trapezoid(true_positive, false_positive, axis=1))


def _eer(false_positive: Reals, true_positive: Reals) -> Reals:
    gap = false_positive - (1 - true_positive)
    after = np.maximum(np.argmax(gap >= 0, axis=1), 1)
    row = np.arange(len(gap))
    share = -gap[row, after - 1] / (gap[row, after] - gap[row, after - 1])
    first, last = false_positive[row, after - 1], false_positive[row, after]
    return np.asarray(first + share * (last - first))


def _calibrated(answers: Answers, drawn: Reals) -> dict[str, Reals]:
    """Figures at one fake in two: classes equal, sources equal within a class."""
    real, fake = answers.labels == 0, answers.labels == 1
    base = equal_weights(answers.labels, answers.sources)
    mass = drawn * base
    mass = mass / np.where(
        fake, 2 * mass[:, fake].sum(1, keepdims=True), 2 * mass[:, real].sum(1, keepdims=True)
    )
    answered = answers.called | answers.cleared
    right = np.where(fake, answers.called, answers.cleared)
    return {
        "accuracy_real": _share(~answers.called, drawn, real),
        "accuracy_fake": _share(answers.called, drawn, fake),
        "ece": _ece(answers, base, mass),
        "brier": mass @ np.square(answers.scores - answers.labels),
        "answered": mass @ answered,
        "answered_accuracy": (mass @ (right & answered)) / (mass @ answered),
    }


def _share(chosen: NDArray[np.bool_], drawn: Reals, among: NDArray[np.bool_]) -> Reals:
    return np.asarray(drawn @ (chosen & among) / (drawn @ among))


def _ece(answers: Answers, base: Reals, mass: Reals) -> Reals:
    """Calibration error over bins of equal mass; the bins are those of the rows as they are."""
    order = np.argsort(answers.scores, kind="stable")
    middle = np.cumsum(base[order]) - base[order] / 2
    bins = np.empty(len(order), np.intp)
    bins[order] = np.minimum((CALIBRATION_BINS * middle).astype(int), CALIBRATION_BINS - 1)
    member = np.eye(CALIBRATION_BINS)[bins] * (answers.scores - answers.labels)[:, None]
    return np.asarray(np.abs(mass @ member).sum(axis=1))
