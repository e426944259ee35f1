"""A second matcher's opinion: the strongest words of a likeness need the agreement of both."""

from collections.abc import Sequence
from dataclasses import dataclass

from forensics.errors import ForensicsError
from forensics.faces.embed import Matcher
from forensics.faces.likeness import Likeness, SecondOpinion, load_likeness, rounded
from forensics.schema import Face, Floats, Image


@dataclass(frozen=True, eq=False)
class Asked:
    """A face as the second matcher sees it: a (1, D) unit vector, or why it does not."""

    matcher: Matcher | None
    vector: Floats | None = None
    refusal: str = ""

    def opinion(self, other: Floats | None) -> SecondOpinion | None:
        """What the second matcher says beside a gallery's (D,) vector; None where there is none."""
        if self.matcher is None:
            return None
        if self.vector is None:
            return SecondOpinion(False, f"The second matcher could not be asked: {self.refusal}.")
        if other is None:
            return SecondOpinion(False, "The gallery holds no second vector of this face.")
        likeness = load_likeness(self.matcher.card)
        return _opinion(self.matcher.card.name, likeness, self.vector, other[None])


def ask_second(matcher: Matcher | None, image: Image, faces: Sequence[Face]) -> list[Asked]:
    """Show each face of (H, W, 3) uint8 RGB to a second matcher, where there is one.

    Where its weights are missing, the lookup goes on without it and says so.
    """
    if matcher is None:
        return [Asked(None)] * len(faces)
    try:
        load_likeness(matcher.card)
        rows = matcher.embed(image, faces)
    except ForensicsError as error:
        return [Asked(matcher, refusal=str(error))] * len(faces)
    return [Asked(matcher, row[None]) for row in rows]


def _opinion(name: str, likeness: Likeness, first: Floats, second: Floats) -> SecondOpinion:
    score = float(likeness.scores(first, second)[0, 0])
    rate, at_most = likeness.rate(score)
    often = f"{'less than ' if at_most else ''}one in {rounded(1 / rate):,}"
    return SecondOpinion(
        likeness.passes(score),
        f"The matcher {name} does not agree: to it {often} strangers look this alike.",
        float((first @ second.T)[0, 0]),
        rate,
    )
