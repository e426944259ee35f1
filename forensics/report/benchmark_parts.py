"""What a benchmark's page is made of: sections of text, tables and drawings, and their words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from forensics.benchmark.comparison import Comparison
from forensics.benchmark.leaks import Leak
from forensics.benchmark.results import MEAN, Row
from forensics.benchmark.rows import Said
from forensics.benchmark.tables import Rows
from forensics.statistics import Names

AGAINST_WORDS = {
    "all": "all real files of the set",
    "fold": "the real files of the same fold, which the same weights scored",
    "matched": "the real files of the fakes' own pipeline",
}
FIGURES = {
    "auc": "AUC",
    "ap": "AP",
    "accuracy_real": "real right",
    "accuracy_fake": "fake right",
    "eer": "EER",
    "tpr": "TPR",
    "ece": "ECE",
    "brier": "Brier",
    "answered": "answered",
}


@dataclass(frozen=True)
class Cell:
    """One cell: its text, how good it is in [0, 1] (None without colour), and whether in doubt."""

    text: str
    shade: float | None = None
    flagged: bool = False


@dataclass(frozen=True)
class Table:
    """A table: its caption, its header, and rows of cells."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Drawing:
    """An SVG, the name of its file, and words for those who cannot see it."""

    name: str
    svg: str
    caption: str


@dataclass(frozen=True)
class Section:
    """One section of the page, in order: text, tables, drawings."""

    title: str
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    warning: bool = False


@dataclass(frozen=True, eq=False)
class Shown:
    """All that a page is made of.

    `columns` and `levels` are of the n files; `said` what was said of them; `refused` where the
    audit let nothing be scored; `facts` are sentences about the set and the run; `paths` of the n
    files, where the page may name them.
    """

    title: str
    facts: tuple[str, ...]
    headline: tuple[str, str]
    columns: Rows
    levels: Names
    leaks: Mapping[str, Sequence[Leak]]
    rows: Sequence[Row] = ()
    said: Sequence[Said] = ()
    comparisons: Sequence[Comparison] = ()
    failures: Mapping[tuple[str, tuple[str, str], str], str] = field(default_factory=dict)
    refused: bool = False
    paths: Sequence[str] = ()

    @property
    def families(self) -> list[tuple[str, str]]:
        """Choices of reals and levels, the headline first."""
        means = [row for row in self.rows if row.kind == MEAN]
        return list(dict.fromkeys((row.against, row.level) for row in means))


def way_words(way: tuple[str, str]) -> str:
    """How files were shown: "equalised, jpeg:75"."""
    return way[0] if way[1] == "none" else f"{way[0]}, {way[1]}"


def family_words(against: str, level: str) -> str:
    """Which reals, and what a score is of."""
    return f"level {level}, against {AGAINST_WORDS[against]}"


def cell_of(row: Row, name: str, *, good: bool = True) -> Cell:
    """A figure of a row; those where more is better are coloured, unless not `good`."""
    figure = row.figures.get(name)
    if figure is None or not np.isfinite(figure.value):
        return Cell("")
    shade = figure.value if name in ("auc", "accuracy_real", "accuracy_fake") else None
    text = str(figure) if name in ("auc", "false_positive_rate") else number_words(figure.value)
    mark = " (5 %)" if name == "tpr" and row.tpr_at and row.tpr_at > 0.01 else ""  # noqa: PLR2004
    return Cell(text + mark, shade if good else None)


def number_words(value: float | None) -> str:
    """Two digits behind the point and no leading nought; "" where there is no value."""
    if value is None or not np.isfinite(value):
        return ""
    text = f"{value:.2f}"
    return text[1:] if text.startswith("0.") else text


def capital(text: str) -> str:
    """The text with a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]


def count_words(count: int, noun: str) -> str:
    """A number of things: 1 file, 2 files."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
