"""Makes the rows of results: one a detector, source and degradation, with intervals."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forensics.benchmark.duels import Duel
from forensics.benchmark.intervals import (
    ROUNDS,
    Answers,
    draw_rows,
    figures,
    interval,
    mean_of_known,
    mean_over_groups,
)
from forensics.benchmark.judging import Column, Shown
from forensics.benchmark.results import EVERY, GENERATOR, MEAN, REAL, Row, figure_of, key_of
from forensics.benchmark.tables import Figure, Rows
from forensics.statistics import Names, Reals, rate_interval

ENOUGH_REALS = 300
STRICT, LOOSE = 0.01, 0.05
"""False-positive rates at which the true-positive rate is read: with 300 real pictures, or less."""
SEED = 0


@dataclass(frozen=True, eq=False)
class Said:
    """What one contestant said of all n samples, shown in one way.

    `card` identifies its weights and code; `seconds` (n,) what each took, NaN where not measured.
    """

    name: str
    card: str
    shown: Shown
    column: Column
    seconds: Reals


@dataclass(eq=False)
class RowMaker:
    """Makes rows, or takes them from those that are known already.

    `confounded`: by source, against, level and pixels, the trivial readings that tell the class.
    """

    rows: Rows
    duels: Sequence[Duel]
    levels: Names
    confounded: Mapping[tuple[str, str, str, str], tuple[str, ...]]
    known: Mapping[tuple[str, ...], Row]

    def __post_init__(self) -> None:
        self._drawn: dict[tuple[str, str, str], Reals] = {}
        self.sources = np.where(self.rows.labels == 1, self.rows.generators, self.rows.groups)

    def make(self, said: Said) -> list[Row]:
        """All rows of one contestant and one way of showing: sources, means, real sources."""
        made = []
        for against, level in dict.fromkeys((duel.against, duel.level) for duel in self.duels):
            chosen = [d for d in self.duels if (d.against, d.level) == (against, level)]
            made += self._family(said, chosen)
        return made + self._real_sources(said)

    def _family(self, said: Said, duels: Sequence[Duel]) -> list[Row]:
        """The rows of all duels of one kind, and their mean."""
        blank = [self._blank(said, duel) for duel in duels]
        mean = self._mean_blank(blank)
        reused = [self.known.get(key_of(row)) for row in (*blank, mean)]
        found = [row for row in reused if row is not None]
        if len(found) == len(reused):
            return found
        full, resamples = [], {}
        for duel, row in zip(duels, blank, strict=True):
            figured, drawn = self._figured(row, duel, said.column)
            full.append(figured)
            if drawn:
                resamples[duel.source] = (drawn, figured.tpr_at)
        return [*full, _filled_mean(mean, resamples)]

    def _blank(self, said: Said, duel: Duel) -> Row:
        """A row without figures, whose `inputs` tell whether they are known."""
        column, shown = said.column, said.shown
        good = duel.members & ~column.failed
        reals = int((self.rows.labels[good] == 0).sum())
        took = said.seconds[good][np.isfinite(said.seconds[good])]
        confounded = self.confounded.get((duel.source, duel.against, duel.level, shown[0]), ())
        return Row(
            detector=said.name,
            card=said.card,
            kind=GENERATOR,
            source=duel.source,
            against=duel.against,
            level=duel.level,
            pixels=shown[0],
            degradation=shown[1],
            fakes=int(good.sum()) - reals,
            reals=reals,
            failures=int((duel.members & column.failed).sum()),
            tpr_at=STRICT if reals >= ENOUGH_REALS else LOOSE,
            threshold=column.threshold,
            threshold_from=column.threshold_from,
            seconds_per_image=round(float(took.mean()), 4) if len(took) else None,
            confounded_by=confounded,
            inputs=self._digest(duel, column, good, confounded),
        )

    def _digest(
        self, duel: Duel, column: Column, good: NDArray[np.bool_], confounded: Sequence[str]
    ) -> str:
        digest = hashlib.sha256(repr((ROUNDS, SEED, list(confounded))).encode())
        for part in (column.ranking, column.scores, column.called, column.cleared):
            digest.update(np.ascontiguousarray(part[good]).tobytes())
        for names in (self.rows.clusters, self.sources, self.rows.labels.astype(str)):
            digest.update("\n".join(names[duel.members].tolist()).encode())
        digest.update(good[duel.members].tobytes())
        return digest.hexdigest()[:16]

    def _figured(self, row: Row, duel: Duel, column: Column) -> tuple[Row, dict[str, Reals]]:
        """The row with its figures, and what they are in each resample."""
        if not row.fakes or not row.reals:
            return row, {}
        good = ~column.failed[duel.members]
        answers = Answers(
            self.rows.labels[duel.members],
            self.sources[duel.members],
            column.ranking[duel.members],
            column.scores[duel.members],
            column.called[duel.members],
            column.cleared[duel.members],
        ).chosen(good)
        assert row.tpr_at is not None
        resampled = figures(answers, self._draws(duel)[:, good], limit=row.tpr_at)
        reals = answers.labels == 0
        clusters = self.rows.clusters[duel.members][good]
        rate = rate_interval(answers.called[reals], np.ones(int(reals.sum())), clusters[reals])
        found = {name: _figure(values) for name, values in resampled.items()}
        return replace(row, figures=found | {"false_positive_rate": figure_of(rate)}), resampled

    def _draws(self, duel: Duel) -> Reals:
        """Resamples of a duel's rows, the first the rows as they are; the same for everybody."""
        key = (duel.source, duel.against, duel.level)
        if key not in self._drawn:
            rows = duel.members
            strata = np.where(self.rows.labels[rows] == 1, self.sources[rows], "")
            drawn = draw_rows(self.rows.clusters[rows], strata, seed=SEED)
            self._drawn[key] = np.concatenate([np.ones((1, drawn.shape[1])), drawn])
        return self._drawn[key]

    @staticmethod
    def _mean_blank(blank: Sequence[Row]) -> Row:
        took = [row.seconds_per_image for row in blank if row.seconds_per_image is not None]
        limits = {row.tpr_at for row in blank}
        digest = hashlib.sha256("".join(row.inputs for row in blank).encode())
        features = [feature for row in blank for feature in row.confounded_by]
        return replace(
            blank[0],
            kind=MEAN,
            source=EVERY,
            fakes=sum(row.fakes for row in blank),
            reals=max(row.reals for row in blank),
            failures=sum(row.failures for row in blank),
            tpr_at=limits.pop() if len(limits) == 1 else None,
            seconds_per_image=round(float(np.mean(took)), 4) if took else None,
            confounded_by=tuple(dict.fromkeys(features)),
            inputs=digest.hexdigest()[:16],
        )

    def _real_sources(self, said: Said) -> list[Row]:
        """How often each real source is called fake, and all of them together."""
        real, column, made = self.rows.labels == 0, said.column, []
        for level in sorted(set(self.levels[real].tolist())):
            here = real & (self.levels == level)
            groups = sorted(set(self.rows.groups[here].tolist()))
            for group in (*groups, EVERY):
                members = here if group == EVERY else here & (self.rows.groups == group)
                good = members & ~column.failed
                row = Row(
                    detector=said.name,
                    card=said.card,
                    kind=REAL,
                    source=group,
                    against="",
                    level=level,
                    pixels=said.shown[0],
                    degradation=said.shown[1],
                    fakes=0,
                    reals=int(good.sum()),
                    failures=int((members & column.failed).sum()),
                    threshold=column.threshold,
                    threshold_from=column.threshold_from,
                )
                made.append(replace(row, figures=self._rates(column, good)) if good.any() else row)
        return made

    def _rates(self, column: Column, good: NDArray[np.bool_]) -> dict[str, Figure]:
        clusters, even = self.rows.clusters[good], np.ones(int(good.sum()))
        answered = (column.called | column.cleared)[good]
        return {
            "false_positive_rate": figure_of(rate_interval(column.called[good], even, clusters)),
            "answered": figure_of(rate_interval(answered, even, clusters)),
        }


def _filled_mean(mean: Row, resamples: Mapping[str, tuple[dict[str, Reals], float | None]]) -> Row:
    """The mean over generators; each counts alike, groups and clusters are drawn anew."""
    found = {}
    names = {name for values, _ in resamples.values() for name in values}
    for name in sorted(names - ({"tpr"} if mean.tpr_at is None else set())):
        by_group = {source: values[name] for source, (values, _) in resamples.items()}
        plain = float(mean_of_known(np.asarray([values[0] for values in by_group.values()])))
        drawn = mean_over_groups({s: values[1:] for s, values in by_group.items()}, seed=SEED)
        found[name] = Figure(plain, *interval(drawn))
    return replace(mean, figures=found)


def _figure(values: Reals) -> Figure:
    return Figure(float(values[0]), *interval(values[1:]))
