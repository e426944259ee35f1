"""How close a set of pictures is to real ones: features, then statistics, then a number.

Rows are features of pictures, (N, d), from any embedding; name it beside every number.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Features = NDArray[np.floating]
NEIGHBOURS = 3
ROUNDS = 200
FEWEST = 2


def kernel(first: Features, second: Features) -> Reals:
    """The cubic polynomial kernel (x y / d + 1)^3 of Binkowski et al. 2018, (N, M) float64."""
    _checked(first, second)
    dots = first.astype(np.float64) @ second.T.astype(np.float64)
    return np.asarray((dots / first.shape[1] + 1) ** 3)


def kernel_distance(real: Features, fake: Features) -> float:
    """The squared maximum mean discrepancy, unbiased: about 0 for one distribution, or below."""
    return _kernel_distance(*_kernels(real, fake), np.ones(len(real)), np.ones(len(fake)))


def kernel_distance_interval(
    real: Features, fake: Features, *, rounds: int = ROUNDS, seed: int = 0
) -> tuple[float, float]:
    """A 95 % bootstrap interval of `kernel_distance`: both sets are drawn again.

    A picture drawn twice is never compared with itself, so that the estimate stays unbiased. The
    interval is that of the resampled figures moved so that its middle is the figure itself.
    """
    kernels, rng = _kernels(real, fake), np.random.default_rng(seed)
    figures = [
        _kernel_distance(*kernels, _drawn(len(real), rng), _drawn(len(fake), rng))
        for _ in range(rounds)
    ]
    low, middle, high = np.quantile(figures, [0.025, 0.5, 0.975])
    found = _kernel_distance(*kernels, np.ones(len(real)), np.ones(len(fake)))
    return float(found - (middle - low)), float(found + (high - middle))


def _kernels(real: Features, fake: Features) -> tuple[Reals, Reals, Reals]:
    return kernel(real, real), kernel(fake, fake), kernel(real, fake)


def _drawn(count: int, rng: np.random.Generator) -> Reals:
    """How often each of `count` rows is drawn with replacement."""
    return np.bincount(rng.integers(count, size=count), minlength=count).astype(np.float64)


def _kernel_distance(
    among_real: Reals, among_fake: Reals, across: Reals, reals: Reals, fakes: Reals
) -> float:
    mean_across = reals @ across @ fakes / (reals.sum() * fakes.sum())
    return float(_mean_pair(among_real, reals) + _mean_pair(among_fake, fakes) - 2 * mean_across)


def _mean_pair(kernels: Reals, counts: Reals) -> float:
    """Mean over pairs of different rows, each as often as it was drawn."""
    pairs = counts.sum() ** 2 - np.square(counts).sum()
    total = counts @ kernels @ counts - np.square(counts) @ np.diagonal(kernels)
    return float(total / pairs)


def covered(points: Features, support: Features, neighbours: int = NEIGHBOURS) -> NDArray[np.bool_]:
    """Which points lie near a set (Kynkaanniemi et al. 2019), (N,) bool.

    Near means: within the distance of some row of `support` to its k-th neighbour there.
    """
    _checked(points, support)
    if not 0 < neighbours < len(support):
        raise ValueError(f"neighbours must be 1 to {len(support) - 1}, got {neighbours}")
    inside = squared_distances(support, support)
    # The nearest row is the row itself.
    radii = np.partition(inside, neighbours, axis=1)[:, neighbours]
    return np.asarray((squared_distances(points, support) <= radii).any(axis=1))


def precision(real: Features, fake: Features, neighbours: int = NEIGHBOURS) -> float:
    """The share of fakes that lie near the real pictures: how good they are."""
    return float(covered(fake, real, neighbours).mean())


def recall(real: Features, fake: Features, neighbours: int = NEIGHBOURS) -> float:
    """The share of real pictures that lie near the fakes: how varied these are."""
    return float(covered(real, fake, neighbours).mean())


def share_interval(
    hits: NDArray[np.bool_], *, rounds: int = ROUNDS, seed: int = 0
) -> tuple[float, float]:
    """A 95 % bootstrap interval of the share of hits; what they were compared with stays."""
    drawn = np.random.default_rng(seed).integers(len(hits), size=(rounds, len(hits)))
    low, high = np.quantile(hits[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def nearest(points: Features, among: Features) -> tuple[NDArray[np.intp], Reals]:
    """The nearest row of `among` for each point: (N,) indices and (N,) distances."""
    _checked(points, among)
    squared = squared_distances(points, among)
    index = squared.argmin(axis=1)
    return index, np.sqrt(squared[np.arange(len(points)), index])


def squared_distances(first: Features, second: Features) -> Reals:
    """Squared Euclidean distances, (N, M) float64, never below 0."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)
    return np.asarray((squares - 2 * a @ b.T).clip(min=0))


def floor_of(
    real: Features, figure: Callable[[Features, Features], float], *, seed: int = 0
) -> float:
    """What a figure says of two random halves of the real pictures: the best one can ask for."""
    order = np.random.default_rng(seed).permutation(len(real))
    half = len(real) // 2
    return figure(real[order[:half]], real[order[half : 2 * half]])


def _checked(first: Features, second: Features) -> None:
    if first.ndim != FEWEST or second.ndim != FEWEST or first.shape[1] != second.shape[1]:
        raise ValueError(f"features must be (N, d) and (M, d), got {first.shape}, {second.shape}")
    if min(len(first), len(second)) < FEWEST:
        raise ValueError(f"{FEWEST} rows or more are needed, got {len(first)} and {len(second)}")
