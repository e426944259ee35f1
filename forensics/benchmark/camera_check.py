"""How often a camera's fingerprint is found in its pictures, and in pictures of other origin.

Fingerprints are simulated: the middle 480 px of real pictures are multiplied by white noise of a
known strength and saved as JPEG; 30 make the fingerprint, 40 others are looked up whole and cut to
320 px. Strangers are real pictures as they are, each at every place where it fits. Photographs
that one studio took are tried as well, each against the fingerprint of the others.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from forensics.benchmark.datasets import PictureStore
from forensics.benchmark.tables import markdown
from forensics.schema import Floats, Image
from forensics.statistics import clopper_pearson
from forensics.traces.jpeg import recompress
from forensics.traces.noise import luma
from forensics.traces.sensor import FingerprintSum, match, noise_of
from forensics.training import Sample

SIDE, PART = 480, 320
"""px of a simulated picture, and of the parts cut from it."""
ENROLLED, LOOKED_UP = 30, 40
LEAST_SIDE = 128
STRENGTHS, QUALITIES = (0.005, 0.01, 0.02), (95, 80)
STUDIO = "london"
"""A group of portraits that one studio took."""
THRESHOLD = 60.0
"""Peak-to-correlation energy from which on `prnu` reports a match (plugins are never imported)."""
STRANGERS = "pictures of other origin"


@dataclass(frozen=True)
class Looked:
    """One picture compared with a fingerprint: in which case, and with which energy."""

    case: str
    energy: float


def middle(image: Image, side: int) -> Image:
    """The middle of a picture, at most `side` px a side."""
    top, left = (max(0, (length - side) // 2) for length in image.shape[:2])
    return np.ascontiguousarray(image[top : top + side, left : left + side])


def photographed(image: Image, sensor: Floats, quality: int) -> Image:
    """A scene through a sensor of (H, W) gains, as JPEG."""
    shades = np.clip(np.rint(image * sensor[..., None]), 0, 255).astype(np.uint8)
    return recompress(shades, quality)


def fingerprint_of(images: Sequence[Image]) -> Floats:
    """The fingerprint that these pictures, all of one size, make."""
    gathered = FingerprintSum(*images[0].shape[:2])
    for image in images:
        gathered.add(image)
    return gathered.fingerprint()


def energy(image: Image, fingerprint: Floats) -> float:
    """Peak-to-correlation energy."""
    return match(noise_of(image), luma(image), fingerprint).energy


def divided(samples: Sequence[Sample], store: PictureStore) -> tuple[list[Image], list[Sample]]:
    """Pictures that sensors are simulated with, their middle, and all others large enough."""
    scenes: list[Image] = []
    others: list[Sample] = []
    for sample in samples:
        image = store.original(sample)
        least = min(image.shape[:2])
        if least >= SIDE and len(scenes) < ENROLLED + LOOKED_UP:
            scenes.append(middle(image, SIDE))
        elif least >= LEAST_SIDE:
            others.append(sample)
    return scenes, others


def simulated(
    scenes: Sequence[Image], strangers: Iterator[Image], rng: np.random.Generator
) -> Iterator[Looked]:
    """Photograph scenes with simulated sensors and look for them; strangers meet the last one.

    Args:
        scenes: more than 30 pictures of 480 x 480 px.
        strangers: other pictures; their middle is compared.
        rng: draws the sensors.
    """
    for strength in STRENGTHS:
        sensor = (1 + strength * rng.normal(0, 1, (SIDE, SIDE))).astype(np.float32)
        for quality in QUALITIES:
            shots = [photographed(scene, sensor, quality) for scene in scenes]
            known = fingerprint_of(shots[:ENROLLED])
            case = f"strength {strength:.1%}, JPEG {quality}"
            for shot in shots[ENROLLED:]:
                yield Looked(case, energy(shot, known))
                yield Looked(f"{case}, cut to {PART} px", energy(middle(shot, PART), known))
    for image in strangers:
        yield Looked(STRANGERS, energy(middle(image, SIDE), known))


def studio(images: Sequence[Image]) -> Iterator[Looked]:
    """Compare each picture of a group with the fingerprint of the others of its size."""
    common = Counter(image.shape for image in images).most_common(1)[0][0]
    alike = [image for image in images if image.shape == common]
    for index, image in enumerate(alike):
        known = fingerprint_of([*alike[:index], *alike[index + 1 :]])
        yield Looked(f"one studio, each of {len(alike)} against the others", energy(image, known))


def figures(found: Sequence[Looked]) -> dict[str, int]:
    """The counts that the card of `prnu` holds and its findings state."""
    others = [one.energy for one in found if one.case == STRANGERS]
    alarms = sum(value >= THRESHOLD for value in others)
    return {"other_pictures_count": len(others), "false_alarms_count": alarms}


def section(found: Sequence[Looked]) -> str:
    """The section of the results page."""
    cases = list(dict.fromkeys(one.case for one in found))
    rows = [[case, *_cells([one.energy for one in found if one.case == case])] for case in cases]
    header = ["case", f"at or above {THRESHOLD:.0f}", "lower quarter", "median", "largest"]
    return "\n".join(
        [
            "## Fingerprints of cameras\n",
            f"Peak-to-correlation energy. The data hold no two photographs of one known camera, so "
            f"sensors are simulated: {ENROLLED} real pictures, {SIDE} px, times white noise of "
            f"the strength stated, make a fingerprint; {LOOKED_UP} others through the same sensor "
            "are looked up. Pictures of other origin, as they are, meet the fingerprint of the "
            "strongest sensor at JPEG 80. Portraits that one studio took are no proof of one "
            "camera. Intervals of 95 %, Clopper-Pearson.\n",
            markdown(header, rows),
        ]
    )


def _cells(energies: Sequence[float]) -> list[str]:
    hits = sum(value >= THRESHOLD for value in energies)
    low, high = clopper_pearson(hits, len(energies))
    quarter, median, top = np.percentile(energies, (25, 50, 100))
    share = f"{hits} of {len(energies)} [{low:.1%}, {high:.1%}]"
    return [share, *(f"{value:.0f}" for value in (quarter, median, top))]
