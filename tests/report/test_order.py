"""Laws of the order in which findings are shown, and of the rates beside them."""

from dataclasses import replace

import pytest

from forensics.report import html, terminal
from forensics.schema import Evidence, Finding, Image, Prevalence, Verdict

COMMON = Prevalence(0.5, (0.4, 0.6), 200, altered={"a splice": 0.5})
RARE = Prevalence(0.005, (0.001, 0.03), 200, altered={"a splice": 0.9})


@pytest.fixture
def shown(verdict: Verdict) -> Verdict:
    """Two analyses, the less telling one first, and a finding that was never counted."""
    evidence = {
        "jpeg_structure": Evidence((Finding("Segments come in order.", prevalence=COMMON),)),
        "error_level": Evidence((Finding("Nobody counted this."),)),
        "jpeg_grid": Evidence((Finding("A region has its own grid.", prevalence=RARE),)),
    }
    return replace(verdict, evidence=evidence)


def in_order(text: str) -> bool:
    places = [text.index(words) for words in ("A region", "Nobody counted", "Segments come")]
    return places == sorted(places)


def test_the_terminal_shows_the_most_telling_first_with_its_rate(shown: Verdict) -> None:
    text = " ".join(terminal.verdict_text(shown).split())
    assert in_order(text)
    assert "own grid. Seen in 0.5 % (0.1 % to 3.0 %) of 200 untouched photographs." in text


def test_report_and_page_do_so_too(shown: Verdict, image: Image) -> None:
    one = html.exhibit(shown, image)
    for page in (html.render([one]), html.part("observed", one)):
        assert in_order(page)
        assert "Seen in 0.5 % (0.1 % to 3.0 %) of 200 untouched photographs." in page
