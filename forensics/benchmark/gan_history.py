"""The 501 GANs that got a name between June 2014 and September 2018, as the GAN Zoo listed them.

The table beside (`gan_zoo/gans.tsv`) is Avinash Hindupur's, under the MIT licence beside it.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class NamedGan:
    """One line of the table. `stars`: of its official code when the table was made, or None."""

    year: int
    month: int
    name: str
    title: str
    paper: str
    code: str
    stars: int | None

    @property
    def line(self) -> str:
        """For a terminal: when, what, where."""
        return f"{self.year}-{self.month:02d}  {self.name}: {self.title}  {self.paper}"


@cache
def named_gans() -> tuple[NamedGan, ...]:
    """All of them, oldest first."""
    table = files("forensics.benchmark") / "gan_zoo" / "gans.tsv"
    with table.open("r", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    found = [
        NamedGan(
            year=int(row["Year"]),
            month=int(row["Month"]),
            name=row["Abbr."].strip(),
            title=row["Title"].strip(),
            paper=row["Arxiv"].strip(),
            code=row["Official_Code"].strip().removeprefix("-"),
            stars=int(row["Stars"]) if (row["Stars"] or "").strip().isdigit() else None,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda gan: (gan.year, gan.month)))


def search(words: Sequence[str]) -> list[NamedGan]:
    """Those whose name or title has every word, whatever its case; no words find all."""
    wanted = [part for word in words for part in word.casefold().split()]
    return [
        gan
        for gan in named_gans()
        if all(part in f"{gan.name} {gan.title}".casefold() for part in wanted)
    ]


def growth() -> list[tuple[int, int, int]]:
    """Year, month and how many had a name by its end; every month from the first to the last."""
    months = np.asarray([12 * gan.year + gan.month - 1 for gan in named_gans()])
    every = range(int(months.min()), int(months.max()) + 1)
    return [(month // 12, month % 12 + 1, int((months <= month).sum())) for month in every]


def draw_growth(path: Path) -> None:
    """Draw the curve of `growth` as PNG or SVG, after the suffix."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(6, 3.2), layout="constrained")
    axes = canvas.subplots()
    years, months, counts = np.asarray(growth()).T
    axes.plot(years + (months - 1) / 12, counts, color="tab:red")
    axes.set(xlabel="year", ylabel="GANs with a name", ylim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.savefig(path, dpi=120, metadata={"Date": None} if path.suffix == ".svg" else None)
