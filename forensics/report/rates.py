"""What error rates mean for a reader: how often a verdict is right when fakes are rare."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose

from forensics.report.words import percent
from forensics.schema import OperatingPoint

ONE_FAKE_IN = (2, 10, 100)
NOTHING_CLEARED = (
    "No picture is reported to show no traces: among generators and photographs not seen before, "
    "generated pictures scored lowest more than half as often as others, so that a low score says "
    "nothing."
)


@dataclass(frozen=True)
class Meaning:
    """Of pictures with this verdict, the share that is fake, if one in `one_in` is at the outset.

    `low` and `high` take both ends of the intervals of the error rates.
    """

    one_in: int
    share: float
    low: float
    high: float


def fake_share_called(point: OperatingPoint, one_in: int) -> Meaning:
    """The positive predictive value: the share of fakes among pictures at or above `point`."""
    best_miss, worst_miss = point.false_negative_interval
    fewest, most = point.false_positive_interval
    return Meaning(
        one_in,
        _share(1 - point.false_negative_rate, point.false_positive_rate, one_in),
        _share(1 - worst_miss, most, one_in),
        _share(1 - best_miss, fewest, one_in),
    )


def fake_share_cleared(point: OperatingPoint, one_in: int) -> Meaning:
    """The share of fakes that remains among pictures below `point`."""
    best_miss, worst_miss = point.false_negative_interval
    fewest, most = point.false_positive_interval
    return Meaning(
        one_in,
        _share(point.false_negative_rate, 1 - point.false_positive_rate, one_in),
        _share(best_miss, 1 - fewest, one_in),
        _share(worst_miss, 1 - most, one_in),
    )


def meanings(point: OperatingPoint) -> list[Meaning]:
    """What a verdict at this operating point means at one fake in 2, 10 and 100."""
    share = fake_share_called if point.name == "call" else fake_share_cleared
    return [share(point, one_in) for one_in in ONE_FAKE_IN]


def rate_sentences(points: Sequence[OperatingPoint]) -> list[str]:
    """The error rates of the thresholds and what they mean, one sentence each."""
    sentences = []
    for point in points:
        nothing = clears_nothing(point)
        sentences += [NOTHING_CLEARED] if nothing else [_rates(point), _consequence(point)]
    return sentences


def clears_nothing(point: OperatingPoint) -> bool:
    """Whether no score is low enough for "no traces found", as `forensics.calibrating` decided."""
    return (
        point.name == "clear"
        and point.false_negative_rate == 0
        and isclose(point.false_positive_rate, 1)
    )


def rate_words(rate: float, interval: tuple[float, float]) -> str:
    """A rate with its interval, in per cent."""
    return f"{percent(rate)} (95 % interval {percent(interval[0])} to {percent(interval[1])})"


def _rates(point: OperatingPoint) -> str:
    wrong = rate_words(point.false_positive_rate, point.false_positive_interval)
    missed = rate_words(point.false_negative_rate, point.false_negative_interval)
    if point.name == "call":
        return (
            f"At or above {point.threshold:.3f} traces are reported: this happens to {wrong} of "
            f"pictures without any, and {missed} of generated or altered pictures stay below."
        )
    return (
        f"Below {point.threshold:.3f} no traces are reported: this happens to {missed} of "
        f"generated or altered pictures, while {wrong} of the others lie above."
    )


def _consequence(point: OperatingPoint) -> str:
    first, *others = meanings(point)
    verdict = "traces reported" if point.name == "call" else "no traces found"
    rest = [f"{percent(row.share)} where one in {row.one_in} is" for row in others]
    return (
        f"Of the pictures with {verdict}, {percent(first.share)} are generated or altered where "
        f"one picture in {first.one_in} is, {' and '.join(rest)}."
    )


def _share(of_fakes: float, of_reals: float, one_in: int) -> float:
    """Bayes' rule; nothing with this verdict at all counts as the share at the outset."""
    fakes = of_fakes / one_in
    total = fakes + of_reals * (1 - 1 / one_in)
    return fakes / total if total > 0 else 1 / one_in
