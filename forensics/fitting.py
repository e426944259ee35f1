"""Fits what `forensics.verdict` uses: fusion weights, calibrations and operating points.

Everything is fitted to out-of-fold logits: no detector has seen the picture it is judged on, nor
its source.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forensics.calibrating import (
    Decisions,
    Scored,
    decisions,
    fit_calibration,
    fit_logistic,
    share_among,
)
from forensics.calibration import Calibration
from forensics.earning import Kept, who_earns
from forensics.fusion import FusedSet, LinearFusion, input_names, set_key, set_to_json
from forensics.statistics import Labels, Names, Reals, equal_weights, sigmoid
from forensics.verdict import BUCKETS, FORMAT

MOST_VIEWS = 17
"""The largest number of views that composed pictures have: a picture and sixteen faces."""
PARTS = 5
_INSIDE = 0.999
_RIDGE = 1e-3


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """One row a picture, scored by detectors that have seen neither it nor its source.

    `inputs`: by name ("clip_pairs.mean"), (n,) float64; `labels` (n,) real 0, fake 1; `sources`
    (n,) the generator or real group; `clusters` (n,) near-duplicates share one; `kinds` (n,)
    "real", "synthetic" or "manipulated"; `folds` (n,) who learned without the row, or None where
    that is not known.
    """

    inputs: Mapping[str, Reals]
    labels: Labels
    sources: Names
    clusters: Names
    kinds: Names
    folds: Names | None = None

    def __post_init__(self) -> None:
        for name, column in {**self.inputs, **{k: getattr(self, k) for k in _COLUMNS}}.items():
            if column.shape != self.labels.shape:
                raise ValueError(f"{name} must be {self.labels.shape}, got {column.shape}")
        for name, column in self.inputs.items():
            if not np.isfinite(column).all():
                raise ValueError(f"{name} holds values that are not finite; count failures apart")

    def matrix(self, names: Sequence[str]) -> Reals:
        """The inputs called `names` side by side, (n, d) float64."""
        return np.stack([self.inputs[name] for name in names], axis=1).astype(np.float64)

    def in_order(self) -> "OutOfFold":
        """The same rows in an order that does not depend on how they came."""
        columns = [self.inputs[name] for name in sorted(self.inputs)]
        order = np.lexsort([*columns, self.kinds, self.clusters, self.sources, self.labels])
        return self.rows(order)

    def rows(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> "OutOfFold":
        """The chosen rows, as a table."""
        inputs = {name: column[chosen] for name, column in self.inputs.items()}
        folds = None if self.folds is None else self.folds[chosen]
        columns = {name: getattr(self, name)[chosen] for name in _COLUMNS}
        return OutOfFold(inputs, folds=folds, **columns)


_COLUMNS = ("labels", "sources", "clusters", "kinds")


def fit_all(
    table: OutOfFold, fingerprints: Mapping[str, str], *, measured_on: str, seed: int = 0
) -> dict[str, Any]:
    """Fit a fusion for every set of detectors and return the contents of `fusion.json`.

    Args:
        table: the rows, in any order.
        fingerprints: of each detector's card; their names are the detectors.
        measured_on: what the rows are, for the report.
        seed: draws the pictures of several views.
    """
    table = table.in_order()
    names = sorted(fingerprints)
    chosen = [c for size in range(1, len(names) + 1) for c in combinations(names, size)]
    sets = {}
    for detectors in chosen:
        cards = {name: fingerprints[name] for name in detectors}
        sets[set_key(detectors)] = set_to_json(
            fit_set(table, cards, measured_on=measured_on, seed=seed)
        )
    return {"version": FORMAT, "sets": sets}


def fit_set(
    table: OutOfFold, cards: Mapping[str, str], *, measured_on: str, seed: int = 0
) -> FusedSet:
    """Fit one set of detectors: its fusion, and a calibration for each number of views."""
    names = input_names(list(cards))
    fusion = fit_fusion(names, table, earned(names, table))
    fitted = _calibrated(names, table, measured_on, seed, _decided_elsewhere(names, table, seed))
    logits = crossfitted_logits(names, table)
    return FusedSet(dict(cards), fusion, fitted, _missed_by_kind(table, logits, fitted["1"]))


def _calibrated(
    names: Sequence[str],
    table: OutOfFold,
    measured_on: str,
    seed: int,
    decided: Mapping[str, Decisions],
) -> dict[str, Calibration]:
    """A calibration for each number of views, its rates counted from `decided` where given."""
    logits = crossfitted_logits(names, table)
    composed = _composed(Scored(logits, table.labels, table.sources, table.clusters), seed)
    calibrations = {}
    for bucket, scored in composed.items():
        described = measured_on if bucket == "1" else f"{measured_on}, composed of {bucket} views"
        if decided:
            described += "; thresholds and fusion from the other folds"
        calibrations[bucket] = fit_calibration(scored, described, decided.get(bucket))
    return calibrations


def _composed(single: Scored, seed: int) -> dict[str, Scored]:
    """By bucket, the pictures as if they had that many views."""
    rng = np.random.default_rng(seed)
    return {
        bucket: compose_views(single, max(low, 1), min(high, MOST_VIEWS), rng)
        for bucket, (low, high) in BUCKETS.items()
    }


def _decided_elsewhere(names: Sequence[str], table: OutOfFold, seed: int) -> dict[str, Decisions]:
    """What fusions and thresholds that were fitted without a row's fold decide on it, by bucket.

    Empty where folds are not known, there is one alone, or one holds all pictures of a class or no
    real one.
    """
    if table.folds is None:
        return {}
    folds, size = np.unique(table.folds), len(table.labels)
    for fold in folds:
        held = table.folds == fold
        if table.labels[held].all() or len(set(table.labels[~held].tolist())) < len({0, 1}):
            return {}
    found = {name: Decisions(np.zeros(size, bool), np.zeros(size, bool)) for name in BUCKETS}
    for fold in folds:
        held = table.folds == fold
        others, rest = table.rows(~held), table.rows(held)
        calibrations = _calibrated(names, others, "", seed, {})
        fusion = fit_fusion(names, others, earned(names, others))
        logits = fusion.logits(rest.matrix(names))
        single = Scored(logits, rest.labels, rest.sources, rest.clusters)
        for bucket, scored in _composed(single, seed).items():
            decided = decisions(calibrations[bucket], scored.logits)
            found[bucket].called[held] = decided.called
            found[bucket].not_cleared[held] = decided.not_cleared
    return found


def earned(names: Sequence[str], table: OutOfFold) -> Kept:
    """Which inputs may get weight in a fusion of `names`, (d,) bool; see `forensics.earning`."""

    def fit(rows: NDArray[np.bool_], kept: Kept) -> Callable[[Reals], Reals]:
        return fit_fusion(names, table.rows(rows), kept).logits

    return who_earns(
        names,
        table.matrix(names),
        labels=table.labels,
        sources=table.sources,
        folds=table.folds,
        fit=fit,
    )


def fit_fusion(names: Sequence[str], table: OutOfFold, kept: Kept | None = None) -> LinearFusion:
    """Logistic regression with weights >= 0 on standardised inputs, every source equal.

    Args:
        names: d names of inputs.
        table: the rows.
        kept: (d,) which inputs may get weight; None is all.
    """
    inputs = table.matrix(names)
    mass = equal_weights(table.labels, table.sources)
    means: Reals = mass @ inputs
    spread = np.sqrt(mass @ np.square(inputs - means))
    # A constant input spreads by rounding alone; scaled up, it would look like a signal.
    scales = np.where(spread > 1e-9 * (1 + np.abs(means)), spread, 1.0)
    rows = (inputs - means) / scales
    chosen = np.ones(len(names), bool) if kept is None else kept
    weights = np.zeros(len(names))
    weights[chosen], bias = fit_logistic(rows[:, chosen], table.labels, mass, ridge=_RIDGE)
    covariance = rows.T @ (rows * mass[:, None]) + _RIDGE * np.eye(len(names))
    precision: Reals = np.asarray(np.linalg.inv(covariance), dtype=np.float64)
    distances = np.sqrt(np.einsum("ni,ij,nj->n", rows, precision, rows))
    limit = float(np.quantile(distances, _INSIDE))
    return LinearFusion(tuple(names), means, scales, weights, bias, precision, limit)


def crossfitted_logits(names: Sequence[str], table: OutOfFold) -> Reals:
    """Fused logits (n,), each from a fusion fitted without the row's cluster."""
    kept = earned(names, table)
    parts = np.asarray([_part(cluster) for cluster in table.clusters.tolist()])
    inputs, logits = table.matrix(names), np.empty(len(table.labels))
    for part in range(PARTS):
        others = parts != part
        fusion = fit_fusion(names, table.rows(others), kept)
        logits[~others] = fusion.logits(inputs[~others])
    return logits


