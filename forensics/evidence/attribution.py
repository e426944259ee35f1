"""Which family of generators a picture's traces are most like, if it is a fake at all.

Whether it is, this does not say: the belief is shared out among the families and "a photograph",
and a family is named only above a threshold that most makers nobody has seen stay below.
"""

from collections.abc import Sequence
from functools import cached_property
from time import perf_counter

import numpy as np

from forensics.analysis import Analysis
from forensics.case import Case
from forensics.errors import WeightsUnavailable
from forensics.families import FAMILIES, Family, FamilySpace
from forensics.neural import clip_means
from forensics.schema import Evidence, Finding, Floats, Image
from forensics.statistics import clopper_pearson
from forensics.weights import load_tensors

CROPS = 4
"""As many as `clip_pairs` looks at, so that their tokens are computed once for both."""
SMALLEST = 96
"""px. Below it no verdict is given, and no family named."""
ASSUMED = "Assuming that the picture was generated or altered, its traces are"
TOO_SMALL = (
    f"No family of generators is looked for: the picture has under {SMALLEST} px on its shorter"
    " side."
)


class Attribution(Analysis):
    """Compares a picture's traces with those of the families of generators that it knows."""

    def prepare(self) -> None:
        """Compute an interval: the first one of a process imports half of scipy."""
        clopper_pearson(1, 2)

    def examine(self, case: Case) -> Evidence:
        """Return the family that the traces are most like, or that none is named.

        The findings have no codes: they are counted by `forensics attribution`, on pictures that
        were held out of the fit.
        """
        start = perf_counter()
        if min(case.image.shape[:2]) < SMALLEST:
            return Evidence((Finding(TOO_SMALL),), {}, perf_counter() - start)
        try:
            features = self.features(case.image)
            [beliefs], [number] = self.space.beliefs(features), self.space.names(features)
        except WeightsUnavailable as missing:
            words = f"No family of generators was looked for: {missing}."
            return Evidence((Finding(words),), {}, perf_counter() - start)
        statement = self._named(FAMILIES[number - 1]) if number else self._unknown()
        figures = {"belief_photograph_share": float(beliefs[0])} | {
            f"belief_{family.name}_share": float(belief)
            for family, belief in zip(FAMILIES, beliefs[1:], strict=True)
        }
        return Evidence((Finding(statement),), figures, perf_counter() - start)

    def features(self, image: Image) -> Floats:
        """Mean patch tokens of (H, W, 3) uint8 RGB: native crops count as one, (1, 2304) float32.

        Raises:
            WeightsUnavailable: CLIP has not been pulled.
        """
        return np.asarray(clip_means(image, CROPS).mean(axis=0, keepdims=True), np.float32)

    @cached_property
    def space(self) -> FamilySpace:
        """The fitted space, read at first use."""
        return FamilySpace.read(load_tensors(self.card))

    def _named(self, family: Family) -> str:
        right, strangers = (
            self.card.figures[which][family.name] for which in ("right", "strangers")
        )
        return (
            f"{ASSUMED} most like those of {family.title}. Of {right[1]} held-out pictures by"
            f" known makers that got this name, {_share(right)} got it rightly; of {strangers[1]}"
            f" by makers whose family was left out, {_share(strangers)} got it too."
        )

    def _unknown(self) -> str:
        members, strangers = (
            _share(_rest(self.card.figures[which]))
            for which in ("members_named", "strangers_named")
        )
        return (
            f"{ASSUMED} of an unknown family: not clearly like those of any generator known"
            f" here. So are {members} of held-out pictures by known makers,"
            f" and {strangers} of those by makers whose family was left out."
        )


def _rest(pair: Sequence[int]) -> tuple[int, int]:
    hits, count = pair
    return count - hits, count


def _share(pair: Sequence[int]) -> str:
    """Hits among so many, with the 95 % interval: "94 % (90 to 97 %)"."""
    hits, count = pair
    if not count:
        return "none"
    low, high = clopper_pearson(hits, count)
    return f"{100 * hits / count:.0f} % ({100 * low:.0f} to {100 * high:.0f} %)"
