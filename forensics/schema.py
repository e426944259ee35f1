"""The nouns of the suite: frozen dataclasses that every part speaks.

Boxes are float32 x1 y1 x2 y2 in pixels of the upright picture, with (0, 0) the outer corner of
the first pixel. Scores are P(fake) in [0, 1]; what is not calibrated is called `logit`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""
Map: TypeAlias = NDArray[np.float32]
"""(H, W) float32 in [0, 1]."""
Floats: TypeAlias = NDArray[np.float32]


class MediaKind(StrEnum):
    """What a file holds."""

    IMAGE = "image"
    VIDEO = "video"


class Label(StrEnum):
    """What a verdict says. Never "authentic": absence of traces proves nothing."""

    SYNTHETIC = "synthetic"
    MANIPULATED = "manipulated"
    NO_TRACES_FOUND = "no_traces_found"
    INCONCLUSIVE = "inconclusive"


class Reason(StrEnum):
    """Why a verdict is what it is, in particular why it abstains."""

    WEAK_EVIDENCE = "weak_evidence"
    TOO_SMALL = "too_small"
    TOO_COMPRESSED = "too_compressed"
    DETECTORS_DISAGREE = "detectors_disagree"
    OUT_OF_DISTRIBUTION = "out_of_distribution"
    SIGNED_AS_GENERATED = "signed_as_generated"
    DETECTOR_MISSING = "detector_missing"
    NOT_CALIBRATED = "not_calibrated"


@dataclass(frozen=True)
class Media:
    """One file, without its pixels. Width and height are px after the EXIF turn."""

    path: Path
    kind: MediaKind
    sha256: str
    width: int
    height: int
    format: str
    frame_rate: Fraction | None = None
    duration: float | None = None
    orientation: int = 1  # The turn that EXIF asks for, 1 to 8, and that decoding does.
    notes: tuple[str, ...] = ()
    """What decoding had to decide, one sentence each ("Only the first of 12 frames is used.")."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One decoded picture. `image`: (H, W, 3) uint8 RGB; `time`: seconds from the start."""

    image: Image
    index: int = 0
    time: float = 0.0


@dataclass(frozen=True, eq=False)
class Face:
    """One detected face. `box`: (4,) px; `landmarks`: (5, 2) px; `confidence` in [0, 1].

    Landmarks in MTCNN's order: in an upright face, the eye on the picture's left, the eye on its
    right, the nose tip, the left and the right mouth corner.
    """

    box: Floats
    landmarks: Floats
    confidence: float
    frame: int = 0
    track: int = 0

    def __post_init__(self) -> None:
        if self.box.shape != (4,) or self.landmarks.shape != (5, 2):
            shapes = f"{self.box.shape} and {self.landmarks.shape}"
            raise ValueError(f"a face needs a (4,) box and (5, 2) landmarks, got {shapes}")

    @property
    def size(self) -> float:
        """The shorter side of the box in px."""
        x1, y1, x2, y2 = self.box
        return float(min(x2 - x1, y2 - y1))


@dataclass(frozen=True)
class Prevalence:
    """How often a kind of finding appears in pictures that nobody altered, as measured.

    `share` of `pictures` untouched ones in [0, 1], with its 95 % `interval`; `processed` and
    `altered`: the share after each innocent processing, and after each alteration, of some of them.
    """

    share: float
    interval: tuple[float, float]
    pictures: int
    processed: dict[str, float] = field(default_factory=dict)
    altered: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Finding:
    """One observation. `statement` says what was observed; it never interprets.

    `heatmap` may be smaller than the picture, at its aspect ratio; a power spectrum is square.
    `code` names the kind of observation, stable over versions and unique in its plugin
    ("thumbnail_differs"); only kinds with a code are counted among untouched pictures.
    `lines`: (N, 4) x1 y1 x2 y2 px, pairs of points of the picture that belong together.
    `prevalence` is what was counted; the examination fills it in from the plugin's card.
    """

    statement: str
    score: float | None = None
    frame: int | None = None
    face: int | None = None
    heatmap: Map | None = None
    code: str = ""
    lines: Floats | None = None
    prevalence: Prevalence | None = None


