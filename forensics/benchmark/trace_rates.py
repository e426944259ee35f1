"""How often each kind of finding appears in untouched, processed and altered pictures."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from forensics.analysis import Analysis
from forensics.benchmark.card_file import update_card
from forensics.benchmark.datasets import PictureStore
from forensics.benchmark.tables import markdown
from forensics.benchmark.trace_pictures import ALTERED, PROCESSED, UNTOUCHED, Shown
from forensics.camera_tables import tables_findings
from forensics.cameras import Camera, tables_of
from forensics.case import Case
from forensics.errors import ForensicsError
from forensics.schema import ModelCard
from forensics.statistics import clopper_pearson
from forensics.training import Sample

Cell = tuple[str, str]
"""Stage and name: ("untouched", "london"), ("processed", "a scan")."""


@dataclass(frozen=True)
class Tally:
    """Pictures by cell, unreadable ones apart, and by analysis and code those that showed it."""

    pictures: Counter[Cell] = field(default_factory=Counter)
    failures: Counter[Cell] = field(default_factory=Counter)
    hits: dict[str, dict[str, Counter[Cell]]] = field(default_factory=dict)

    def rates(self, name: str) -> dict[str, dict[str, object]]:
        """The tables of one analysis' card, by code."""
        return {code: self._table(hits) for code, hits in sorted(self.hits[name].items())}

    def _table(self, hits: Counter[Cell]) -> dict[str, object]:
        sources = self._pairs(hits, UNTOUCHED)
        seen, total = (sum(pair[index] for pair in sources.values()) for index in (0, 1))
        return {
            "untouched": [seen, total],
            "interval": [round(end, 5) for end in clopper_pearson(seen, total)],
            "sources": sources,
            "processed": self._pairs(hits, PROCESSED),
            "altered": self._pairs(hits, ALTERED),
        }

    def _pairs(self, hits: Counter[Cell], stage: str) -> dict[str, list[int]]:
        cells = [cell for cell in self.pictures if cell[0] == stage]
        return {name: [hits[stage, name], self.pictures[stage, name]] for _, name in cells}


def count_findings(
    analyses: Mapping[str, Analysis], pictures: Iterable[Shown], tally: Tally
) -> Iterator[Shown]:
    """Examine every picture with every analysis and count the kinds; yields each when done.

    Args:
        analyses: by name.
        pictures: what to examine.
        tally: gets the counts.
    """
    tally.hits.update({name: {} for name in analyses})
    with TemporaryDirectory() as folder:
        for shown in pictures:
            cell = (shown.stage, shown.name)
            path = Path(folder) / f"picture{shown.suffix}"
            path.write_bytes(shown.make())
            try:
                case = Case(path)
                _ = case.image
            except ForensicsError:
                tally.failures[cell] += 1
                yield shown
                continue
            tally.pictures[cell] += 1
            for name, analysis in analyses.items():
                codes = {finding.code for finding in analysis.examine(case).findings} - {""}
                for code in codes:
                    tally.hits[name].setdefault(code, Counter())[cell] += 1
            yield shown


def count_foreign_tables(
    pictures: Iterable[Shown], tables: Mapping[str, Sequence[str]], tally: Tally
) -> None:
    """Count what `prnu` says of quantisation tables where the camera is none of the picture's.

    Every picture meets, as a camera of one file, one of the source after its own.

    Args:
        pictures: those that were counted.
        tables: digests of the files of every source, as `tables_of_sources` gives them.
        tally: gets the counts.
    """
    names = list(tables)
    after = dict(zip(names, [*names[1:], names[0]], strict=True))
    with TemporaryDirectory() as folder:
        for number, shown in enumerate(pictures):
            others = tables[after[shown.sample.group]]
            camera = Camera("foreign", 1, 1, 1, "", "", others[number % len(others)])
            path = Path(folder) / f"picture{shown.suffix}"
            path.write_bytes(shown.make())
            for finding in tables_findings(Case(path), camera):
                hits = tally.hits["prnu"].setdefault(finding.code, Counter())
                hits[shown.stage, shown.name] += 1


def tables_of_sources(
    by_source: Mapping[str, Sequence[Sample]], store: PictureStore
) -> dict[str, list[str]]:
    """By source, the digest of each file's quantisation tables, or "" where it has none."""
    found: dict[str, list[str]] = {}
    with TemporaryDirectory() as folder:
        for name, samples in by_source.items():
            for sample in samples:
                path = Path(folder) / f"file{Path(sample.path).suffix}"
                path.write_bytes(store.stored(sample))
                found.setdefault(name, []).append(tables_of(Case(path)))
    return found


def note_in_cards(cards: Mapping[str, ModelCard], tally: Tally) -> None:
    """Write the rates of every counted analysis into its card."""
    for name in tally.hits:
        update_card(cards[name].folder / f"{name}.toml", rates=tally.rates(name))


def section(cards: Mapping[str, ModelCard], rates: Mapping[str, Mapping[str, object]]) -> str:
    """The section of the results page, from what the cards hold.

    Args:
        cards: of all analyses, for their titles.
        rates: by analysis, its card's table of rates.
    """
    parts = [
        "## How often does this happen in untouched pictures?\n",
        "Share of pictures in which each kind of finding appears, the untouched ones with a "
        "Clopper-Pearson interval of 95 %. Untouched pictures are the real ones of the collection "
        "as they were found, which says nothing of what was done to them before; sources take part "
        "with equally many pictures as far as they have them. A camera that `prnu` compares "
        "tables with is one file of another source. The processings and the alterations "
        "are simulated, on some of the same pictures, cut to 768 px.\n",
    ]
    for name, table in rates.items():
        if table:
            parts.append(f"### {cards[name].title} (`{name}`)\n")
            parts.append(_table(table))
    return "\n".join(parts)


def _table(table: Mapping[str, object]) -> str:
    made = [(stage, name) for stage in (PROCESSED, ALTERED) for name in _names(table, stage)]
    header = ["kind", "untouched", "most among", *(name for _, name in made)]
    return markdown(header, [_row(code, counts, made) for code, counts in table.items()])


def _row(code: str, counts: object, made: Sequence[Cell]) -> list[str]:
    assert isinstance(counts, Mapping)
    hits, total = counts["untouched"]
    low, high = counts["interval"]
    sources = {name: seen / number for name, (seen, number) in counts["sources"].items()}
    top = max(sources, key=lambda name: sources[name])
    most = f"{top} {sources[top]:.0%}" if sources[top] else "none"
    cells = [counts[stage].get(name) for stage, name in made]
    shares = ["" if cell is None else f"{cell[0] / cell[1]:.0%}" for cell in cells]
    return [f"`{code}`", f"{hits / total:.1%} [{low:.1%}, {high:.1%}] of {total}", most, *shares]


def _names(table: Mapping[str, object], stage: str) -> list[str]:
    names: dict[str, None] = {}
    for counts in table.values():
        assert isinstance(counts, Mapping)
        names.update(dict.fromkeys(counts[stage]))
    return list(names)
