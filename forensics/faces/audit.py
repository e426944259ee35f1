"""Do generated faces resemble real people? Their nearest likenesses in a gallery, measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forensics.errors import ForensicsError, NoFace
from forensics.faces.align import face_crop
from forensics.faces.detect import find_faces
from forensics.faces.index import FaceIndex
from forensics.faces.likeness import Likeness
from forensics.media import load_image
from forensics.schema import Image, Match

LIMITS = (1e-2, 1e-3, 1e-4)


@dataclass(frozen=True, eq=False)
class Nearest:
    """A generated picture, its largest face, and the gallery's face most like it.

    `failure` says why there is none; `crop`: (H, W, 3) uint8 RGB of the face.
    """

    path: Path
    crop: Image | None = None
    match: Match | None = None
    failure: str = ""


@dataclass(frozen=True)
class Summary:
    """What an audit found. `above`: share of looked-up faces by rate of false matches."""

    pictures: int
    looked_up: int
    failures: int
    gallery_faces: int
    median_similarity: float
    largest_similarity: float
    above: dict[float, float]


def nearest_of_each(paths: Sequence[Path], index: FaceIndex) -> Iterator[Nearest]:
    """Look up the largest face of each picture; a picture that fails is said and counted."""
    for path in paths:
        try:
            yield _nearest(path, index)
        except ForensicsError as error:
            yield Nearest(path, failure=str(error))


def summary(found: Sequence[Nearest], gallery_faces: int) -> Summary:
    """Count and share out.

    Raises:
        NoFace: no picture could be looked up.
    """
    matches = [one.match for one in found if one.match is not None]
    if not matches:
        raise NoFace("no picture of the audit could be looked up in the gallery")
    similarity = np.asarray([match.similarity for match in matches])
    rates = np.asarray([match.false_match_rate for match in matches])
    return Summary(
        pictures=len(found),
        looked_up=len(matches),
        failures=len(found) - len(matches),
        gallery_faces=gallery_faces,
        median_similarity=float(np.median(similarity)),
        largest_similarity=float(similarity.max()),
        above={limit: float(np.mean(rates <= limit)) for limit in LIMITS},
    )


def expected_by_chance(limit: float, people: int) -> float:
    """The share of faces of strangers whose nearest of `people` is at or below this rate."""
    return float(-np.expm1(people * np.log1p(-limit)))


def histograms(found: Sequence[Nearest], likeness: Likeness) -> dict[str, NDArray[np.float64]]:
    """Shares by adjusted cosine, -1 to 1: generated to nearest, strangers, one person."""
    similarity = [one.match.adjusted for one in found if one.match is not None]
    counts = {
        "generated to nearest": np.histogram(
            np.clip(similarity, -1, 1), len(likeness.genuine), (-1, 1)
        )[0],
        "two people": likeness.everyone.counts,
        "one person": likeness.genuine,
    }
    return {name: values / max(values.sum(), 1) for name, values in counts.items()}


def _nearest(path: Path, index: FaceIndex) -> Nearest:
    image = load_image(path)
    faces = sorted(find_faces(image), key=lambda face: -face.size)[:1]
    if not faces:
        raise NoFace(f"{path.name} shows no face that the detector finds")
    (looked_up,) = index.search(image, top=1, faces=faces)
    if looked_up.refusal:
        raise NoFace(f"{path.name}: {looked_up.refusal}")
    if not looked_up.matches:
        raise NoFace(f"{path.name}: the gallery is empty")
    return Nearest(path, face_crop(image, faces[0]), looked_up.matches[0])
