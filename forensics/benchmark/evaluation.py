"""Out-of-fold tables: who scored which picture, and what a fusion fitted elsewhere makes of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forensics.benchmark.datasets import PictureStore
from forensics.benchmark.out_of_fold import (
    FOLDS,
    SHIPPED,
    ScoreBook,
    detector_of_run,
    options_with_cache,
    score_run,
    trained_as,
)
from forensics.detector import CLASSES
from forensics.errors import InvalidManifest
from forensics.fitting import OutOfFold, fit_set
from forensics.fusion import FusedSet, crop_aggregate, input_names
from forensics.schema import Floats
from forensics.statistics import Names, Reals, sigmoid
from forensics.training import Sample

Logits = Mapping[tuple[str, str, str], Floats]
"""(k, 3) class logits by detector, condition and path."""


@dataclass(frozen=True)
class Runs:
    """Where weights and scores lie: `folder`/NAME-FOLD, and one book of scores."""

    folder: Path
    store: PictureStore
    cache: Path

    def scores(
        self, detectors: Sequence[str], samples: Sequence[Sample], conditions: Sequence[str]
    ) -> Iterator[tuple[tuple[str, str, str], Floats]]:
        """Score every sample by each detector's run without its fold."""
        for name in detectors:
            for fold in FOLDS:
                left_out = [sample for sample in samples if sample.fold == fold]
                yield from self._by_run(name, fold, left_out, conditions)

    def shipped_scores(
        self, detectors: Sequence[str], samples: Sequence[Sample], conditions: Sequence[str]
    ) -> Iterator[tuple[tuple[str, str, str], Floats]]:
        """Score the check rows by the runs that saw everything else."""
        held = [sample for sample in samples if sample.check]
        for name in detectors:
            yield from self._by_run(name, SHIPPED, held, conditions)

    def _by_run(
        self, name: str, run: str, samples: Sequence[Sample], conditions: Sequence[str]
    ) -> Iterator[tuple[tuple[str, str, str], Floats]]:
        options = options_with_cache(name, self.cache)
        detector = detector_of_run(name, self.folder / f"{trained_as(name)}-{run}", options)
        book = ScoreBook(self.folder / f"scores-{name}.jsonl")
        for condition in conditions:
            for row in score_run(detector, samples, self.store.read, book, condition):
                yield (name, condition, row.path), row.logits


def table_of(
    samples: Sequence[Sample], logits: Logits, detectors: Sequence[str], conditions: Sequence[str]
) -> OutOfFold:
    """One row a sample and condition: the inputs of a fusion, and what the picture is."""
    rows = [(sample, condition) for condition in conditions for sample in samples]
    inputs = {
        name: np.asarray(
            [
                crop_aggregate(logits[name.rpartition(".")[0], condition, sample.path], how)
                for sample, condition in rows
            ]
        )
        for name in input_names(detectors)
        for how in [name.rpartition(".")[2]]
    }
    shown = [sample for sample, _ in rows]
    return OutOfFold(
        inputs=inputs,
        labels=np.asarray([int(sample.fake) for sample in shown]),
        sources=np.asarray([sample.source for sample in shown]),
        clusters=np.asarray([sample.cluster for sample in shown]),
        kinds=np.asarray([CLASSES[sample.kind] for sample in shown]),
        folds=np.asarray([sample.fold for sample in shown]),
    )


@dataclass(frozen=True, eq=False)
class Judged:
    """Scores of rows by a fusion that saw neither them nor their fold.

    `logits`, `scores` (n,) fused; `called`, `cleared` (n,) bool: beyond the operating points that
    were fitted on the other folds.
    """

    logits: Reals
    scores: Reals
    called: NDArray[np.bool_]
    cleared: NDArray[np.bool_]


def judge_left_out(
    table: OutOfFold,
    folds: Names,
    detectors: Sequence[str],
    *,
    fit: NDArray[np.bool_] | None = None,
) -> Judged:
    """Fit fusion, calibration and thresholds on three folds, judge the fourth; all four in turn.

    Args:
        table: n rows.
        folds: (n,) the fold of each.
        detectors: names.
        fit: (n,) the rows that may be fitted to; None for all. All are judged.

    Raises:
        InvalidManifest: a fold lacks one of the classes, so that nothing can be fitted.
    """
    size = len(table.labels)
    logits, scores = np.empty(size), np.empty(size)
    called, cleared = np.zeros(size, bool), np.zeros(size, bool)
    for fold in np.unique(folds):
        held = folds == fold
        others = ~held if fit is None else ~held & fit
        if len(np.unique(table.labels[others])) != len(set(table.labels.tolist())):
            raise InvalidManifest(f"without fold {fold} one class is missing")
        cards = dict.fromkeys(detectors, "")
        rows = replace(table.rows(others), folds=folds[others])
        fitted = fit_set(rows, cards, measured_on="the other folds")
        logits[held], scores[held] = _apply(fitted, table, held)
        calibration = fitted.calibrations["1"]
        called[held] = scores[held] >= calibration.call.threshold
        cleared[held] = scores[held] <= calibration.clear.threshold
    return Judged(logits, scores, called, cleared)


def judge_with(fitted: FusedSet, table: OutOfFold) -> Judged:
    """Judge rows by one fusion, as it ships."""
    logits, scores = _apply(fitted, table, np.ones(len(table.labels), bool))
    calibration = fitted.calibrations["1"]
    called = scores >= calibration.call.threshold
    return Judged(logits, scores, called, scores <= calibration.clear.threshold)


def _apply(fitted: FusedSet, table: OutOfFold, chosen: NDArray[np.bool_]) -> tuple[Reals, Reals]:
    logits = fitted.fusion.logits(table.matrix(fitted.fusion.inputs)[chosen])
    calibration = fitted.calibrations["1"]
    return logits, sigmoid(calibration.slope * logits + calibration.intercept)
