"""Do the promised rates of false matches hold among people who were not used to measure them?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forensics.faces.impostors import Impostors
from forensics.faces.likeness import Likeness
from forensics.faces.strangers import CLUSTERS
from forensics.faces.vectors import clusters
from forensics.schema import Floats

PROMISES = (1e-2, 1e-3, 1e-4)
RESAMPLES = 500
Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Promise:
    """A promised rate, and the rate measured at its cosine with a 95 % interval by person.

    `among`: "everyone", or "alike" for pairs within one cluster of looks. `pairs`: how many pairs
    of strangers were measured.
    """

    among: str
    promised: float
    cosine: float
    measured: float
    low: float
    high: float
    pairs: int

    @property
    def holds(self) -> bool:
        """Whether the promised rate lies in the interval of the measured one, or above it."""
        return self.promised >= self.low


def check_promises(
    likeness: Likeness, vectors: Floats, people: Sequence[str], *, seed: int = 0
) -> list[Promise]:
    """Measure each promised rate on other people's pictures.

    Args:
        likeness: what promises.
        vectors: (N, D) float32 of length 1, none of whose people were measured before.
        people: who each shows.
        seed: of the resampling and of the clustering.
    """
    _, who = np.unique(np.asarray(people), return_inverse=True)
    strangers = who[:, None] != who
    groups = clusters(vectors, CLUSTERS, seed)
    sets = {
        "everyone": (likeness.everyone, strangers),
        "alike": (likeness.alike, strangers & (groups[:, None] == groups)),
    }
    cosines = likeness.scores(vectors, vectors)
    return [
        _promise(among, rate, cosine_at(one, rate), _Pairs(cosines, chosen, who, seed))
        for among, (one, chosen) in sets.items()
        for rate in PROMISES
    ]


def cosine_at(impostors: Impostors, rate: float) -> float:
    """The cosine at and above which `rate` of the pairs lie, to 1e-6."""
    low, high = -1.0, 1.0
    while high - low > 1e-6:  # noqa: PLR2004
        middle = (low + high) / 2
        low, high = (middle, high) if impostors.measured(middle) > rate else (low, middle)
    return high


class _Pairs(NamedTuple):
    """All pairs of pictures: adjusted cosines, which of them count, whom each picture shows."""

    cosines: Floats
    chosen: NDArray[np.bool_]
    who: NDArray[np.intp]
    seed: int


def _promise(among: str, rate: float, cosine: float, pairs: _Pairs) -> Promise:
    hits = (pairs.chosen & (pairs.cosines >= cosine)).astype(np.float32)
    chosen = pairs.chosen.astype(np.float32)
    low, high = np.quantile(_resampled(hits, chosen, pairs.who, pairs.seed), [0.025, 0.975])
    measured = float(hits.sum() / chosen.sum())
    count = int(pairs.chosen.sum()) // 2
    return Promise(among, rate, cosine, measured, float(low), float(high), count)


def _resampled(hits: Floats, chosen: Floats, who: NDArray[np.intp], seed: int) -> Reals:
    """Rates when people are drawn with replacement, each with all their pictures."""
    rng = np.random.default_rng(seed)
    people = int(who.max()) + 1
    draws = rng.multinomial(people, np.full(people, 1 / people), RESAMPLES).astype(np.float32)
    weights = draws[:, who]
    above = np.einsum("rn,rn->r", weights @ hits, weights)
    return np.asarray(above / np.einsum("rn,rn->r", weights @ chosen, weights), np.float64)
