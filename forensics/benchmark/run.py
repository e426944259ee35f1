"""A benchmark from a set to rows: audit, score what is not scored yet, judge, write.

benchmark = Benchmark(collection, settings)
for done in benchmark.audit(): ...
for done in benchmark.score(): ...
rows = benchmark.rows()
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from forensics.benchmark.book import Book
from forensics.benchmark.collection import Collection
from forensics.benchmark.contestants import FUSED, METADATA, PLUGIN, TABLE, Contestant, read_scores
from forensics.benchmark.datasets import capped
from forensics.benchmark.degrade import Chain
from forensics.benchmark.duels import Duel, duels_of
from forensics.benchmark.engines import run_jobs
from forensics.benchmark.judging import FITTED_ON, Column, Shown, as_shipped, left_out
from forensics.benchmark.leaks import Facts, Leak, audit
from forensics.benchmark.results import Row, known_rows, read_rows, write_rows
from forensics.benchmark.rows import RowMaker, Said
from forensics.benchmark.scorebook import Scores
from forensics.benchmark.tables import rows_of
from forensics.benchmark.viewing import EQUALISED, ORIGINAL, Viewer
from forensics.benchmark.work import FactsOf, Job, Outcome, Plan, Want
from forensics.schema import Floats
from forensics.statistics import Names
from forensics.training import Sample

NONE = str(Chain())
AUDITED = 100
"""Pictures a group that the audit looks at."""


@dataclass(frozen=True)
class Settings:
    """What a benchmark does.

    Attributes:
        out: the folder that everything is written to.
        contestants: who takes part.
        chains: degradations; undegraded pictures are always scored.
        equalise: both classes are cut and encoded alike for the headline.
        original: the pixels as stored are scored too, where `equalise` is set.
        against: which real pictures, of `forensics.benchmark.duels.AGAINST`, the headline first.
        runs: a folder with NAME-FOLD, weights that never saw a fold; None for those that ship.
        engine: one of `forensics.benchmark.engines.ENGINES`.
        workers: processes.
    """

    out: Path
    contestants: tuple[Contestant, ...]
    chains: tuple[Chain, ...] = ()
    equalise: bool = False
    original: bool = True
    against: tuple[str, ...] = ("all",)
    runs: Path | None = None
    engine: str = "local"
    workers: int = 1


class Benchmark:
    """One set, one group of contestants, one folder of results."""

    def __init__(self, collection: Collection, viewer: Viewer, settings: Settings) -> None:
        """Prepare; nothing is read or scored yet."""
        self.collection, self.viewer, self.settings = collection, viewer, settings
        self.samples = collection.samples
        self.leaks: dict[str, list[Leak]] = {}
        self.failures: dict[tuple[str, Shown, str], str] = {}
        settings.out.mkdir(parents=True, exist_ok=True)
        self.scores = Scores(settings.out / "scores.jsonl", viewer, settings.runs)

    @property
    def headline(self) -> str:
        """The pixels of the headline: equalised, where they are."""
        return EQUALISED if self.settings.equalise else ORIGINAL

    @cached_property
    def shown(self) -> tuple[Shown, ...]:
        """All ways of showing, the headline first."""
        ways = [(self.headline, NONE), *((self.headline, str(c)) for c in self.settings.chains)]
        if self.settings.runs:
            ways += FITTED_ON
        if self.settings.equalise and self.settings.original:
            ways.append((ORIGINAL, NONE))
        return tuple(dict.fromkeys(ways))

    @cached_property
    def levels(self) -> Names:
        """(n,) what each sample's score is of."""
        return np.asarray([self.viewer.level_of(sample) for sample in self.samples])

    @cached_property
    def duels(self) -> list[Duel]:
        """Each source of fakes with the reals that it is scored with."""
        rows = rows_of(self.samples)
        return duels_of(rows, self.levels, self.collection.partners, self.settings.against)

    def audit(self) -> Iterator[int]:
        """Read what is trivial of up to 100 files a group; yields how many are still to come."""
        yield from (0 for _ in self.viewer.find_boxes(self.samples) if self.settings.equalise)
        book = Book(self.settings.out / "facts.jsonl")
        chosen = capped(list(self.samples), AUDITED)
        ways = list(dict.fromkeys(pixels for pixels, _ in self.shown))
        keys = {(s.path, way): self.scores.shown_key(s, way) for s in chosen for way in ways}
        jobs = [
            Job(sample, tuple(Want(way, NONE, (), facts=True) for way in missing))
            for sample in chosen
            if (missing := [way for way in ways if book.get(keys[sample.path, way]) is None])
        ]
        for done, outcomes in enumerate(self._run(jobs), 1):
            for found in outcomes:
                if isinstance(found, FactsOf) and found.facts is not None:
                    book.add(keys[found.path, found.pixels], found.facts)
            yield len(jobs) - done
        for way in ways:
            known = {s.path: book.get(keys[s.path, way]) for s in chosen}
            facts = {path: found for path, found in known.items() if found is not None}
            self.leaks[way] = [leak for duel in self.duels for leak in self._audited(duel, facts)]

    def _audited(self, duel: Duel, facts: Mapping[str, Facts]) -> list[Leak]:
        members = [
            sample
            for sample, inside in zip(self.samples, duel.members, strict=True)
            if inside and sample.path in facts
        ]
        labels = np.asarray([int(sample.fake) for sample in members])
        clusters = np.asarray([sample.cluster for sample in members])
        rows = [facts[sample.path] for sample in members]
        if len(set(labels.tolist())) < 2:  # noqa: PLR2004
            return []
        found = audit(duel.source, duel.against, rows, labels, clusters)
        return [dataclasses.replace(leak, level=duel.level) for leak in found]

    @property
    def confounding(self) -> list[Leak]:
        """The leaks for which the headline must be refused."""
        return [leak for leak in self.leaks.get(self.headline, ()) if leak.confounding]

    def score(self) -> Iterator[int]:
        """Score what is not in the book yet; yields how many files are still to come."""
        jobs = self.jobs()
        for done, outcomes in enumerate(self._run(jobs), 1):
            for one in outcomes:
                if isinstance(one, Outcome):
                    self._keep(one)
            yield len(jobs) - done

    def jobs(self) -> list[Job]:
        """What is not scored yet."""
        return [
            Job(sample, wants) for sample in self.samples if (wants := tuple(self._wants(sample)))
        ]

    def _wants(self, sample: Sample) -> Iterator[Want]:
        for way in self.shown:
            names = tuple(
                one.name
                for one in self.settings.contestants
                if self._computed(one, way) and self.scores.get(one, way, sample) is None
            )
            if names:
                yield Want(*way, names)

    def _computed(self, one: Contestant, way: Shown) -> bool:
        if one.kind == METADATA:
            return way == (ORIGINAL, NONE)
        return one.kind != TABLE and not (one.kind == FUSED and self.settings.runs)

    def _run(self, jobs: list[Job]) -> Iterator[list[Outcome | FactsOf]]:
        settings = self.settings
        alone = settings.workers <= 1 and settings.engine == "local" and settings.runs
        plan = Plan(
            self.viewer,
            settings.contestants,
            settings.runs,
            # Two processes must not write one cache.
            self.viewer.cache if alone else None,
        )
        return run_jobs(plan, jobs, engine=settings.engine, workers=settings.workers)

    def _keep(self, one: Outcome) -> None:
        way = (one.pixels, one.degradation)
        if one.values is None:
            self.failures[one.name, way, one.path] = one.failure
            return
        contestant = next(each for each in self.settings.contestants if each.name == one.name)
        sample = self._by_path[one.path]
        self.scores.add(contestant, way, sample, one.values, one.seconds)

    @cached_property
    def _by_path(self) -> dict[str, Sample]:
        return {sample.path: sample for sample in self.samples}

    @cached_property
    def said(self) -> list[Said]:
        """What every contestant said, shown in every way."""
        found = []
        for one in self.settings.contestants:
            ways = [way for way in self.shown if one.kind != METADATA or way == (ORIGINAL, NONE)]
            columns = self._columns(one, ways)
            card = self.scores.card(one)
            found += [
                Said(one.name, card, way, columns[way], self._seconds(one, way)) for way in columns
            ]
        return found

    def _columns(self, one: Contestant, ways: list[Shown]) -> dict[Shown, Column]:
        values: dict[tuple[str, Shown, str], Floats] = {}
        for name in one.members if self.settings.runs and one.members else (one.name,):
            values |= self._values(name, one, ways)
        if self.settings.runs and one.kind in (PLUGIN, FUSED):
            return left_out(one, self.samples, values, ways)
        present = ways if one.computed else {way for _, way, _ in values}
        return {way: as_shipped(one, self.samples, values, way) for way in ways if way in present}

    def _values(
        self, name: str, one: Contestant, ways: list[Shown]
    ) -> dict[tuple[str, Shown, str], Floats]:
        if one.kind == TABLE:
            assert one.path is not None
            given = read_scores(one.path)
            return {
                (name, way, s.path): np.asarray([given[s.path, *way]], np.float32)
                for way in ways
                for s in self.samples
                if (s.path, *way) in given
            }
        source = one if name == one.name else Contestant(name, PLUGIN)
        return {
            (name, way, sample.path): found
            for way in ways
            for sample in self.samples
            if (found := self.scores.get(source, way, sample)) is not None
        }

    def _seconds(self, one: Contestant, way: Shown) -> np.ndarray:
        if one.kind == TABLE or (one.kind == FUSED and self.settings.runs):
            return np.full(len(self.samples), np.nan)
        return np.asarray([self.scores.seconds(one, way, s) for s in self.samples])

    def rows(self) -> list[Row]:
        """All rows; those whose inputs are as before are taken from `results.jsonl`."""
        path = self.settings.out / "results.jsonl"
        confounded: dict[tuple[str, str, str, str], tuple[str, ...]] = {}
        for way, leaks in self.leaks.items():
            for leak in leaks:
                if leak.confounding:
                    key = (leak.source, leak.against, leak.level, way)
                    confounded[key] = (*confounded.get(key, ()), leak.feature)
        known = known_rows(read_rows(path)) if path.is_file() else {}
        maker = RowMaker(rows_of(self.samples), self.duels, self.levels, confounded, known)
        rows = [row for said in self.said for row in maker.make(said)]
        write_rows(path, rows)
        return rows
