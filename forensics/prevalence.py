"""How often a kind of finding appears in untouched pictures, and how telling that makes it.

The counts are in the cards of the analyses, written by `forensics trace-rates`.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

from forensics.schema import Evidence, Finding, ModelCard, Prevalence

COMMON = 0.05
"""A kind that at least this share of untouched pictures shows is called common in its sentence."""


def with_prevalence(evidence: Evidence, card: ModelCard) -> Evidence:
    """Attach to each finding what its card counted; a common kind says so in its sentence."""
    known = {code: prevalence_of(counts) for code, counts in card.rates.items()}
    findings = tuple(_attached(finding, known.get(finding.code)) for finding in evidence.findings)
    return replace(evidence, findings=findings)


def prevalence_of(counts: Mapping[str, object]) -> Prevalence:
    """Read one table of a card: `untouched`, `processed` and `altered` as [hits, pictures]."""
    hits, pictures = _pair(counts["untouched"])
    low, high = _pair(counts["interval"])
    return Prevalence(
        share=hits / pictures,
        interval=(low, high),
        pictures=int(pictures),
        processed=_shares(counts.get("processed")),
        altered=_shares(counts.get("altered")),
    )


def telling(finding: Finding) -> float:
    """How many times likelier the finding is in altered pictures than in untouched ones, log10.

    The likeliest of the measured alterations, over the upper end of the interval of the untouched
    pictures: few pictures make no finding telling. 0 where nothing was counted.
    """
    counted = finding.prevalence
    if counted is None or not counted.altered:
        return 0.0
    # Half a picture stands for none, so that the ratio stays a number.
    likeliest = max(*counted.altered.values(), 0.5 / counted.pictures)
    return math.log10(likeliest / counted.interval[1])


def most_telling_first(evidence: Mapping[str, Evidence]) -> dict[str, Evidence]:
    """Order findings within each plugin, and plugins by their first finding; ties stay as they are.

    A plugin's measurements stay with it.
    """
    ordered = {
        name: replace(found, findings=tuple(sorted(found.findings, key=telling, reverse=True)))
        for name, found in evidence.items()
    }
    return dict(sorted(ordered.items(), key=lambda item: -_first(item[1])))


def prevalence_words(counted: Prevalence) -> str:
    """One sentence: the share, of how many, and the processing that raises it most."""
    words = f"{_percent(counted.share)} of {counted.pictures} untouched photographs show this"
    name = max(counted.processed, key=lambda each: counted.processed[each], default="")
    if name and counted.processed[name] > max(COMMON, 2 * counted.share):
        words += f", and {_percent(counted.processed[name])} after {name}"
    return f"{words}."


def rate_note(finding: Finding) -> str:
    """One sentence with the rate and its interval, "" where the statement says it or none is known.

    For whoever shows a finding: every counted kind is shown with its rate, rare ones too.
    """
    counted = finding.prevalence
    if counted is None or finding.statement.endswith(prevalence_words(counted)):
        return ""
    low, high = counted.interval
    return (
        f"Seen in {_percent(counted.share)} ({_percent(low)} to {_percent(high)}) of "
        f"{counted.pictures} untouched photographs."
    )


def _attached(finding: Finding, counted: Prevalence | None) -> Finding:
    if counted is None:
        return finding
    usual = max([counted.share, *counted.processed.values()]) >= COMMON
    statement = f"{finding.statement} {prevalence_words(counted)}" if usual else finding.statement
    return replace(finding, statement=statement, prevalence=counted)


def _first(evidence: Evidence) -> float:
    return max(map(telling, evidence.findings), default=-math.inf)


def _shares(counts: object) -> dict[str, float]:
    if not isinstance(counts, Mapping):
        return {}
    pairs = {name: _pair(pair) for name, pair in counts.items()}
    return {name: hits / pictures for name, (hits, pictures) in pairs.items()}


def _pair(values: object) -> tuple[float, float]:
    if not isinstance(values, (list, tuple)) or len(values) != 2:  # noqa: PLR2004
        raise ValueError(f"a card's rates are pairs of numbers, got {values!r}")
    first, second = values
    return float(first), float(second)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share < 2 * COMMON else f"{100 * share:.0f} %"
