"""Laws of how often a kind of finding appears in untouched pictures, and of what that changes."""

from dataclasses import replace
from pathlib import Path

import pytest

from forensics.prevalence import (
    most_telling_first,
    prevalence_of,
    prevalence_words,
    rate_note,
    telling,
    with_prevalence,
)
from forensics.schema import Evidence, Finding, ModelCard, Prevalence

RARE = {"untouched": [1, 400], "interval": [0.0001, 0.014], "altered": {"a splice": [30, 60]}}
COMMON = {"untouched": [200, 400], "interval": [0.45, 0.55], "altered": {"a splice": [30, 60]}}
UNSTABLE = {"untouched": [4, 400], "interval": [0.003, 0.026], "processed": {"a scan": [20, 50]}}
CARD = ModelCard(
    *("a", "analysis", "A", "grids", "pictures", "none", Path()),
    rates={"rare": RARE, "common": COMMON, "unstable": UNSTABLE},
)


def found(*codes: str) -> Evidence:
    findings = tuple(Finding(f"The kind is {code}.", code=code) for code in codes)
    return with_prevalence(Evidence(findings, {"x_px": 1.0}, 2.0), CARD)


def codes(evidence: Evidence) -> list[str]:
    return [finding.code for finding in evidence.findings]


def test_a_finding_carries_what_its_card_counted() -> None:
    [finding] = found("rare").findings
    assert finding.prevalence == Prevalence(
        1 / 400, (0.0001, 0.014), 400, altered={"a splice": 0.5}
    )


def test_a_rare_kind_keeps_its_sentence() -> None:
    assert found("rare").findings[0].statement == "The kind is rare."


def test_a_common_kind_says_so_in_its_sentence() -> None:
    assert found("common").findings[0].statement == (
        "The kind is common. 50 % of 400 untouched photographs show this."
    )


def test_a_kind_that_innocent_processing_makes_common_names_the_processing() -> None:
    assert (
        found("unstable")
        .findings[0]
        .statement.endswith("1.0 % of 400 untouched photographs show this, and 40 % after a scan.")
    )


def test_kinds_that_were_not_counted_stay_as_they_are() -> None:
    for evidence in (found("new"), found("")):
        assert evidence.findings[0].prevalence is None
        assert telling(evidence.findings[0]) == 0


def test_measurements_and_seconds_stay() -> None:
    assert (found("rare").measurements, found("rare").seconds) == ({"x_px": 1.0}, 2.0)


def test_telling_is_the_likelihood_ratio_at_the_unfavourable_end() -> None:
    assert telling(found("rare").findings[0]) == pytest.approx(1.5528, abs=1e-4)
    assert telling(found("common").findings[0]) < 0


def test_fewer_pictures_make_a_finding_less_telling() -> None:
    [sure] = found("rare").findings
    assert sure.prevalence
    unsure = replace(sure, prevalence=replace(sure.prevalence, interval=(0.0, 0.3)))
    assert telling(unsure) < telling(sure)


def test_the_most_telling_comes_first_and_ties_stay_in_order() -> None:
    evidence = {"b": found("common", "new"), "a": found("other", "rare"), "c": Evidence()}
    ordered = most_telling_first(evidence)
    assert list(ordered) == ["a", "b", "c"]
    assert [codes(each) for each in ordered.values()] == [["rare", "other"], ["new", "common"], []]


def test_shares_of_a_tenth_and_more_are_said_without_decimals() -> None:
    words = prevalence_words(Prevalence(0.123, (0.1, 0.2), 50))
    assert words == "12 % of 50 untouched photographs show this."


def test_every_counted_kind_is_shown_with_its_rate_once() -> None:
    [rare], [common], [new] = (found(code).findings for code in ("rare", "common", "new"))
    assert rate_note(rare) == "Seen in 0.2 % (0.0 % to 1.4 %) of 400 untouched photographs."
    assert rate_note(common) == rate_note(new) == ""


def test_a_damaged_card_is_refused() -> None:
    with pytest.raises(ValueError, match="pairs of numbers"):
        prevalence_of({"untouched": [1], "interval": [0, 1]})
