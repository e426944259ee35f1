import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from forensics.report import html
from forensics.schema import Evidence, Finding, Image, Verdict

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
    assert "script" not in {tag for tag, _ in tags}
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
    for part in ("Inconclusive", "between the two thresholds", "1 in 100", "ab" * 32, "proves"):
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
