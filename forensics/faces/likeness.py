"""How unusual a likeness is: the share of pairs of strangers that look at least as alike.

The figures come from every pair of pictures of two different people in a set, as histograms with
a fitted tail; no vector of anybody is kept. Strangers of one sex, age and origin look alike far
more often than others, so a second distribution holds only pairs within one of eight clusters of
looks, and the larger of the two rates is what is said.
"""

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forensics.errors import NotCalibrated
from forensics.faces.storage import Record
from forensics.plugins import fingerprint
from forensics.schema import Match, ModelCard

BINS = 400
"""Bins of a histogram over cosines from -1 to 1."""
TAIL = 0.005
"""The share of pairs that the tail is fitted to."""
RULE_OF_THREE = 3
"""What did not happen in n pairs happens, at 95 %, in less than 3 of n (Hanley 1983)."""
WORTH_MENTIONING = 0.01
"""Rates above it are no resemblance."""
SAME_PERSON, LEAST_ALIKE = 0.001, 0.1
"""The strongest words need at most this rate, and a cosine that this share of one person's own
pairs do not reach."""

Counts = NDArray[np.int64]
Reals = NDArray[np.float64]


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


@dataclass(frozen=True, eq=False)
class Likeness:
    """What one matcher's cosines mean. `genuine`: (BINS,) pairs of one person by cosine."""

    matcher: str
    measured_on: str
    pictures: int
    people: int
    everyone: Impostors
    alike: Impostors
    genuine: Counts

    def rate(self, cosine: float) -> tuple[float, bool]:
        """How often two different people look this alike, and whether that is only a bound."""
        rates = [(one.rate(cosine), one.floor) for one in (self.everyone, self.alike)]
        largest = max(rate for rate, _ in rates)
        return min(largest, 1.0), all(rate <= floor for rate, floor in rates if rate == largest)

    def usual_for_one_person(self, cosine: float) -> float:
        """The share of pairs of one person's pictures that are less alike than this."""
        edges = np.linspace(-1, 1, BINS + 1)
        below = np.append(0, np.cumsum(self.genuine)) / self.genuine.sum()
        return float(np.interp(cosine, edges, below))

    def match(self, record: Record, cosine: float, *, people: int) -> Match:
        """Put figures and words to a likeness found in a gallery of `people`."""
        rate, at_most = self.rate(cosine)
        in_gallery = chance_in_gallery(rate, people)
        return Match(
            label=record.label,
            similarity=cosine,
            false_match_rate=rate,
            at_most=at_most,
            in_gallery=in_gallery,
            source=record.source,
            sha256=record.sha256,
            statement=self.statement(cosine, people=people),
        )

    def statement(self, cosine: float, *, people: int) -> str:
        """One sentence: how unusual this likeness is, alone and in a gallery of `people`."""
        rate, at_most = self.rate(cosine)
        if rate > WORTH_MENTIONING:
            return "No resemblance worth mentioning."
        number = _rounded(1 / rate)
        often = f"{'less than ' if at_most else ''}one in {number:,} strangers looks this alike"
        chance = chance_in_gallery(rate, people)
        crowd = (
            f"; that any of the {people:,} people of this gallery would by chance: "
            f"{'less than ' if at_most else ''}{chance:.1%}"
        )
        same = rate <= SAME_PERSON and self.usual_for_one_person(cosine) >= LEAST_ALIKE
        opening = "Would pass as the same person: " if same else ""
        text = opening + often + crowd + "."
        return text[0].upper() + text[1:]


def chance_in_gallery(rate: float, people: int) -> float:
    """The chance that any of `people` strangers looks this alike: 1 - (1 - rate)^people."""
    return float(-np.expm1(people * np.log1p(-rate))) if rate < 1 else 1.0


def load_likeness(card: ModelCard) -> Likeness:
    """The measured distributions of a matcher, which lie beside its card.

    Raises:
        NotCalibrated: none were measured for this matcher, or for other weights of it.
    """
    return _load(likeness_path(card), card.name, fingerprint(card))


def likeness_path(card: ModelCard) -> Path:
    """Where the distributions of a matcher lie."""
    return card.folder / f"{card.name}_likeness.json"


@cache
def _load(path: Path, name: str, key: str) -> Likeness:
    remedy = f"measure them with: forensics faces calibrate --matcher {name}"
    if not path.is_file():
        raise NotCalibrated(f"no distributions of strangers for the matcher {name}; {remedy}")
    facts = json.loads(path.read_text(encoding="utf-8"))
    if facts["matcher"] != key:
        raise NotCalibrated(
            f"the distributions of {name} were measured with other weights; {remedy}"
        )
    return from_json(facts)


def from_json(facts: dict[str, Any]) -> Likeness:
    """Read what `to_json` wrote."""
    return Likeness(
        matcher=facts["matcher"],
        measured_on=facts["measured_on"],
        pictures=facts["pictures"],
        people=facts["people"],
        everyone=_impostors(facts["everyone"]),
        alike=_impostors(facts["alike"]),
        genuine=np.asarray(facts["genuine"], np.int64),
    )


def to_json(likeness: Likeness) -> dict[str, Any]:
    """Everything in plain numbers and text."""
    facts = dict(vars(likeness))
    for name in ("everyone", "alike"):
        part: Impostors = facts[name]
        facts[name] = {
            "counts": part.counts.tolist(),
            "tail": asdict(part.tail),
            "people_pairs": part.people_pairs,
        }
    facts["genuine"] = likeness.genuine.tolist()
    return facts


def _impostors(facts: dict[str, Any]) -> Impostors:
    counts = np.asarray(facts["counts"], np.int64)
    return Impostors(counts, Tail(**facts["tail"]), facts["people_pairs"])


def _rounded(number: float) -> int:
    """Two significant digits, downwards: "one in" never claims more than was measured."""
    digits = max(0, int(np.floor(np.log10(number))) - 1)
    return int(number // 10**digits * 10**digits)
