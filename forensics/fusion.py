"""How the logits of several detectors become one: inputs of a view, weights, storage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forensics.calibration import Calibration, calibration_from_json, calibration_to_json
from forensics.detector import fake_logit
from forensics.schema import Floats
from forensics.statistics import Reals

# The largest logit over crops was tried beside the mean: its fitted weight was 0 in every set, and
# where most calibration pictures have one crop, any gap between the two looks out of distribution.
_AGGREGATES = ("mean",)
_ARRAYS = ("means", "scales", "weights", "precision")


@dataclass(frozen=True, eq=False)
class View:
    """The crops of one view, the whole picture or a face: by detector, (k, 3) class logits."""

    crops: Mapping[str, Floats]

    def inputs(self, names: Sequence[str]) -> Reals:
        """The inputs called `names` ("clip_pairs.mean"), (1, d) float64."""
        pairs = (name.rpartition(".") for name in names)
        return np.asarray([[crop_aggregate(self.crops[name], how) for name, _, how in pairs]])


@dataclass(frozen=True, eq=False)
class LinearFusion:
    """Standardise, weigh, add: the fused logit; and how unlike the calibration set inputs are.

    `means`, `scales`, `weights` (d,) with weights >= 0; `precision` (d, d) inverse covariance of
    the standardised inputs; `distance_limit` the Mahalanobis distance beyond which no verdict is
    given.
    """

    inputs: tuple[str, ...]
    means: Reals
    scales: Reals
    weights: Reals
    bias: float
    precision: Reals
    distance_limit: float

    def logits(self, inputs: Reals) -> Reals:
        """Map (n, d) inputs to (n,) fused logits, not calibrated."""
        logits: Reals = self._standardised(inputs) @ self.weights + self.bias
        return logits

    def distances(self, inputs: Reals) -> Reals:
        """Mahalanobis distances (n,) of (n, d) inputs from the mean of the calibration set."""
        centred = self._standardised(inputs)
        return np.asarray(np.sqrt(np.einsum("ni,ij,nj->n", centred, self.precision, centred)))

    def shares(self) -> dict[str, float]:
        """How much each detector weighs, by name; they sum to 1, or are equal if all weigh 0."""
        totals: dict[str, float] = {}
        for name, weight in zip(self.inputs, self.weights.tolist(), strict=True):
            detector = name.rpartition(".")[0]
            totals[detector] = totals.get(detector, 0.0) + weight
        whole = sum(totals.values())
        return {name: part / whole if whole else 1 / len(totals) for name, part in totals.items()}

    def _standardised(self, inputs: Reals) -> Reals:
        return (inputs - self.means) / self.scales


@dataclass(frozen=True, eq=False)
class FusedSet:
    """What is stored for one set of detectors.

    `cards`: the fingerprint of each detector; `calibrations`: by bucket of faces; `figures`: what
    was measured while fitting.
    """

    cards: dict[str, str]
    fusion: LinearFusion
    calibrations: dict[str, Calibration]
    figures: dict[str, float]


def input_names(detectors: Sequence[str]) -> tuple[str, ...]:
    """The inputs that a fusion of these detectors has: "clip_pairs.mean", "spectrum.mean" ..."""
    return tuple(
        f"{detector}.{aggregate}" for detector in sorted(detectors) for aggregate in _AGGREGATES
    )


def crop_aggregate(class_logits: Floats, aggregate: str) -> float:
    """The "mean" or "max" over crops of the logit of P(fake). class_logits: (k, 3), k >= 1."""
    logits = fake_logit(class_logits).astype(np.float64)
    return float(logits.max() if aggregate == "max" else logits.mean())


def set_key(detectors: Sequence[str]) -> str:
    """What `fusion.json` calls a set of detectors."""
    return "+".join(sorted(detectors))


def set_to_json(stored: FusedSet) -> dict[str, Any]:
    """Plain numbers, lists and strings."""
    fields = vars(stored.fusion) | {name: getattr(stored.fusion, name).tolist() for name in _ARRAYS}
    buckets = {name: calibration_to_json(each) for name, each in stored.calibrations.items()}
    return {
        "cards": stored.cards,
        "fusion": fields | {"inputs": list(stored.fusion.inputs)},
        "calibrations": buckets,
        "figures": stored.figures,
    }


def set_from_json(fields: Mapping[str, Any]) -> FusedSet:
    """The reverse of `set_to_json`."""
    arrays = {name: np.asarray(fields["fusion"][name], dtype=np.float64) for name in _ARRAYS}
    inputs = tuple(fields["fusion"]["inputs"])
    buckets = {name: calibration_from_json(each) for name, each in fields["calibrations"].items()}
    fusion = LinearFusion(**fields["fusion"] | arrays | {"inputs": inputs})
    return FusedSet(dict(fields["cards"]), fusion, buckets, dict(fields["figures"]))
