"""Whether the noise of a picture holds the fingerprint of a camera that was enrolled."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from forensics.analysis import Analysis
from forensics.camera_tables import tables_findings
from forensics.cameras import Camera, as_stored, load_camera
from forensics.case import Case
from forensics.schema import Evidence, Finding, Floats, Image, ModelCard
from forensics.traces.noise import luma
from forensics.traces.sensor import Match, match, noise_of, turns

THRESHOLD = 60.0
"""Peak-to-correlation energy: M. Goljan, J. Fridrich and T. Filler, SPIE 2009."""
MOST_SIDE = 2048
"""Of a picture of the sensor's size its middle is compared, up to this side in px."""
LEAST_SIDE = 128
UNNAMED = (
    "No camera was named to compare with; `forensics camera enrol` makes a fingerprint, "
    "`examine --camera NAME` compares."
)


class Prnu(Analysis):
    """Compares the picture's noise with a camera's fingerprint, in the turns that fit."""

    @dataclass(frozen=True)
    class Options:
        """`camera`: name of an enrolled camera, or empty."""

        camera: str = ""

    def __init__(self, card: ModelCard, options: object | None = None) -> None:
        """Read the fingerprint, where a camera is named.

        Raises:
            CameraUnusable: no camera has this name, or its file is damaged.
        """
        super().__init__(card, options)
        self.known = load_camera(self.options.camera) if self.options.camera else None

    def examine(self, case: Case) -> Evidence:
        """Return the best peak-to-correlation energy."""
        start = perf_counter()
        if self.known is None:
            return Evidence((Finding(UNNAMED, code="no_camera"),), {}, perf_counter() - start)
        camera, fingerprint = self.known
        tables = tables_findings(case, camera)
        found = _best(as_stored(case), fingerprint)
        if found is None:
            words = (
                f"The picture cannot be compared with the camera {camera.name!r}, whose pictures "
                f"have {camera.width} x {camera.height} px: it is larger, or under "
                f"{LEAST_SIDE} px on a side."
            )
            finding = Finding(words, code="camera_not_comparable")
            return Evidence((finding, *tables), {}, perf_counter() - start)
        figures = {
            "peak_to_correlation_energy_ratio": found.energy,
            "places_tried_count": float(found.places),
            "chance_of_a_false_match_share": found.chance,
        }
        finding = _finding(found, camera, self.card.figures)
        return Evidence((finding, *tables), figures, perf_counter() - start)


def _best(image: Image, fingerprint: Floats) -> Match | None:
    """The strongest match over the quarter turns in which the picture fits the sensor."""
    size = fingerprint.shape
    fitting = turns(image, size) if min(image.shape[:2]) >= LEAST_SIDE else []
    found = []
    for turned in fitting:
        shown = np.ascontiguousarray(np.rot90(image, turned))
        part, sensor = _middles(shown, fingerprint)
        found.append(match(noise_of(part), luma(part), sensor))
    return max(found, key=lambda one: one.energy, default=None)


def _middles(image: Image, fingerprint: Floats) -> tuple[Image, Floats]:
    if image.shape[:2] != fingerprint.shape:
        return image, fingerprint
    tops = [max(0, (side - MOST_SIDE) // 2) for side in fingerprint.shape]
    part = tuple(slice(top, top + MOST_SIDE) for top in tops)
    return np.ascontiguousarray(image[part]), np.ascontiguousarray(fingerprint[part])


def _finding(found: Match, camera: Camera, figures: dict[str, int]) -> Finding:
    held = found.energy >= THRESHOLD
    others, alarms = figures["other_pictures_count"], figures["false_alarms_count"]
    words = (
        f"The noise of the picture correlates with the fingerprint of the camera "
        f"{camera.name!r} (from {camera.pictures} pictures) with a peak-to-correlation energy of "
        f"{found.energy:.1f}, {'above' if held else 'below'} the threshold of {THRESHOLD:.0f}, "
        f"which {alarms} of {others} pictures of other origin reached."
    )
    if not held:
        words += " Resizing, strong compression and cropping remove the correlation."
    return Finding(words, code="camera_matches" if held else "camera_does_not_match")
