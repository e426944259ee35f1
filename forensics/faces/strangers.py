"""Measures how alike strangers look to a matcher: what `forensics.faces.likeness` reads.

Arrays in, distributions out: all pairs of a set of labelled vectors, and those within clusters.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forensics.faces.crowd import Crowd
from forensics.faces.impostors import BINS, TAIL, Impostors, Tail
from forensics.faces.likeness import Likeness
from forensics.faces.vectors import clusters
from forensics.schema import Floats

CLUSTERS = 8
Reals = NDArray[np.float64]
Labels = NDArray[np.integer]


def measure(
    vectors: Floats,
    people: Sequence[str],
    *,
    matcher: str,
    measured_on: str,
    crowd: Crowd | None = None,
    crowd_key: str = "",
    seed: int = 0,
) -> Likeness:
    """Build a matcher's distributions from every pair of pictures.

    Args:
        vectors: (N, D) float32 of length 1, one a picture.
        people: who each picture shows.
        matcher: name and fingerprint of what made the vectors.
        measured_on: the set, in words.
        crowd: by which cosines are adjusted; None measures them as they are.
        crowd_key: what tells this crowd from another.
        seed: of the clustering.
    """
    _, who = np.unique(np.asarray(people), return_inverse=True)
    groups = clusters(vectors, CLUSTERS, seed)
    scores, first, second = all_pairs(vectors, crowd)
    same = who[first] == who[second]
    near = groups[first] == groups[second]
    return Likeness(
        matcher=matcher,
        measured_on=measured_on,
        pictures=len(vectors),
        people=int(who.max()) + 1,
        everyone=_impostors(scores, who, first, second, ~same),
        alike=_impostors(scores, who, first, second, ~same & near),
        genuine=_histogram(scores[same]),
        crowd=crowd,
        crowd_key=crowd_key,
    )


def all_pairs(vectors: Floats, crowd: Crowd | None = None) -> tuple[Reals, Labels, Labels]:
    """Cosines of all pairs i < j of (N, D) unit vectors, with i and j: three (N (N - 1) / 2,).

    Adjusted by the crowd where one is given.
    """
    first, second = np.triu_indices(len(vectors), 1)
    cosines = vectors @ vectors.T
    if crowd is not None:
        cosines = crowd.adjusted(cosines, vectors, vectors)
    return cosines[first, second].astype(np.float64), first, second


def fitted_tail(cosines: Reals, share: float = TAIL) -> Tail:
    """Fit a generalised Pareto tail to the largest `share` of cosines by their moments."""
    start = float(np.quantile(cosines, 1 - share))
    excess = cosines[cosines > start] - start
    mean, variance = float(excess.mean()), float(excess.var(ddof=1))
    # Hosking and Wallis 1987. A shape above 0 has no end, but cosines have: 0 at most.
    shape = min(0.5 * (1 - mean**2 / variance), 0.0)
    return Tail(start, len(excess) / len(cosines), mean * (1 - shape), shape)


def _impostors(
    cosines: Reals, who: Labels, first: Labels, second: Labels, chosen: NDArray[np.bool_]
) -> Impostors:
    low, high = np.sort([who[first[chosen]], who[second[chosen]]], axis=0)
    people_pairs = len(np.unique(low.astype(np.int64) * (who.max() + 1) + high))
    return Impostors(_histogram(cosines[chosen]), fitted_tail(cosines[chosen]), people_pairs)


def _histogram(cosines: Reals) -> NDArray[np.int64]:
    counts, _ = np.histogram(np.clip(cosines, -1, 1), bins=BINS, range=(-1, 1))
    return counts.astype(np.int64)
