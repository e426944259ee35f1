"""Reference pictures, and how closely others resemble them.

A detector's score means what was measured on pictures like those of its calibration. References
are some of them, as class tokens of CLIP; a picture that resembles none is one about which nothing
was measured. Novelty by the distance to the k-th nearest known picture is old (Loftsgaarden and
Quesenberry 1965); on features of deep networks after Sun et al. 2022, "Out-of-Distribution
Detection with Deep Nearest Neighbors".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats

RESEMBLANCE = "reference_similarity_ratio"
"""What evidence calls a picture's similarity in units of the limit: below 1 it resembles none."""
STEPS = 127
"""Steps of an 8-bit number to either side of zero."""


@dataclass(frozen=True, eq=False)
class References:
    """Where reference pictures lie, and how near to them others must lie.

    Attributes:
        middle: (D,) float32, the mean token; `scale` (D,), the deviation of each number.
        directions: (D, d) float32, orthonormal: the principal ones of standardised tokens.
        places: (R, d) float32, the references' tokens along them, at unit length before they were
            projected: what a picture shows outside of the directions makes it unlike all.
        neighbour: similarity is that to the reference that is so many-th nearest.
        limit: pictures of less similarity resemble no reference.
    """

    middle: Floats
    scale: Floats
    directions: Floats
    places: Floats
    neighbour: int
    limit: float = -1.0

    @classmethod
    def read(cls, tensors: Mapping[str, NDArray[np.generic]]) -> "References":
        """The references that `tensors` gave."""
        neighbour, limit = tensors["rule"].astype(float).tolist()
        middle, scale = (tensors[name].astype(np.float32) for name in ("middle", "scale"))
        steps = tensors["steps"].astype(np.float32)
        directions = tensors["directions"].astype(np.float32) * steps
        places = tensors["places"].astype(np.float32) / np.float32(STEPS)
        return cls(middle, scale, directions, places, int(neighbour), limit)

    @property
    def tensors(self) -> dict[str, NDArray[np.generic]]:
        """What a file has to hold: 8 bits a number, but for what is there once."""
        steps = np.abs(self.directions).max(axis=0) / STEPS
        return {
            "middle": self.middle.astype(np.float16),
            "scale": self.scale.astype(np.float16),
            "steps": steps.astype(np.float32),
            "directions": np.rint(self.directions / steps).astype(np.int8),
            "places": np.rint(self.places * STEPS).astype(np.int8),
            "rule": np.asarray([self.neighbour, self.limit], np.float32),
        }

    def stored(self) -> "References":
        """The same as a file gives them back, so that what is measured is what ships."""
        return References.read(self.tensors)

    def limited(self, limit: float) -> "References":
        """The same with another limit."""
        return replace(self, limit=limit)

    def similarities(self, tokens: Floats) -> Floats:
        """Cosines (k,) of (k, D) class tokens to their `neighbour`-th nearest reference."""
        near = placed(tokens, self.middle, self.scale, self.directions) @ self.places.T
        rank = near.shape[1] - self.neighbour
        return np.asarray(np.partition(near, rank, axis=1)[:, rank], np.float32)

    def similarity(self, tokens: Floats) -> float:
        """The similarity of a picture, given the (k, D) class tokens of its crops: the median."""
        return float(np.median(self.similarities(tokens)))


def placed(tokens: Floats, middle: Floats, scale: Floats, directions: Floats) -> Floats:
    """Standardise (k, D) tokens, bring them to unit length, project them: (k, d) float32."""
    standard = (tokens - middle) / scale
    length = np.linalg.norm(standard, axis=1, keepdims=True)
    return np.asarray(standard @ directions / np.maximum(length, 1e-12), np.float32)
