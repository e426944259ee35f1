"""The leak audit: can a trivial reading of the file tell a generator from the reals beside it?

Asked before anything is scored, because a detector may have learned the same. Judged are file
size, format, quantisation table, dimensions, bytes per pixel and the share of the picture that the
largest face's box takes; mean colour and high-frequency energy are reported, not judged, since
they are also what a generator's trace may look like.
"""

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from forensics.benchmark.baselines import bytes_per_pixel, high_frequency, jpeg_quality
from forensics.benchmark.intervals import auc_of_draws, draw_rows, interval
from forensics.benchmark.trivial import held_out_scores
from forensics.faces.detect import find_faces
from forensics.schema import Image
from forensics.statistics import Labels, Names

LIMIT = 0.60
"""A set is refused where the lower 95 % bound of a judged AUC exceeds it."""
FEWEST = 10
"""Clusters of each class that a judgement needs."""
JUDGED: dict[str, tuple[str, ...]] = {
    "file size": ("bytes",),
    "format": ("format",),
    "quantisation table": ("tables", "quality"),
    "dimensions": ("width", "height"),
    "bytes per pixel": ("bytes_per_pixel",),
    "face-to-frame ratio": ("face_share",),
}
REPORTED: dict[str, tuple[str, ...]] = {
    "mean colour": ("red", "green", "blue"),
    "high-frequency energy": ("high_frequency",),
}
Facts = Mapping[str, str | float]
_UNKNOWN = (None, None, None)


def picture_facts(data: bytes, image: Image, name: str = "") -> dict[str, str | float]:
    """What is trivially read off one file.

    Args:
        data: the file.
        image: its pixels, (H, W, 3) uint8 RGB; of a clip one frame.
        name: the format of a clip; of a picture it is read from the file.
    """
    height, width = image.shape[:2]
    red, green, blue = image.reshape(-1, 3).mean(axis=0).tolist()
    return {
        "bytes": float(len(data)),
        "format": name or _format(data),
        "tables": "" if name else _tables(data),
        "quality": 101.0 if name else jpeg_quality(data, image),
        "width": float(width),
        "height": float(height),
        "bytes_per_pixel": bytes_per_pixel(data, image),
        "face_share": _face_share(image),
        "red": red,
        "green": green,
        "blue": blue,
        "high_frequency": high_frequency(data, image),
    }


def _format(data: bytes) -> str:
    with Pillow.open(io.BytesIO(data)) as opened:
        progressive = " progressive" if opened.info.get("progressive") else ""
        layers = str(getattr(opened, "layer", "")) if opened.format == "JPEG" else ""
        return f"{opened.format}{progressive} {opened.mode} {layers}".strip()


def _tables(data: bytes) -> str:
    """Twelve hex digits that stand for the quantisation tables, "" where there are none."""
    with Pillow.open(io.BytesIO(data)) as opened:
        tables = getattr(opened, "quantization", None)
    if not tables:
        return ""
    return hashlib.sha256(repr(sorted(tables.items())).encode()).hexdigest()[:12]


def _face_share(image: Image) -> float:
    """The share of the picture that the largest face's box takes, 0 where there is none."""
    faces = find_faces(image, turns=False)
    areas = [float(np.prod(face.box[2:] - face.box[:2])) for face in faces]
    return float(max(areas, default=0.0) / (image.shape[0] * image.shape[1]))


@dataclass(frozen=True)
class Leak:
    """How well one trivial reading tells a source's fakes from the reals beside it.

    `auc` with its 95 % interval; all None where there were too few pictures to say.
    """

    source: str
    against: str
    feature: str
    judged: bool
    auc: float | None
    low: float | None
    high: float | None
    fakes: int
    reals: int
    level: str = "image"

    @property
    def confounding(self) -> bool:
        """Whether this alone makes a comparison meaningless."""
        return self.judged and self.low is not None and self.low > LIMIT


def audit(
    source: str, against: str, facts: Sequence[Facts], labels: Labels, clusters: Names
) -> list[Leak]:
    """Every trivial reading of one source's fakes and of the reals that it is scored with.

    Args:
        source: the generator, or the group of its fakes.
        against: which real pictures those are.
        facts: n rows from `picture_facts`.
        labels: (n,) real 0, fake 1.
        clusters: (n,) near-duplicates share one.
    """
    few = any(len(set(clusters[labels == label].tolist())) < FEWEST for label in (0, 1))
    drawn = draw_rows(clusters, labels.astype(str), seed=0)
    fakes, reals = int((labels == 1).sum()), int((labels == 0).sum())
    found = []
    for name, columns in {**JUDGED, **REPORTED}.items():
        value, low, high = _UNKNOWN if few else _auc(columns, facts, labels, clusters, drawn)
        leak = Leak(source, against, name, name in JUDGED, value, low, high, fakes, reals)
        found.append(leak)
    return found


def _auc(
    columns: Sequence[str],
    facts: Sequence[Facts],
    labels: Labels,
    clusters: Names,
    drawn: NDArray[np.float64],
) -> tuple[float, float, float]:
    read = [np.asarray([row[name] for row in facts]) for name in columns]
    scores = held_out_scores(read, labels, clusters)
    plain = float(auc_of_draws(labels, scores, np.ones((1, len(labels))))[0])
    return plain, *interval(auc_of_draws(labels, scores, drawn))
