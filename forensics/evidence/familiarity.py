"""Whether a picture resembles any of those that the detectors were measured on.

Where it resembles none, their error rates say nothing of it, and the verdict abstains.
"""

from functools import cached_property
from time import perf_counter

import numpy as np

from forensics.analysis import Analysis
from forensics.case import Case
from forensics.errors import CalibrationStale, WeightsUnavailable
from forensics.neural import CLIP_PATCH, clip_areas, clip_reading
from forensics.plugins import backbones, fingerprint
from forensics.references import RESEMBLANCE, References
from forensics.schema import Evidence, Finding, Floats, Image
from forensics.traces.crops import padded
from forensics.weights import load_tensors

CROPS = 4
"""As many as `clip_pairs` looks at, so that their tokens are computed once for both."""
SMALLEST = 96
"""px. Below it no verdict is given, and the references were not as small."""
TOO_SMALL = (
    "The picture was not compared with the reference pictures: it has under"
    f" {SMALLEST} px on its shorter side."
)


class Familiarity(Analysis):
    """Compares a picture with reference pictures: some that the detectors were calibrated on."""

    def examine(self, case: Case) -> Evidence:
        """Return how closely the picture resembles the references, and what the least is.

        Raises:
            CalibrationStale: the references were read by another backbone than the one at hand.
        """
        start = perf_counter()
        if min(case.image.shape[:2]) < SMALLEST:
            return Evidence((Finding(TOO_SMALL),), {}, perf_counter() - start)
        try:
            tokens = self.tokens(case.image)
        except WeightsUnavailable as missing:
            words = f"The picture was not compared with the reference pictures: {missing}."
            return Evidence((Finding(words),), {}, perf_counter() - start)
        similarity = self.references.similarity(tokens)
        measured = {RESEMBLANCE: similarity / self.references.limit}
        return Evidence((Finding(self._words(similarity)),), measured, perf_counter() - start)

    def tokens(self, image: Image) -> Floats:
        """Class tokens of native crops of (H, W, 3) uint8 RGB, (k, 768) float32.

        Raises:
            WeightsUnavailable: CLIP has not been pulled.
        """
        crops = (padded(image[area], CLIP_PATCH) for area in clip_areas(image, CROPS))
        return np.stack([clip_reading(crop).whole for crop in crops])

    @cached_property
    def references(self) -> References:
        """The references that ship, read at first use."""
        if self.card.recipe.get("backbone") != fingerprint(backbones()["clip_vit_b16"]):
            raise CalibrationStale(
                "the reference pictures were read by another CLIP; read them anew with:"
                f" {self.card.retrain}"
            )
        return References.read(load_tensors(self.card))

    def _words(self, similarity: float) -> str:
        count, limit = len(self.references.places), self.references.limit
        resembles = "none" if similarity < limit else "some"
        figures = self.card.figures
        low, high = figures["left_out_below_interval"]
        return (
            f"The picture resembles {resembles} of the {count} reference pictures, photographs and"
            " generated ones, on which the detectors were calibrated (similarity"
            f" {similarity:.2f}; {limit:.2f} is the least that counts, and"
            f" {100 * figures['left_out_below']:.1f} % ({100 * low:.1f} to {100 * high:.1f} %) of"
            f" {figures['left_out_pictures']} pictures from collections left out of the comparison"
            " stay below it)."
        )
