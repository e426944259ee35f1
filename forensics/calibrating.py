"""Fits a calibration to out-of-fold logits: Platt's two numbers, neighbourhood, thresholds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forensics.calibration import Calibration, Neighbourhood
from forensics.schema import OperatingPoint
from forensics.statistics import (
    Labels,
    Names,
    Reals,
    effective_size,
    equal_weights,
    rate_interval,
    sigmoid,
)

POOLED_LIMIT, SOURCE_LIMIT = 0.01, 0.03
"""Real pictures called, all together and of one source."""
MISSED_LIMIT, MISSED_SOURCE_LIMIT = 0.05, 0.15
"""Fakes cleared, all together and of one generator: where the detectors do not know a generator,
"no traces found" would be worth nothing, and the verdict abstains instead."""
JUDGED_SOURCE = 150
"""Pictures that a source needs to have a threshold's limit of its own. The promise is made for
sources of 200; runs on at most 150 pictures a source must keep it too."""
WORTH = 1 / 2
"""Fakes must be cleared at most this often as often as real pictures are, or nothing is cleared."""
BELOW_ALL = -1.0
"""The lower threshold where nothing is cleared, no score that was never seen either."""
BINS = 128
# Keeps the slope finite where the classes do not overlap.
_RIDGE = 1e-6


@dataclass(frozen=True, eq=False)
class Scored:
    """Pictures with one logit each: (n,) logits, labels, sources, clusters."""

    logits: Reals
    labels: Labels
    sources: Names
    clusters: Names

    def weights(self) -> Reals:
        """Classes equal, sources equal within a class."""
        return equal_weights(self.labels, self.sources)


@dataclass(frozen=True, eq=False)
class Decisions:
    """Whether each picture's score reaches the two thresholds, (n,) bool each.

    Where they come from thresholds fitted without the picture's fold, the rates counted from them
    hold for generators and real sources that nobody had seen.
    """

    called: NDArray[np.bool_]
    not_cleared: NDArray[np.bool_]


def decisions(calibration: Calibration, logits: Reals) -> Decisions:
    """What a calibration decides on pictures of these logits, (n,)."""
    scores = sigmoid(calibration.slope * logits + calibration.intercept)
    return Decisions(scores >= calibration.call.threshold, scores > calibration.clear.threshold)


def fit_calibration(
    scored: Scored, measured_on: str, decided: Decisions | None = None
) -> Calibration:
    """Platt's two numbers, the stored neighbourhood and both operating points.

    Args:
        scored: the pictures to fit to.
        measured_on: what they are, for the report.
        decided: what was decided on them by thresholds fitted elsewhere; the rates of the operating
            points are counted from it. Without it they are those of the fitted pictures themselves.
    """
    mass = scored.weights()
    centre, spread = float(mass @ scored.logits), float(np.std(scored.logits)) or 1.0
    rows = (scored.logits[:, None] - centre) / spread
    slope, intercept = fit_logistic(rows, scored.labels, mass, ridge=_RIDGE)
    a, b = float(slope[0] / spread), float(intercept - slope[0] * centre / spread)
    scores = sigmoid(a * scored.logits + b)
    upper = call_threshold(scores, scored.labels, scored.sources)
    lower = min(clear_threshold(scores, scored.labels, scored.sources), upper)
    decided = decided or Decisions(scores >= upper, scores > lower)
    worth = [
        _worth_clearing(cleared, mass, scored.labels)
        for cleared in (scores <= lower, ~decided.not_cleared)
    ]
    if not all(worth):
        lower = BELOW_ALL
        decided = Decisions(decided.called, np.ones(len(scores), bool))
    between = decided.not_cleared & ~decided.called
    return Calibration(
        slope=a,
        intercept=b,
        neighbourhood=compress(scored),
        call=_operating_point("call", upper, decided.called, scored, measured_on),
        clear=_operating_point("clear", lower, decided.not_cleared, scored, measured_on),
        real_between=share_among(between, mass, scored.labels == 0),
        fake_between=share_among(between, mass, scored.labels == 1),
    )


def call_threshold(scores: Reals, labels: Labels, sources: Names) -> float:
    """The lowest threshold that keeps real pictures at 1 %, and every large source at 3 %."""
    real, groups = scores[labels == 0], sources[labels == 0]
    limits = [_above_all_but(real, POOLED_LIMIT)]
    for group, count in zip(*np.unique(groups, return_counts=True), strict=True):
        if count >= JUDGED_SOURCE:
            limits.append(_above_all_but(real[groups == group], SOURCE_LIMIT))
    return max(limits)


def clear_threshold(scores: Reals, labels: Labels, sources: Names) -> float:
    """The highest threshold with few fakes at or below it.

    At most 5 % of all, every generator equal, and at most 15 % of every large generator.
    """
    mass = equal_weights(labels, sources)[labels == 1] * 2
    fake, generators = scores[labels == 1], sources[labels == 1]
    limits = [_below_all_but(fake, mass, MISSED_LIMIT)]
    for generator, count in zip(*np.unique(generators, return_counts=True), strict=True):
        if count >= JUDGED_SOURCE:
            own = fake[generators == generator]
            limits.append(_below_all_but(own, np.full(count, 1 / count), MISSED_SOURCE_LIMIT))
    return min(limits)


def compress(scored: Scored, bins: int = BINS) -> Neighbourhood:
    """Put pictures into bins of equal mass; rows of one cluster count as one picture in all."""
    weights = scored.weights()
    size = effective_size(weights, scored.clusters)
    order = np.argsort(scored.logits, kind="stable")
    middle = np.cumsum(weights[order]) - weights[order] / 2
    which = np.minimum((bins * middle).astype(int), bins - 1)
    mass: Reals = np.bincount(which, weights[order], minlength=bins).astype(np.float64)
    full = mass > 0
    logits = np.bincount(which, (weights * scored.logits)[order], minlength=bins)[full]
    fakes = np.bincount(which, (weights * scored.labels)[order], minlength=bins)[full]
    return Neighbourhood(logits / mass[full], fakes / mass[full], mass[full] * size)


def fit_logistic(rows: Reals, labels: Labels, mass: Reals, *, ridge: float) -> tuple[Reals, float]:
    """Non-negative weights (d,) and a free bias that minimise weighted cross-entropy.

    Args:
        rows: (n, d) standardised inputs.
        labels: (n,) 0 or 1.
        mass: (n,) weights that sum to 1.
        ridge: strength of the penalty ridge / 2 * |weights|^2.
    """
    from scipy.optimize import minimize

    signs = np.where(labels == 1, 1.0, -1.0)

    def loss(parameters: Reals) -> tuple[float, Reals]:
        weights, bias = parameters[:-1], parameters[-1]
        margins = signs * (rows @ weights + bias)
        pull = -mass * signs * sigmoid(-margins)
        value = mass @ np.logaddexp(0, -margins) + ridge / 2 * weights @ weights
        return float(value), np.append(pull @ rows + ridge * weights, pull.sum())

    size = rows.shape[1]
    found = minimize(
        loss,
        np.zeros(size + 1),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * size + [(None, None)],
        options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000},
    )
    return np.asarray(found.x[:-1]), float(found.x[-1])


def share_among(chosen: NDArray[np.bool_], mass: Reals, among: NDArray[np.bool_]) -> float:
    """The share by mass of the `among` rows that are `chosen`."""
    return float(mass[chosen & among].sum() / mass[among].sum())


def _operating_point(
    name: str, threshold: float, above: NDArray[np.bool_], scored: Scored, measured_on: str
) -> OperatingPoint:
    """Both error rates: real pictures each alike, generators each alike."""
    real, fake = scored.labels == 0, scored.labels == 1
    even = np.ones(int(real.sum()))
    called, low, high = rate_interval(above[real], even, scored.clusters[real])
    missed, least, most = rate_interval(~above[fake], scored.weights()[fake], scored.clusters[fake])
    return OperatingPoint(name, threshold, called, (low, high), missed, (least, most), measured_on)


def _worth_clearing(cleared: NDArray[np.bool_], mass: Reals, labels: Labels) -> bool:
    """Whether "no traces found" would tell a reader anything."""
    fakes, reals = (share_among(cleared, mass, labels == label) for label in (1, 0))
    return fakes <= WORTH * reals


def _below_all_but(scores: Reals, mass: Reals, share: float) -> float:
    """The highest number with at most `share` of `scores`, by mass, at or below it."""
    values, step = np.unique(scores, return_inverse=True)
    reached = np.cumsum(np.bincount(step, mass))
    return float(np.nextafter(values[np.argmax(reached > share)], -np.inf))


def _above_all_but(scores: Reals, share: float) -> float:
    """The lowest number with at most `share` of `scores` at or above it."""
    allowed = int(np.floor(share * len(scores)))
    return float(np.nextafter(np.sort(scores)[len(scores) - 1 - allowed], np.inf))
