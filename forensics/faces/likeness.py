"""How unusual a likeness is: the share of pairs of strangers that look at least as alike.

The figures come from every pair of pictures of two different people in a set, as histograms with
a fitted tail; no vector of anybody is kept. Strangers of one sex, age and origin look alike far
more often than others, so a second distribution holds only pairs within one of eight clusters of
looks, and the larger of the two rates is what is said. Where the matcher has a crowd, rates are
read from cosines adjusted for how typical both faces are (`forensics.faces.crowd`).
"""

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from forensics.errors import NotCalibrated
from forensics.faces.crowd import Crowd, crowd_key, load_crowd
from forensics.faces.impostors import BINS, Counts, Impostors, Tail
from forensics.faces.storage import Record
from forensics.plugins import fingerprint
from forensics.schema import Floats, Match, ModelCard

WORTH_MENTIONING = 0.01
"""Rates above it are no resemblance."""
SMALLEST_SHARE = 0.001
"""Smaller chances are said as bounds."""
SAME_PERSON, LEAST_ALIKE = 0.001, 0.1
"""The strongest words need at most this rate, and a cosine that this share of one person's own
pairs do not reach."""


@dataclass(frozen=True)
class SecondOpinion:
    """What a second matcher says of two faces. The strongest words need its agreement.

    `similarity` and `rate` are None where it could not be asked; `doubt` then says why, and
    otherwise in one sentence what it found.
    """

    agrees: bool
    doubt: str
    similarity: float | None = None
    rate: float | None = None


@dataclass(frozen=True, eq=False)
class Likeness:
    """What one matcher's cosines mean. `genuine`: (BINS,) pairs of one person.

    All distributions are over cosines as `scores` gives them: adjusted by the crowd, if there is
    one.
    """

    matcher: str
    measured_on: str
    pictures: int
    people: int
    everyone: Impostors
    alike: Impostors
    genuine: Counts
    crowd: Crowd | None = None
    crowd_key: str = ""

    def scores(self, first: Floats, second: Floats) -> Floats:
        """What rates are read from: (N, M) cosines of (N, D) and (M, D) vectors, adjusted."""
        cosines = np.asarray(first @ second.T, np.float32)
        return cosines if self.crowd is None else self.crowd.adjusted(cosines, first, second)

    def rate(self, score: float) -> tuple[float, bool]:
        """How often two different people look this alike, and whether that is only a bound."""
        rates = [(one.rate(score), one.floor) for one in (self.everyone, self.alike)]
        largest = max(rate for rate, _ in rates)
        return min(largest, 1.0), all(rate <= floor for rate, floor in rates if rate == largest)

    def usual_for_one_person(self, score: float) -> float:
        """The share of pairs of one person's pictures that are less alike than this."""
        edges = np.linspace(-1, 1, BINS + 1)
        below = np.append(0, np.cumsum(self.genuine)) / self.genuine.sum()
        return float(np.interp(score, edges, below))

    def passes(self, score: float) -> bool:
        """Whether a likeness is rare among strangers and usual for one person."""
        rate, _ = self.rate(score)
        return rate <= SAME_PERSON and self.usual_for_one_person(score) >= LEAST_ALIKE

    def match(
        self,
        record: Record,
        cosine: float,
        score: float,
        *,
        people: int,
        second: SecondOpinion | None = None,
    ) -> Match:
        """Put figures and words to a likeness found in a gallery of `people`.

        Args:
            record: whom the gallery's face shows.
            cosine: of the two faces.
            score: the same, as `scores` gives it.
            people: how many the gallery holds.
            second: what another matcher says of the two faces.
        """
        rate, at_most = self.rate(score)
        return Match(
            label=record.label,
            similarity=cosine,
            false_match_rate=rate,
            at_most=at_most,
            in_gallery=chance_in_gallery(rate, people),
            source=record.source,
            sha256=record.sha256,
            statement=self.statement(score, people=people, second=second),
            adjusted=score,
            second_similarity=None if second is None else second.similarity,
            second_false_match_rate=None if second is None else second.rate,
        )

    def statement(self, score: float, *, people: int, second: SecondOpinion | None = None) -> str:
        """How unusual this likeness is, alone and in a gallery of `people`."""
        rate, at_most = self.rate(score)
        if rate > WORTH_MENTIONING:
            return "No resemblance worth mentioning."
        bound = "less than " if at_most else ""
        text = (
            f"{bound}one in {rounded(1 / rate):,} strangers looks this alike"
            f"; that any of the {people:,} people of this gallery would by chance: "
            f"{_percent(chance_in_gallery(rate, people), at_most=at_most)}."
        )
        if not self.passes(score):
            return text[0].upper() + text[1:]
        if second is None:
            return f"Would pass as the same person: {text}"
        if second.agrees:
            return f"Would pass as the same person to two matchers: {text}"
        return f"{text[0].upper()}{text[1:]} {second.doubt}"


