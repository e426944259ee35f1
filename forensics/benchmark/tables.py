"""The figures of a results page: AUC by generator, false positives by real source, calibration."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forensics.benchmark.evaluation import Judged
from forensics.benchmark.metrics import Clusters, auc, brier, cluster_bootstrap, ece
from forensics.calibrating import share_among
from forensics.statistics import Labels, Names, Reals, clopper_pearson, equal_weights
from forensics.training import Sample

MATCHED = {
    "stylegan1-256": "ffhq-256",
    "openforensics-swap": "openforensics-real",
    "inswapper": "ffhq-256-q95",
    "ciplab-photoshop": "ciplab-real",
    "stylegan2-omi": "ffhq-1024",
}
"""Fakes and reals of one pipeline each."""
ROUNDS = 400


@dataclass(frozen=True, eq=False)
class Rows:
    """What a table is made of: (n,) labels, generators or "", groups, clusters, folds."""

    labels: Labels
    generators: Names
    groups: Names
    clusters: Names
    folds: Names

    @property
    def fakes(self) -> list[str]:
        """Names of the generators, in order."""
        return sorted(set(self.generators[self.labels == 1].tolist()))

    def against(self, generator: str, *, own_fold: bool) -> NDArray[np.bool_]:
        """A generator's fakes, and all real pictures or those of its fold only."""
        chosen: NDArray[np.bool_] = self.generators == generator
        reals: NDArray[np.bool_] = self.labels == 0
        return chosen | (reals & np.isin(self.folds, self.folds[chosen]) if own_fold else reals)


def rows_of(samples: Sequence[Sample]) -> Rows:
    """The columns of these samples."""
    return Rows(
        labels=np.asarray([int(sample.fake) for sample in samples]),
        generators=np.asarray([sample.generator for sample in samples]),
        groups=np.asarray([sample.group for sample in samples]),
        clusters=np.asarray([sample.cluster for sample in samples]),
        folds=np.asarray([sample.fold for sample in samples]),
    )


def short(number: float) -> str:
    """A number with two decimals and no zero before them: ".83", "-.04", "1.00"."""
    text = f"{number:.2f}"
    if float(text) == 0:
        return ".00"
    return text.replace("0.", ".", 1) if abs(number) < 1 else text


@dataclass(frozen=True)
class Figure:
    """A number with its 95 % interval, and how many fakes and reals it rests on."""

    value: float
    low: float
    high: float
    fakes: int = 0
    reals: int = 0

    def __str__(self) -> str:
        """As a cell: ".83 [.80, .86]"."""
        cells = [short(number) for number in (self.value, self.low, self.high)]
        return f"{cells[0]} [{cells[1]}, {cells[2]}]"


def generator_auc(
    rows: Rows, scores: Reals, generator: str, *, own_fold: bool = False, seed: int = 0
) -> Figure:
    """AUC of a generator's fakes against real pictures; clusters are resampled.

    With `own_fold`, only real pictures of the same fold count: the same weights scored both.
    """
    return _figure(rows, scores, rows.against(generator, own_fold=own_fold), seed)


def matched_auc(rows: Rows, scores: Reals, group: str, seed: int = 0) -> Figure:
    """AUC of a group of fakes against the real group of its own pipeline."""
    chosen = (rows.groups == group) | (rows.groups == MATCHED[group])
    return _figure(rows, scores, chosen, seed)


def _figure(rows: Rows, scores: Reals, chosen: NDArray[np.bool_], seed: int) -> Figure:
    labels, values = rows.labels[chosen], scores[chosen]

    def statistic(index: NDArray[np.intp]) -> float:
        drawn = labels[index]
        return auc(drawn, values[index]) if 0 < drawn.sum() < len(drawn) else 0.5

    low, high = cluster_bootstrap(rows.clusters[chosen], statistic, count=ROUNDS, seed=seed)
    fakes = int(labels.sum())
    return Figure(auc(labels, values), low, high, fakes, len(labels) - fakes)


def mean_auc(rows: Rows, scores: Reals, *, own_fold: bool = False, seed: int = 0) -> Figure:
    """Mean over generators of the AUC against real pictures, all or those of the same fold.

    The interval resamples generators, then clusters among their fakes and among the reals.
    """
    plain, resampled = _mean_aucs(rows, scores, own_fold=own_fold, seed=seed)
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Figure(plain, float(low), float(high), len(rows.fakes))


