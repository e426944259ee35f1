import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from forensics.report import html
from forensics.report.rates import NOTHING_CLEARED
from forensics.schema import Edit, Evidence, Finding, Image, OperatingPoint, Verdict

SCRIPT = Path(html.__file__).with_name("magnifier.js").read_text(encoding="utf-8")
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
PARTS = ("summary", "faces", "observed", "detectors", "error_rates", "origin", "method")


class Tags(HTMLParser):
    """Collects the tags of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


@pytest.fixture
def page(verdict: Verdict, image: Image) -> str:
    return html.render([html.exhibit(verdict, image)])


def renamed(verdict: Verdict, name: str) -> Verdict:
    return replace(verdict, media=replace(verdict.media, path=Path(name)))


def test_every_source_and_link_lies_inside_the_page(page: str) -> None:
    links = [
        value
        for _, attributes in Tags(page).found
        for name, value in attributes.items()
        if name in {"src", "href", "srcset", "action", "data"}
    ]
    assert links
    assert all(link.startswith(("data:image/", "#")) for link in links)
    assert "url(" not in page
    assert "@import" not in page


def test_the_page_forbids_scripts_and_remote_content_to_itself(page: str) -> None:
    policies = [
        attributes["content"]
        for tag, attributes in Tags(page).found
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies[0].startswith("default-src 'none'")


def test_the_only_script_that_may_run_is_the_magnifier(page: str) -> None:
    [policy] = re.findall(r"script-src ([^;]*);", page)
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert policy == f"'sha256-{digest}'"
    assert f'<script type="module">{SCRIPT}</script>' in page


def test_without_a_map_there_is_neither_magnifier_nor_script(
    verdict: Verdict, image: Image
) -> None:
    bare = html.exhibit(replace(verdict, evidence={"x": Evidence((Finding("Nothing."),))}), image)
    assert "<script" not in html.render([bare])
    assert html.magnifier(bare) == ""


def test_the_magnifier_lays_every_map_of_the_picture_beside_it(
    verdict: Verdict, image: Image
) -> None:
    one = html.exhibit(verdict, image)
    for shown in (html.magnifier(one), html.render([one])):
        tags = [attributes for tag, attributes in Tags(shown).found if tag == "img"]
        # A spectrum lies in another plane than the picture.
        assert [a["data-map"] for a in tags if "data-map" in a] == ["Error level"]
        assert sum("data-picture" in attributes for attributes in tags) == 1


def test_lines_and_a_history_are_drawn(verdict: Verdict, image: Image) -> None:
    lines = np.array([[1, 2, 30, 40]], np.float32)
    history = (Edit("made", ("by a",)), Edit("</text><script>", (), (0,)))
    found = {"x": Evidence((Finding("Two ends.", lines=lines),), history=history)}
    one = html.exhibit(replace(verdict, evidence=found), image)
    line, steps = (unquote(figure.source) for figure in one.figures["x"])
    assert 'x1="1.0" y1="2.0" x2="30.0" y2="40.0"' in line
    assert steps.count("<polygon") == 1
    assert "<script>" not in steps


@pytest.mark.parametrize("place", ["name", "statement", "note", "failure"])
def test_what_strangers_wrote_stays_text(verdict: Verdict, image: Image, place: str) -> None:
    hostile = {
        "name": renamed(verdict, HOSTILE.replace("/", "")),
        "statement": replace(verdict, evidence={"x": Evidence((Finding(HOSTILE),))}),
        "note": replace(verdict, media=replace(verdict.media, notes=(HOSTILE,))),
        "failure": verdict,
    }[place]
    page = html.render([html.exhibit(hostile, image)], [(HOSTILE, HOSTILE)])
    tags = Tags(page).found
    assert re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL) in ([], [SCRIPT])
    assert sum(tag == "script" for tag, _ in tags) <= 1
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]


def test_a_statement_with_a_map_is_escaped_in_its_description_too(
    verdict: Verdict, image: Image
) -> None:
    heatmap = verdict.evidence["error_level"].findings[0].heatmap
    evidence = {"x": Evidence((Finding('"><script>', heatmap=heatmap),))}
    page = html.render([html.exhibit(replace(verdict, evidence=evidence), image)])
    assert "<script>" not in page


def test_every_picture_has_words_for_those_who_cannot_see_it(page: str) -> None:
    tags = Tags(page).found
    assert all(attributes.get("alt") for tag, attributes in tags if tag == "img")
    assert all(attributes.get("aria-label") for _, attributes in tags if "role" in attributes)


def test_the_page_says_verdict_reasons_rates_hash_and_limits(page: str) -> None:
    text = re.sub(r"\s+", " ", page)
    for part in ("Inconclusive", "neither high nor low enough", "1 in 100", "ab" * 32, "proves"):
        assert part in text


def test_several_files_have_an_index_that_leads_to_each(verdict: Verdict, image: Image) -> None:
    one = html.exhibit(verdict, image)
    tags = Tags(html.render([one, one], [("c.jpg", "c.jpg is empty.")])).found
    targets = {attributes["href"][1:] for tag, attributes in tags if tag == "a"}
    assert targets == {attributes["id"] for tag, attributes in tags if tag == "article"}
    assert len(targets) == 2


def test_a_name_that_is_no_unicode_can_be_written(
    verdict: Verdict, image: Image, tmp_path: Path
) -> None:
    page = html.render([html.exhibit(renamed(verdict, "a\udcff.jpg"), image)])
    html.write(tmp_path / "report.html", page)
    assert "a\\udcff.jpg" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_writing_leaves_no_partial_file(tmp_path: Path) -> None:
    html.write(tmp_path / "report.html", "x")
    with pytest.raises(UnicodeEncodeError):
        html.write(tmp_path / "report.html", "\udcff")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "x"


@pytest.mark.parametrize("name", PARTS)
def test_the_page_can_show_every_part_of_the_report(
    verdict: Verdict, image: Image, name: str
) -> None:
    assert 'class="report part"' in html.part(name, html.exhibit(verdict, image))


def test_where_nothing_is_cleared_the_table_says_so_and_has_no_row_for_it(
    verdict: Verdict, image: Image
) -> None:
    row = "No traces found, score below"
    for missed, kept, words in ((0.0, 1.0, False), (0.05, 0.8, True)):
        point = OperatingPoint("clear", 0.1, kept, (0.7, 1.0), missed, (0.0, 0.1), "a made-up set")
        page = html.render([html.exhibit(replace(verdict, operating_points=(point,)), image)])
        assert (row in page) is words
        assert (NOTHING_CLEARED in page) is not words
