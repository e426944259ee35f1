"""Weights, quantiles and intervals that calibration and benchmarks share. Real = 0, fake = 1."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Reals: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.integer]
Names: TypeAlias = NDArray[np.str_]


def sigmoid(logits: Any) -> Reals:
    """1 / (1 + exp(-x)) of any shape, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * np.asarray(logits, dtype=np.float64))))


def equal_weights(labels: Labels, sources: Names) -> Reals:
    """Weights (n,) that sum to 1: classes equal, and within a class every source equal.

    Args:
        labels: (n,) 0 or 1, both present.
        sources: (n,) the generator or real group of each row.
    """
    if set(np.unique(labels)) != {0, 1}:
        raise ValueError(f"both classes 0 and 1 are needed, got {sorted(set(labels.tolist()))}")
    weights = np.zeros(len(labels))
    for label in (0, 1):
        mine = labels == label
        _, which, counts = np.unique(sources[mine], return_inverse=True, return_counts=True)
        weights[mine] = 0.5 / (len(counts) * counts[which])
    return weights


def effective_size(weights: Reals, clusters: Names) -> float:
    """How many independent, equally weighted rows tell as much as these (Kish).

    Rows of one cluster are near-duplicates and count as one.
    """
    _, which = np.unique(clusters, return_inverse=True)
    totals = np.bincount(which, weights)
    return float(totals.sum() ** 2 / np.square(totals).sum())


def clopper_pearson(
    errors: float, count: float, *, confidence: float = 0.95
) -> tuple[float, float]:
    """The exact binomial interval of a rate of `errors` among `count`.

    Both may be broken numbers, as effective sizes are; the interval is exact for whole ones only.
    """
    from scipy.special import betaincinv

    if not 0 <= errors <= count or count <= 0:
        raise ValueError(f"need 0 <= errors <= count and count > 0, got {errors} of {count}")
    tail = (1 - confidence) / 2
    low = 0.0 if errors == 0 else float(betaincinv(errors, count - errors + 1, tail))
    high = 1.0 if errors == count else float(betaincinv(errors + 1, count - errors, 1 - tail))
    return low, high


def rate_interval(hits: NDArray[np.bool_], weights: Reals, clusters: Names) -> tuple[float, ...]:
    """A weighted rate and its 95 % interval at the effective number of rows: (rate, low, high)."""
    rate = min(1.0, float(weights[hits].sum() / weights.sum()))
    size = effective_size(weights, clusters)
    return rate, *clopper_pearson(rate * size, size)
