"""From what was scored to what was said: rankings, probabilities, calls; in turn by fold or as is.

With the weights that ship, a detector's own calibration gives P(fake) and its threshold; a detector
without one is read as a logit and called above 0. Left out by fold, calibration and thresholds are
fitted on the other folds, equalised and degraded (half size, JPEG 75), as they are for shipping.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forensics.benchmark.contestants import FUSED, METADATA, PLUGIN, TABLE, Contestant, fusion_of
from forensics.benchmark.evaluation import Judged, judge_left_out, judge_with, table_of
from forensics.fusion import crop_aggregate
from forensics.schema import Floats
from forensics.statistics import Reals, sigmoid
from forensics.training import Sample

MIDDLE = 0.5
FITTED_ON = (("equalised", "none"), ("equalised", "resize:0.5+jpeg:75"))
"""How pictures were shown that calibrations are fitted to."""
Shown = tuple[str, str]
"""Pixels and degradation."""
Values = Mapping[tuple[str, Shown, str], Floats]
"""What was scored, by contestant, by how it was shown, by path; failures are absent."""


@dataclass(frozen=True, eq=False)
class Column:
    """What one contestant said of all n samples, shown in one way.

    `ranking`, `scores` (n,), the higher the more fake, scores P(fake), NaN where it failed;
    `called`, `cleared`, `failed` (n,) bool; `threshold` on the score, None where there is more than
    one; `threshold_from` says where it comes from.
    """

    ranking: Reals
    scores: Reals
    called: NDArray[np.bool_]
    cleared: NDArray[np.bool_]
    failed: NDArray[np.bool_]
    threshold: float | None
    threshold_from: str


def as_shipped(
    contestant: Contestant, samples: Sequence[Sample], values: Values, shown: Shown
) -> Column:
    """Judge by the contestant's own calibration; without one at one half."""
    known = [sample for sample in samples if (contestant.name, shown, sample.path) in values]
    rows = [values[contestant.name, shown, sample.path] for sample in known]
    if contestant.kind == FUSED:
        said = np.asarray(rows, np.float64).reshape(len(rows), 3)
        judged = Judged(said[:, 0], said[:, 0], said[:, 1] > 0, said[:, 2] > 0)
        return _spread(samples, known, judged, None, "the verdict, which may abstain")
    ranking = np.asarray([mean_logit(row) for row in rows], np.float64)
    if contestant.kind in (METADATA, TABLE):
        return _at_the_middle(samples, known, ranking, ranking, "score 0.5")
    fusion = fusion_of((contestant.name,)) if contestant.kind == PLUGIN else None
    if fusion is None or not known:
        return _at_the_middle(samples, known, ranking, sigmoid(ranking), "logit 0, no calibration")
    logits = {(contestant.name, "", s.path): row for s, row in zip(known, rows, strict=True)}
    said_so = judge_with(fusion.chosen, table_of(known, logits, [contestant.name], ("",)))
    judged = Judged(ranking, said_so.scores, said_so.called, said_so.cleared)
    call = fusion.chosen.calibrations["1"].call.threshold
    return _spread(samples, known, judged, call, "its calibration")


def left_out(
    contestant: Contestant, samples: Sequence[Sample], values: Values, shown: Sequence[Shown]
) -> dict[Shown, Column]:
    """Judge every fold by a fusion, calibration and thresholds that were fitted on the others.

    Args:
        contestant: a detector, or the fused verdict of several.
        samples: n samples with folds.
        values: class logits, each by weights that never saw the sample's fold.
        shown: all ways in which the samples were shown, those of `FITTED_ON` among them.
    """
    names = contestant.members or (contestant.name,)
    known = [
        sample
        for sample in samples
        if all((name, way, sample.path) in values for name in names for way in shown)
    ]
    logits = {
        (name, "|".join(way), sample.path): values[name, way, sample.path]
        for name in names
        for way in shown
        for sample in known
    }
    table = table_of(known, logits, names, ["|".join(way) for way in shown])
    folds = np.tile([sample.fold for sample in known], len(shown))
    fit = np.repeat([way in FITTED_ON for way in shown], len(known))
    judged = judge_left_out(table, folds, names, fit=fit)
    ranking = judged.scores if contestant.members else table.inputs[f"{contestant.name}.mean"]
    columns = {}
    for index, way in enumerate(shown):
        part = slice(index * len(known), (index + 1) * len(known))
        mine = Judged(ranking[part], judged.scores[part], judged.called[part], judged.cleared[part])
        columns[way] = _spread(samples, known, mine, None, "the other folds")
    return columns


def mean_logit(row: Floats) -> float:
    """The mean over a file's crops, (k, 3), or over its pictures, (k,)."""
    return crop_aggregate(row, "mean") if row.ndim > 1 else float(np.mean(row))


def _at_the_middle(
    samples: Sequence[Sample], known: Sequence[Sample], ranking: Reals, scores: Reals, where: str
) -> Column:
    called = scores >= MIDDLE
    return _spread(samples, known, Judged(ranking, scores, called, ~called), MIDDLE, where)


def _spread(
    samples: Sequence[Sample],
    known: Sequence[Sample],
    judged: Judged,
    threshold: float | None,
    threshold_from: str,
) -> Column:
    """Bring what was said of the known samples to the places of all; the others failed."""
    place = {sample.path: index for index, sample in enumerate(samples)}
    rows = np.asarray([place[sample.path] for sample in known], np.intp)
    ranking, scores = np.full(len(samples), np.nan), np.full(len(samples), np.nan)
    called, cleared = np.zeros(len(samples), bool), np.zeros(len(samples), bool)
    failed = np.ones(len(samples), bool)
    ranking[rows], scores[rows] = judged.logits, judged.scores
    called[rows], cleared[rows], failed[rows] = judged.called, judged.cleared, False
    return Column(ranking, scores, called, cleared, failed, threshold, threshold_from)