def compose_views(single: Scored, fewest: int, most: int, rng: np.random.Generator) -> Scored:
    """Pictures of k views out of single ones, k drawn evenly from `fewest` to `most`.

    The logit is the largest of the k: of k real pictures of one source, or of one fake and k - 1
    real ones of one source. Each row stays one picture, so counts and sources do not change.
    """
    real = np.flatnonzero(single.labels == 0)
    real = real[np.argsort(single.sources[real], kind="stable")]
    groups, first, counts = np.unique(single.sources[real], return_index=True, return_counts=True)
    size = len(single.logits)
    views = rng.integers(fewest, most, size=size, endpoint=True)
    drawn_groups = rng.integers(len(groups), size=size)
    own = np.searchsorted(groups, single.sources).clip(max=len(groups) - 1)
    group = np.where(single.labels == 0, own, drawn_groups)
    place = (rng.random((size, most - 1)) * counts[group][:, None]).astype(int)
    companions = single.logits[real[first[group][:, None] + place]]
    present = np.arange(1, most) < views[:, None]
    others = np.where(present, companions, -np.inf).max(axis=1, initial=-np.inf)
    logits = np.maximum(single.logits, others)
    return Scored(logits, single.labels, single.sources, single.clusters)


def _missed_by_kind(table: OutOfFold, logits: Reals, calibration: Calibration) -> dict[str, float]:
    """The share of each kind of fakes below the upper threshold, every generator equal."""
    mass = equal_weights(table.labels, table.sources)
    scores = sigmoid(calibration.slope * logits + calibration.intercept)
    missed = scores < calibration.call.threshold
    kinds: list[str] = np.unique(table.kinds[table.labels == 1]).tolist()
    return {f"missed_{kind}": share_among(missed, mass, table.kinds == kind) for kind in kinds}


def _part(cluster: str) -> int:
    """Which of `PARTS` a cluster belongs to: by its name, not by the order of rows."""
    return hashlib.sha256(cluster.encode()).digest()[0] % PARTS