@dataclass(frozen=True)
class Edit:
    """One step that a file says it went through: what was done, by whom, after which steps.

    `parents` are indices of earlier steps in the same history.
    """

    title: str
    lines: tuple[str, ...] = ()
    parents: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one analysis or detector found. Measurements carry their unit in the name.

    `history`: the steps that the file claims, earliest first; for a picture of them.
    """

    findings: tuple[Finding, ...] = ()
    measurements: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    history: tuple[Edit, ...] = ()


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold and how often it errs. Rates in [0, 1] with 95 % intervals.

    `name` is "call" (scores at or above it are called fake) or "clear" (scores at or below it are
    reported as showing no traces). `false_positive_rate`: real pictures at or above the threshold;
    `false_negative_rate`: fakes below it.
    """

    name: str
    threshold: float
    false_positive_rate: float
    false_positive_interval: tuple[float, float]
    false_negative_rate: float
    false_negative_interval: tuple[float, float]
    measured_on: str


@dataclass(frozen=True, eq=False)
class FaceVerdict:
    """The verdict on one face; `interval` is the lower and upper probability of fake."""

    face: Face
    label: Label
    score: float
    interval: tuple[float, float]
    heatmap: Map | None = None


@dataclass(frozen=True)
class Segment:
    """A stretch of a clip, in seconds."""

    start: float
    end: float
    track: int
    score: float


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the suite says of one media. `score` is a number also when the label abstains."""

    media: Media
    label: Label
    score: float
    interval: tuple[float, float]
    faces: tuple[FaceVerdict, ...]
    segments: tuple[Segment, ...]
    evidence: dict[str, Evidence]
    reasons: tuple[Reason, ...]
    operating_points: tuple[OperatingPoint, ...]
    seconds: float
    version: str
    not_run: tuple[str, ...] = ()  # Plugins left out as asked; maybe "faces_under_48_px".


@dataclass(frozen=True)
class Match:
    """One face of a gallery beside a face that was looked up.

    `similarity`: cosine of the two vectors. `false_match_rate`: how often two different people
    look this alike to the matcher, or where `at_most`, an upper bound of it, because too few pairs
    were measured to say more. `in_gallery`: the chance that any of the gallery's people would.
    `statement`: one sentence with these figures. `adjusted`: the similarity that the rate was read
    from, less how typical both faces are. The figures of a second matcher, where one was asked.
    """

    label: str
    similarity: float
    false_match_rate: float
    at_most: bool
    in_gallery: float
    source: str
    sha256: str
    statement: str
    adjusted: float
    second_similarity: float | None = None
    second_false_match_rate: float | None = None


@dataclass(frozen=True)
class Step:
    """One report of a training run: `step` of `total`, and the figures to log."""

    step: int
    total: int
    figures: dict[str, float]


@dataclass(frozen=True)
class WeightFile:
    """A weights file named by its card: path relative to the card, and its SHA-256."""

    file: str
    sha256: str


@dataclass(frozen=True)
class TrainingGroup:
    """A group of pictures that weights have seen, and its terms as stated at its source."""

    group: str
    terms: str


@dataclass(frozen=True)
class ModelCard:
    """What `NAME.toml` says of a plugin or of a weights file. See `forensics.plugins`."""

    name: str
    kind: str
    title: str
    looks_at: str
    input: str
    licence_code: str
    folder: Path
    paper: str = ""
    licence_weights: str = ""
    weights: tuple[WeightFile, ...] = ()
    requires: tuple[str, ...] = ()
    """Names of backbones (`forensics/backbones/NAME.toml`) that must have been pulled."""
    trained_on: tuple[TrainingGroup, ...] = ()
    retrain: str = ""
    figures: dict[str, Any] = field(default_factory=dict)
    """Measured figures with their unit in the name, and nothing that nobody measured."""
    measured_on: str = ""
    rates: dict[str, Any] = field(default_factory=dict)
    """By code of a finding, how often it appears; written by `forensics trace-rates` alone."""
    recipe: dict[str, object] = field(default_factory=dict)
    known_failures: tuple[str, ...] = ()
    score_version: int = 1
    """Raised when the code changes scores although the weights do not."""
    by_default: bool = True  # Detectors used where none is named; others are there to be compared.
    source: dict[str, object] = field(default_factory=dict)
    """Where weights that do not ship come from: registry package, version, file, hashes."""
