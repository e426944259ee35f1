"""From a fused logit to P(fake), its interval and its operating points. Needs NumPy only."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from forensics.schema import OperatingPoint
from forensics.statistics import Reals, sigmoid


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Out-of-fold pictures by their logit, compressed into bins of equal mass.

    `logits` (m,) rising, the mean of each bin; `fakes` (m,) its share of fakes in [0, 1];
    `masses` (m,) the number of independent pictures that it stands for.
    """

    logits: Reals
    fakes: Reals
    masses: Reals


@dataclass(frozen=True, eq=False)
class Calibration:
    """How logits of one kind of picture become probabilities, at one fake in two.

    The score is sigmoid(slope * logit + intercept) (Platt): smooth and rising. `call` and `clear`
    are the two operating points; `between` says how often a score falls between them.
    """

    slope: float
    intercept: float
    neighbourhood: Neighbourhood
    call: OperatingPoint
    clear: OperatingPoint
    real_between: float
    fake_between: float

    def score(self, logit: float) -> float:
        """P(fake) in [0, 1] at one fake in two."""
        return float(sigmoid(self.slope * logit + self.intercept))

    def interval(self, logit: float) -> tuple[float, float]:
        """Lower and upper P(fake) by Venn-Abers, widened where needed to hold the score."""
        lower, upper = venn_abers_interval(self.neighbourhood, logit)
        score = self.score(logit)
        return min(lower, score), max(upper, score)


def venn_abers_interval(neighbourhood: Neighbourhood, logit: float) -> tuple[float, float]:
    """The inductive Venn-Abers interval of P(fake) at `logit`.

    Isotonic regression is fitted to the calibration pictures and the new one, once as if it were
    real and once as if it were fake (Vovk, Petej and Fedorova 2015); the two values at the new
    picture are the interval. Here the calibration pictures come in bins, so the fit may not
    change inside a bin, and the new picture weighs as much as one independent picture.

    Returns:
        (lower, upper) in [0, 1], lower <= upper, both rising with the logit.
    """
    place = int(np.searchsorted(neighbourhood.logits, logit))
    lower = _isotonic_at(neighbourhood, place, label=0.0)
    return lower, max(lower, _isotonic_at(neighbourhood, place, label=1.0))


def _isotonic_at(neighbourhood: Neighbourhood, place: int, *, label: float) -> float:
    """The isotonic fit at a picture of `label` inserted before bin `place`.

    By the min-max formula: the largest over all starts at or before it of the smallest mean over
    all ends at or after it.
    """
    masses = np.insert(neighbourhood.masses, place, 1.0)
    fakes = np.insert(neighbourhood.fakes, place, label)
    mass_up_to = np.concatenate([[0.0], np.cumsum(masses)])
    fakes_up_to = np.concatenate([[0.0], np.cumsum(masses * fakes)])
    starts, ends = slice(0, place + 1), slice(place + 1, None)
    mass = mass_up_to[None, ends] - mass_up_to[starts, None]
    fake = fakes_up_to[None, ends] - fakes_up_to[starts, None]
    return float(np.clip((fake / mass).min(axis=1).max(), 0, 1))


def calibration_to_json(calibration: Calibration) -> dict[str, Any]:
    """Plain numbers, lists and strings; floats keep every digit that decides."""
    fields = {
        name: value
        for name, value in vars(calibration).items()
        if name not in ("neighbourhood", "call", "clear")
    }
    bins = {
        name: [float(f"{value:.6g}") for value in values]
        for name, values in vars(calibration.neighbourhood).items()
    }
    points = {"call": asdict(calibration.call), "clear": asdict(calibration.clear)}
    return {**fields, **points, "neighbourhood": bins}


def calibration_from_json(fields: dict[str, Any]) -> Calibration:
    """The reverse of `calibration_to_json`."""
    bins = {name: np.asarray(values) for name, values in fields["neighbourhood"].items()}
    points = {name: _point(fields[name]) for name in ("call", "clear")}
    return Calibration(**{**fields, **points, "neighbourhood": Neighbourhood(**bins)})


def _point(fields: dict[str, Any]) -> OperatingPoint:
    intervals = {
        name: (float(fields[name][0]), float(fields[name][1]))
        for name in ("false_positive_interval", "false_negative_interval")
    }
    return OperatingPoint(**{**fields, **intervals})