def chance_in_gallery(rate: float, people: int) -> float:
    """The chance that any of `people` strangers looks this alike: 1 - (1 - rate)^people."""
    return float(-np.expm1(people * np.log1p(-rate))) if rate < 1 else 1.0


def load_likeness(card: ModelCard) -> Likeness:
    """The measured distributions of a matcher, which lie beside its card.

    Raises:
        NotCalibrated: none were measured for this matcher, or for other weights of it.
    """
    path, key = likeness_path(card), crowd_key(card)
    return _load(path, card.name, fingerprint(card), key, load_crowd(card))


def likeness_path(card: ModelCard) -> Path:
    """Where the distributions of a matcher lie."""
    return card.folder / f"{card.name}_likeness.json"


@cache
def _load(path: Path, name: str, key: str, crowd_key: str, crowd: Crowd | None) -> Likeness:
    remedy = f"measure them with: forensics faces calibrate --matcher {name}"
    if not path.is_file():
        raise NotCalibrated(f"no distributions of strangers for the matcher {name}; {remedy}")
    facts = json.loads(path.read_text(encoding="utf-8"))
    if facts["matcher"] != key or facts["crowd"] != crowd_key:
        raise NotCalibrated(
            f"the distributions of {name} were measured with other weights; {remedy}"
        )
    return from_json(facts, crowd)


def from_json(facts: dict[str, Any], crowd: Crowd | None = None) -> Likeness:
    """Read what `to_json` wrote; the crowd has a file of its own."""
    return Likeness(
        matcher=facts["matcher"],
        measured_on=facts["measured_on"],
        pictures=facts["pictures"],
        people=facts["people"],
        everyone=_impostors(facts["everyone"]),
        alike=_impostors(facts["alike"]),
        genuine=np.asarray(facts["genuine"], np.int64),
        crowd=crowd,
        crowd_key=facts["crowd"],
    )


def to_json(likeness: Likeness) -> dict[str, Any]:
    """Everything but the crowd itself in plain numbers and text."""
    facts = dict(vars(likeness))
    for name in ("everyone", "alike"):
        part: Impostors = facts[name]
        facts[name] = {
            "counts": part.counts.tolist(),
            "tail": asdict(part.tail),
            "people_pairs": part.people_pairs,
        }
    facts["genuine"] = likeness.genuine.tolist()
    del facts["crowd"]
    facts["crowd"] = facts.pop("crowd_key")
    return facts


def _impostors(facts: dict[str, Any]) -> Impostors:
    counts = np.asarray(facts["counts"], np.int64)
    return Impostors(counts, Tail(**facts["tail"]), facts["people_pairs"])


def rounded(number: float) -> int:
    """Two significant digits, downwards: "one in" never claims more than was measured."""
    digits = max(0, int(np.floor(np.log10(number))) - 1)
    return int(number // 10**digits * 10**digits)


def _percent(share: float, *, at_most: bool) -> str:
    if share < SMALLEST_SHARE:
        return f"less than {SMALLEST_SHARE:.1%}"
    return f"{'less than ' if at_most else ''}{share:.1%}"
