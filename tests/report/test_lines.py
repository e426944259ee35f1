import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from forensics.errors import UnreadableMedia
from forensics.report import lines
from forensics.schema import Evidence, Finding, Prevalence, Verdict

KEYS = [
    *("path", "sha256", "kind", "label", "score", "interval", "reasons", "faces", "segments"),
    *("evidence", "operating_points", "seconds", "version", "not_run"),
]


def test_a_line_has_the_agreed_keys_in_the_agreed_order(verdict: Verdict) -> None:
    line = json.loads(lines.as_text(lines.verdict_line(verdict)))
    assert list(line) == KEYS
    assert {"box", "label", "score", "frame", "track"} <= set(line["faces"][0])
    assert list(line["evidence"]["spectrum"]) == ["score", "findings", "measurements", "seconds"]


def test_findings_have_the_agreed_keys_and_no_pixels(verdict: Verdict) -> None:
    line = json.loads(lines.as_text(lines.verdict_line(verdict)))
    [finding] = line["evidence"]["error_level"]["findings"]
    assert list(finding) == ["statement", "score", "frame", "face"]


def test_a_counted_finding_adds_its_code_and_prevalence(verdict: Verdict) -> None:
    counted = Finding("A.", code="a", prevalence=Prevalence(0.5, (0.4, 0.6), 90, {"a scan": 0.7}))
    line = lines.verdict_line(replace(verdict, evidence={"x": Evidence((counted,))}))
    [finding] = json.loads(lines.as_text(line))["evidence"]["x"]["findings"]
    assert finding["code"] == "a"
    assert finding["prevalence"] == {
        **{"share": 0.5, "interval": [0.4, 0.6], "pictures": 90},
        **{"processed": {"a scan": 0.7}, "altered": {}},
    }


def test_evidence_without_scores_has_the_score_null(verdict: Verdict) -> None:
    evidence = json.loads(lines.as_text(lines.verdict_line(verdict)))["evidence"]
    assert evidence["error_level"]["score"] is None
    assert evidence["spectrum"]["score"] == pytest.approx(0.6)


@pytest.mark.parametrize("name", ["a\nb.jpg", "a\u2028b.jpg", 'a"b.jpg', "a\udcffb.jpg"])
def test_a_line_is_one_line_of_ascii_and_gives_the_path_back(verdict: Verdict, name: str) -> None:
    named = replace(verdict, media=replace(verdict.media, path=Path(name)))
    text = lines.as_text(lines.verdict_line(named))
    assert text.isascii()
    assert len(text.splitlines()) == 1
    assert json.loads(text)["path"] == name


def test_a_number_that_json_cannot_say_is_refused(verdict: Verdict) -> None:
    broken = replace(verdict, evidence={"x": Evidence((), {"a_px": math.nan})})
    with pytest.raises(ValueError, match="not JSON compliant"):
        lines.as_text(lines.verdict_line(broken))


def test_a_failure_names_its_error() -> None:
    line = lines.failure_line(Path("a.jpg"), UnreadableMedia("a.jpg is empty."))
    assert line["error"] == {"type": "UnreadableMedia", "message": "a.jpg is empty."}