def mean_auc_gap(
    rows: Rows, first: Reals, second: Reals, *, own_fold: bool = False, seed: int = 0
) -> Figure:
    """How far the mean AUC of the `first` scores lies above that of the `second`.

    Both are resampled alike, so that what the pictures have in common is no part of the interval.
    """
    plain, drawn = _mean_aucs(rows, first, own_fold=own_fold, seed=seed)
    other, drawn_too = _mean_aucs(rows, second, own_fold=own_fold, seed=seed)
    low, high = np.quantile(drawn - drawn_too, [0.025, 0.975])
    return Figure(plain - other, float(low), float(high), len(rows.fakes))


def _mean_aucs(rows: Rows, scores: Reals, *, own_fold: bool, seed: int) -> tuple[float, Reals]:
    """The mean AUC over generators, and (ROUNDS,) the same resampled; scores change no draw."""
    parts = [rows.against(name, own_fold=own_fold) for name in rows.fakes]
    reals = [_Drawn.of(rows, scores, part & (rows.labels == 0)) for part in parts]
    fakes = [_Drawn.of(rows, scores, part & (rows.labels == 1)) for part in parts]
    rng, count = np.random.default_rng(seed), len(parts)
    plain = [
        _rank_auc(fake.scores, np.sort(real.scores))
        for fake, real in zip(fakes, reals, strict=True)
    ]
    resampled = [
        np.mean([_rank_auc(fakes[i].draw(rng), np.sort(reals[i].draw(rng))) for i in chosen])
        for chosen in rng.integers(count, size=(ROUNDS, count)).tolist()
    ]
    return float(np.mean(plain)), np.asarray(resampled)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Scores of some rows, drawn again by whole clusters."""

    scores: Reals
    clusters: Clusters

    @classmethod
    def of(cls, rows: Rows, scores: Reals, chosen: NDArray[np.bool_]) -> "_Drawn":
        return cls(scores[chosen], Clusters.of(rows.clusters[chosen]))

    def draw(self, rng: np.random.Generator) -> Reals:
        drawn: Reals = self.scores[self.clusters.draw(rng)]
        return drawn


def _rank_auc(fakes: Reals, sorted_reals: Reals) -> float:
    below = np.searchsorted(sorted_reals, fakes, "left")
    upto = np.searchsorted(sorted_reals, fakes, "right")
    return float((below + upto).mean() / (2 * len(sorted_reals)))


def false_positives(rows: Rows, called: NDArray[np.bool_]) -> dict[str, Figure]:
    """Share of each real source that is called fake, with Clopper-Pearson intervals."""
    figures = {}
    for group in sorted(set(rows.groups[rows.labels == 0].tolist())):
        hits = called[(rows.groups == group) & (rows.labels == 0)].astype(float)
        low, high = clopper_pearson(float(hits.sum()), float(len(hits)))
        figures[group] = Figure(float(hits.mean()), low, high, reals=len(hits))
    return figures


def summary(rows: Rows, judged: Judged) -> dict[str, float]:
    """Calibration and answers, classes equal and sources equal within a class."""
    sources = np.where(rows.labels == 1, rows.generators, rows.groups)
    mass = equal_weights(rows.labels, sources)
    answered = judged.called | judged.cleared
    right = np.where(rows.labels == 1, judged.called, judged.cleared)
    real, fake = rows.labels == 0, rows.labels == 1
    return {
        "ECE": ece(rows.labels, judged.scores, mass),
        "Brier score": brier(rows.labels, judged.scores, mass),
        "share answered": float(mass @ answered),
        "accuracy of answers": share_among(right, mass, answered),
        "real pictures called fake": share_among(judged.called, mass, real),
        "fakes called": share_among(judged.called, mass, fake),
        "fakes cleared": share_among(judged.cleared, mass, fake),
    }


def reliability(rows: Rows, scores: Reals, bins: int = 10) -> list[tuple[float, float, float]]:
    """Mean score, share of fakes and mass of bins of equal mass, sources equal."""
    sources = np.where(rows.labels == 1, rows.generators, rows.groups)
    mass = equal_weights(rows.labels, sources)
    order = np.argsort(scores, kind="stable")
    which = np.minimum((bins * np.cumsum(mass[order])).astype(int), bins - 1)
    points = []
    for index in range(bins):
        inside = order[which == index]
        if len(inside):
            total = float(mass[inside].sum())
            mean = float(mass[inside] @ scores[inside]) / total
            points.append((mean, float(mass[inside] @ rows.labels[inside]) / total, total))
    return points


def markdown(header: Sequence[str], body: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *([str(cell) for cell in row] for row in body)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
