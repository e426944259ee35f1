"""Laws of the page: one file, nothing fetched, nothing run, and the same told in Markdown."""

import re
from pathlib import Path

import numpy as np
import pytest

from forensics.benchmark.judging import Column
from forensics.benchmark.rows import Said
from forensics.benchmark.tables import Rows
from forensics.cli import main
from forensics.report.benchmark_checks import fooled
from forensics.report.benchmark_page import as_html, as_markdown
from forensics.report.benchmark_parts import Cell, Section, Shown, Table, number_words
from tests.benchmark.made_sets import detector, folders


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    root = folders(folder / "set", fakes={"<b>gan|</b>": "jpg", "diffusion": "png"})
    line = [
        "benchmark",
        str(root),
        "--detector",
        str(detector(folder)),
        "--out",
        str(folder / "out"),
    ]
    line += ["--page", str(folder / "docs" / "mine.md"), "--note", "Trained on <nothing>."]
    assert main([*line, "--jobs", "1", "--allow-confounded", "--degrade", "jpeg:75"]) == 0
    return folder / "out"


def test_the_page_needs_no_second_file_and_no_script(out: Path) -> None:
    page = (out / "report.html").read_text()
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert page.count("<img") == 3


def test_markdown_shows_the_drawings_that_lie_beside_it(out: Path) -> None:
    shown = re.findall(r"\]\((.*?)\)", (out / "report.md").read_text())
    assert len(shown) == 3
    assert all((out / name).read_text().startswith("<?xml") for name in shown)


def test_the_page_can_be_written_elsewhere_with_its_drawings(out: Path) -> None:
    page = out.parent / "docs" / "mine.md"
    shown = re.findall(r"\]\((.*?)\)", page.read_text())
    assert len(shown) == 3
    assert all((page.parent / name).is_file() for name in shown)
    assert page.read_text().replace("mine-", "report-") == (out / "report.md").read_text()


@pytest.mark.parametrize("name", ["report.html", "report.md"])
def test_both_tell_everything(out: Path, name: str) -> None:
    text = (out / name).read_text()
    titles = ("Leak audit", "AUC by generator", "Real files called fake", "How to read this")
    for title in (*titles, "What fooled them most"):
        assert title in text
    assert "diffusion †" in text
    assert "Trained on &lt;nothing" in text


def test_files_that_fooled_a_detector_are_named_worst_first() -> None:
    ranking = np.asarray([0.9, 0.1, 0.5, 0.2, 0.8, np.nan])
    failed = np.isnan(ranking)
    column = Column(ranking, ranking, failed, failed, failed, None, "")
    names = np.asarray(["x"] * 6)
    shown = Shown(
        title="t",
        facts=(),
        headline=("original", "none"),
        columns=Rows(np.asarray([0, 0, 0, 1, 1, 1]), names, names, names, names),
        levels=names,
        leaks={},
        said=[Said("d", "c", ("original", "none"), column, ranking)],
        paths=["r-high", "r-low", "r-middle", "f-low", "f-high", "f-failed"],
    )
    [row] = fooled(shown).tables[0].rows
    assert [cell.text for cell in row] == ["d", "r-high, r-middle, r-low", "f-low, f-high"]


def test_names_from_files_are_text_and_never_markup(out: Path) -> None:
    assert "<b>gan" not in (out / "report.html").read_text()
    assert "<b>gan" not in (out / "report.md").read_text()


def test_a_table_keeps_its_columns_whatever_the_cells_say() -> None:
    table = Table("", ("a", "b"), ((Cell("x|y"), Cell("<i>\n", flagged=True)),))
    text = as_markdown("t", [Section("s", tables=(table,))], "")
    assert text.splitlines()[-1] == "| x\\|y | **&lt;i> ** (!) |"
    assert "<i>" not in as_html("t", [Section("s", tables=(table,))])


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.5, ".50"), (1, "1.00"), (10.05, "10.05"), (None, ""), (float("nan"), "")],
)
def test_numbers_are_short(value: float | None, words: str) -> None:
    assert number_words(value) == words
