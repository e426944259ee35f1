"""Fits the space of families, and the rule by which a family is named."""

import numpy as np
from numpy.typing import NDArray

from forensics.benchmark.family_rows import Rows
from forensics.families import FAMILY_OF, Doubles, FamilySpace, beliefs_at
from forensics.schema import Floats

PARTS = 4
"""Clusters are dealt into so many parts; each is judged by what the others fitted."""
COMPONENTS = 400
"""Principal directions that are kept: as many features have still fewer pairs than pictures do."""
SHRINKAGE = 0.1
"""The share of a sphere in the covariance, against chance correlations."""
ACCEPTED = 0.6
"""The share of held-out pictures by known makers that get a name, families counting alike."""
NEAR = 0.95
"""The share of held-out rows, photographs among them, that lie within reach of some generator."""
TEMPERATURES = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)


def principal(features: Floats, count: int = COMPONENTS) -> Floats:
    """The directions in which standardised features vary most, (D, count) float32.

    By a random sketch with two rounds of refinement (Halko, Martinsson and Tropp 2011); labels
    have no part in it. With fewer features there are as many directions as features.
    """
    middle, scale = features.mean(axis=0), features.std(axis=0) + np.float32(1e-6)
    standard = (features - middle) / scale
    count = min(count, features.shape[1])
    rng = np.random.default_rng(0)
    sketch = rng.standard_normal((features.shape[1], count), np.float32)
    for _ in range(2):
        sketch = np.linalg.qr(standard.T @ (standard @ sketch))[0]
    return np.asarray(sketch / scale[:, None], np.float32)


def fit_space(rows: Rows) -> FamilySpace:
    """Fit centres and their common covariance to rows of photographs and fakes.

    Families count alike, and a generator of n rows in its family as the square root of n.
    """
    sources, which = np.unique(rows.sources, return_inverse=True)
    families = np.asarray([FAMILY_OF.get(source, 0) for source in sources.tolist()])
    weights = _weights(which, families)
    middle = rows.features.mean(axis=0)
    centred = rows.features - middle
    centres = np.stack([centred[which == number].mean(axis=0) for number in range(len(sources))])
    whitening = _whitening(centred - centres[which], weights)
    placed = centres @ whitening
    # Outside the span of the centres all generators are equally far: nothing to choose by.
    _, _, axes = np.linalg.svd(placed - placed.mean(axis=0), full_matrices=False)
    kept = axes[: len(sources) - 1].T.astype(np.float32)
    directions = np.asarray(whitening @ kept, np.float32)
    return FamilySpace(
        directions=directions,
        offset=np.asarray(-middle @ directions, np.float32),
        centres=np.asarray(placed @ kept, np.float32),
        families=families,
    )


def _weights(which: NDArray[np.intp], families: NDArray[np.intp]) -> Floats:
    """(n,) float32, summing to 1."""
    mass = np.sqrt(np.bincount(which))
    shares = mass / np.bincount(families, mass)[families]
    shares /= shares.sum()
    return np.asarray((shares / np.bincount(which))[which], np.float32)


def _whitening(residuals: Floats, weights: Floats) -> Floats:
    """(D, D) float32 that turns the weighted covariance of (n, D) residuals into the identity."""
    covariance = (residuals * weights[:, None]).T @ residuals
    sphere = float(np.trace(covariance)) / len(covariance)
    covariance *= 1 - SHRINKAGE
    covariance[np.diag_indices_from(covariance)] += SHRINKAGE * sphere
    lower = np.linalg.cholesky(covariance)
    return np.asarray(np.linalg.inv(lower).T, np.float32)


def parts_of(rows: Rows) -> NDArray[np.intp]:
    """(n,) the part of each row, by its cluster: what shows the same stays together."""
    _, which = np.unique(rows.clusters, return_inverse=True)
    return np.asarray(np.random.default_rng(0).permutation(which.max() + 1)[which] % PARTS)


def held_out(rows: Rows, parts: NDArray[np.intp]) -> tuple[Doubles, NDArray[np.intp]]:
    """Squared distances of every row to the generators, (n, C), where its part was left out.

    Returns:
        The distances, and the family of each generator, (C,).

    Raises:
        ValueError: a generator has rows in one part only, so that nothing knows it there.
    """
    spaces = [fit_space(rows.where(parts != part)) for part in range(PARTS)]
    families = spaces[0].families
    if any(len(space.families) != len(families) for space in spaces):
        raise ValueError(f"every generator needs pictures in at least two of {PARTS} parts")
    distances = np.empty((len(parts), len(families)))
    for part, space in enumerate(spaces):
        distances[parts == part] = space.distances(rows.features[parts == part])
    return distances, families


def calibrated(
    space: FamilySpace, distances: Doubles, families: NDArray[np.intp], truth: NDArray[np.intp]
) -> FamilySpace:
    """Set the rule by held-out rows, families counting alike.

    Args:
        space: fitted to all rows.
        distances: (n, C) held-out squared distances.
        families: (C,) the family of each generator.
        truth: (n,) the family of each row, 0 for photographs.
    """
    mass = 1 / np.bincount(truth)[truth]

    def surprise(temperature: float) -> float:
        beliefs = beliefs_at(distances, families, temperature)
        return -float(mass @ np.log(beliefs[np.arange(len(truth)), truth] + 1e-12))

    temperature = min(TEMPERATURES, key=surprise)
    beliefs = beliefs_at(distances, families, temperature)
    nearest = distances.min(axis=1)
    reach = float(np.quantile(nearest, NEAR))
    fake = truth > 0
    threshold = threshold_for(ACCEPTED, beliefs[fake], nearest[fake] <= reach, truth[fake])
    return space.ruled(temperature, threshold, reach)


def threshold_for(
    share: float, beliefs: Doubles, near: NDArray[np.bool_], truth: NDArray[np.intp]
) -> float:
    """The largest threshold at which `share` of the rows get a name, families counting alike.

    Args:
        share: in (0, 1).
        beliefs: (n, 1 + families) of rows that are no photographs.
        near: (n,) those that may be named at all.
        truth: (n,) their families.
    """
    top = beliefs[:, 1:].max(axis=1)
    likelier = np.where(near & (top > beliefs[:, 0]), top, 0.0)
    order = np.argsort(-likelier, kind="stable")
    mass = (1 / np.bincount(truth)[truth])[order]
    reached = int(np.searchsorted(np.cumsum(mass) / mass.sum(), share))
    return float(likelier[order][min(reached, len(order) - 1)])
