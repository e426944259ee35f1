"""How alike strangers look: a histogram of cosines of two different people, with a fitted tail."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 400
"""Bins of a histogram from -1 to 1."""
TAIL = 0.005
"""The share of pairs that the tail is fitted to."""
RULE_OF_THREE = 3
"""What did not happen in n pairs happens, at 95 %, in less than 3 of n (Hanley 1983)."""

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Tail:
    """A generalised Pareto tail: of pairs beyond `start`, the share beyond x.

    `share` of all pairs lie beyond `start`; `scale` and `shape` as Pickands (1975) has them.
    """

    start: float
    share: float
    scale: float
    shape: float

    def beyond(self, cosine: float) -> float:
        """The share of all pairs with a cosine of `cosine` or more, for `cosine` >= `start`."""
        excess = (cosine - self.start) / self.scale
        if self.shape == 0:
            return self.share * float(np.exp(-excess))
        inside = 1 + self.shape * excess
        return self.share * float(inside ** (-1 / self.shape)) if inside > 0 else 0.0


@dataclass(frozen=True, eq=False)
class Impostors:
    """Cosines of pairs of different people: a histogram, its tail, and what it rests on.

    `counts`: (BINS,) pairs by cosine from -1 to 1; `people_pairs`: how many different pairs of
    people they are, which says how small a rate they can show.
    """

    counts: Counts
    tail: Tail
    people_pairs: int

    @property
    def floor(self) -> float:
        """The smallest rate that these pairs can show."""
        return RULE_OF_THREE / self.people_pairs

    def rate(self, cosine: float) -> float:
        """The share of pairs with this cosine or more, never below `floor`."""
        return max(self.measured(cosine), self.floor)

    def measured(self, cosine: float) -> float:
        """The share of pairs with this cosine or more, by the tail however small."""
        if cosine >= self.tail.start:
            return self.tail.beyond(cosine)
        edges = np.linspace(-1, 1, BINS + 1)
        beyond = np.append(np.cumsum(self.counts[::-1])[::-1], 0) / self.counts.sum()
        return float(np.interp(cosine, edges, beyond))
