"""Error rates by what a picture shows: skin tone, face size, sharpness, brightness, source.

Every picture is placed among the real pictures of its own fold, which the same weights scored: the
share of them that score lower. Real pictures of a subgroup that is treated like all others have a
mean place of one half, and a tenth of them lie in the highest tenth; the mean place of fakes is
their AUC. Sources differ in many ways at once, so the highest tenth is also taken within each
source alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.benchmark.metrics import cluster_bootstrap
from forensics.benchmark.tables import Figure, Rows
from forensics.faces.detect import find_faces
from forensics.schema import Face, Floats, Image
from forensics.statistics import Names, Reals, clopper_pearson
from forensics.traces.texture import high_frequency_energy

TONES = (("very light", 55.0), ("light", 41.0), ("intermediate", 28.0), ("tan", 10.0))
"""Lower ends of the individual typology angle, in degrees (Del Bino and Bernerd 2013)."""
DARKER = (("brown", -30.0), ("dark", -180.0))
FACES = (("no face found", 0.0), ("under 64 px", 64.0), ("64 to 127 px", 128.0))
LARGE_FACE = "128 px and more"
CHEEK = 0.15
"""Half the side of the cheeks' squares, as a share of the distance between the eyes."""
SMALLEST_FACE = 32
LEAST_CHROMA = 6.0
"""Skin with less colour than this was photographed in grey, or has lost its colours."""
HIGHEST = 0.9
"""Where the highest tenth begins."""
FEWEST = 20
"""Subgroups with fewer real pictures get no rates of them; of fakes likewise."""


@dataclass(frozen=True)
class Traits:
    """What is measured of a picture as the detectors see it.

    Attributes:
        tone: the individual typology angle of the largest face's cheeks in degrees, or None.
        face: the shorter side of the largest face in px, 0 where none was found.
        energy: mean square of the high frequencies, in levels of 255 squared.
        light: mean of all values, 0 to 255.
    """

    tone: float | None
    face: float
    energy: float
    light: float

    def as_json(self) -> dict[str, float | None]:
        """Plain numbers."""
        return asdict(self)


def traits_of(image: Image) -> Traits:
    """Measure (H, W, 3) uint8 RGB."""
    faces = sorted(find_faces(image), key=lambda face: -face.size)
    return Traits(
        tone=typology_angle(image, faces[0]) if faces else None,
        face=faces[0].size if faces else 0.0,
        energy=high_frequency_energy(image),
        light=float(image.mean()),
    )


def typology_angle(image: Image, face: Face) -> float | None:
    """The individual typology angle, arctan((L* - 50) / b*) in degrees, of both cheeks.

    It says how light the skin is in this picture under its light, not what a person's skin is.

    Returns:
        None for small faces, for cheeks outside the picture, and for skin without colour.
    """
    if face.size < SMALLEST_FACE:
        return None
    eyes, mouth = face.landmarks[:2], face.landmarks[3:]
    half = CHEEK * float(np.linalg.norm(eyes[1] - eyes[0]))
    patches = [_patch(image, cheek, half) for cheek in (eyes + mouth) / 2]
    values = np.concatenate([patch.reshape(-1, 3) for patch in patches])
    if not len(values):
        return None
    colours = cv2.cvtColor(values[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    light, red, yellow = np.median(colours, axis=0).tolist()
    if np.hypot(red, yellow) < LEAST_CHROMA or yellow <= 0:
        return None
    return float(np.degrees(np.arctan2(light - 50, yellow)))


def _patch(image: Image, centre: Floats, half: float) -> Image:
    left, top = (max(0, round(float(place) - half)) for place in centre)
    right, bottom = (max(0, round(float(place) + half) + 1) for place in centre)
    return image[top:bottom, left:right]


def tone_name(angle: float | None) -> str:
    """The class of an angle, as dermatology names it."""
    if angle is None:
        return "not measurable"
    return next(name for name, least in (*TONES, *DARKER) if angle > least)


def face_name(size: float) -> str:
    """The class of a face's size."""
    return next((name for name, below in FACES if size < below or size == below == 0), LARGE_FACE)


def thirds(values: Reals, reals: NDArray[np.bool_]) -> list[str]:
    """Lowest, middle or highest third, as real pictures divide."""
    low, high = np.quantile(values[reals], [1 / 3, 2 / 3])
    names = ("lowest third", "middle third", "highest third")
    return [names[int(value > low) + int(value > high)] for value in values]


def groupings(traits: Sequence[Traits], rows: Rows) -> dict[str, list[str]]:
    """The subgroup of every picture, by what divides them."""
    reals = rows.labels == 0
    return {
        "skin tone (typology angle)": [tone_name(each.tone) for each in traits],
        "face size": [face_name(each.face) for each in traits],
        "sharpness": thirds(np.asarray([each.energy for each in traits]), reals),
        "brightness": thirds(np.asarray([each.light for each in traits]), reals),
    }


def places(scores: Reals, rows: Rows, among: Names) -> Reals:
    """The share of real pictures with the same value in `among` that score lower, ties by half."""
    found = np.full(len(scores), np.nan)
    for value in np.unique(among):
        mine = among == value
        reals = np.sort(scores[mine & (rows.labels == 0)])
        if len(reals):
            below = np.searchsorted(reals, scores[mine], "left")
            found[mine] = (below + np.searchsorted(reals, scores[mine], "right")) / (2 * len(reals))
    return found


def rates(
    chosen: NDArray[np.bool_],
    rows: Rows,
    by_fold: Reals,
    by_source: Reals,
    called: NDArray[np.bool_],
) -> Mapping[str, Figure | None]:
    """What a subgroup's real pictures and fakes come to; None where they are too few."""
    reals, fakes = chosen & (rows.labels == 0), chosen & (rows.labels == 1)
    return {
        "mean place": _mean(by_fold, rows, reals),
        "highest tenth": _share(by_fold > HIGHEST, reals),
        "of its source": _share(by_source > HIGHEST, reals),
        "called fake": _share(called, reals),
        "fakes: AUC": _mean(by_fold, rows, fakes),
        "fakes called": _share(called, fakes),
    }


def _mean(values: Reals, rows: Rows, chosen: NDArray[np.bool_]) -> Figure | None:
    chosen = chosen & np.isfinite(values)
    if chosen.sum() < FEWEST:
        return None
    mine = values[chosen]
    low, high = cluster_bootstrap(
        rows.clusters[chosen], lambda index: float(mine[index].mean()), seed=0
    )
    return Figure(float(mine.mean()), low, high)


def _share(hits: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> Figure | None:
    count = int(chosen.sum())
    if count < FEWEST:
        return None
    found = int(hits[chosen].sum())
    return Figure(found / count, *clopper_pearson(found, count))
