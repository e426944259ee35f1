"""What the weights and thresholds that ship say of pictures, kept so that nothing is scored twice.

A book holds class logits, not verdicts: after a new calibration the same logits are judged anew.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from forensics.benchmark.book import Book
from forensics.benchmark.out_of_fold import options_with_cache
from forensics.benchmark.token_rows import READER, TokenReader
from forensics.detector import CropDetector
from forensics.faces.align import face_crop
from forensics.faces.detect import find_faces
from forensics.fusion import View
from forensics.plugins import default_detectors, fingerprint, load
from forensics.references import RESEMBLANCE, References
from forensics.schema import Evidence, Face, Floats, Image, Label, Reason
from forensics.scoring import with_what_evidence_tells
from forensics.verdict import SMALLEST_PICTURE, Fusion, load_fusion

FAKE = (Label.SYNTHETIC, Label.MANIPULATED)


@dataclass(frozen=True, eq=False)
class Said:
    """What was said of one picture.

    Attributes:
        label: the verdict's.
        reasons: the verdict's.
        score: its P(fake).
        beyond: whether the score reaches the call threshold, whatever reasons there are to abstain.
        logits: by detector, "fused" among them, of the whole picture.
        distance: how far these lie from those of the calibration, in units of the limit beyond
            which no verdict is given.
        far: whether the verdict abstains on account of that distance.
        resemblance: how much the picture resembles a reference, in units of the least that counts;
            None where it was not compared.
    """

    label: Label
    reasons: tuple[Reason, ...]
    score: float
    beyond: bool
    logits: Mapping[str, float]
    distance: float
    far: bool = False
    resemblance: float | None = None

    @property
    def stranger(self) -> bool:
        """Whether the picture resembles no reference."""
        return self.resemblance is not None and self.resemblance < 1

    @property
    def called(self) -> bool:
        """Whether the verdict calls the picture a fake."""
        return self.label in FAKE

    @property
    def cleared(self) -> bool:
        """Whether the verdict is that no traces were found."""
        return self.label is Label.NO_TRACES_FOUND

    @property
    def unknown(self) -> bool:
        """Whether the verdict abstains since the picture is out of distribution."""
        return Reason.OUT_OF_DISTRIBUTION in self.reasons


class Resemblance:
    """How much pictures resemble a reference, as `examine` measures it; each crop is read once."""

    def __init__(self, cache: Path) -> None:
        """Compare with the references that ship; keep what CLIP reads in `cache`."""
        self._analysis, self._reader = load("analysis", "familiarity"), TokenReader(cache)

    @property
    def references(self) -> str:
        """What decides the answer: a digest of the references."""
        return fingerprint(self._analysis.card)[:10]

    def of(self, image: Image) -> float | None:
        """In units of the least that counts; None of a picture too small for a verdict."""
        if min(image.shape[:2]) < SMALLEST_PICTURE:
            return None
        references: References = self._analysis.references
        return references.similarity(self._reader.tokens(image)) / references.limit


class Shipped:
    """Detectors and their fusion, and what they said so far."""

    def __init__(
        self,
        detectors: Mapping[str, CropDetector],
        fusion: Fusion,
        cache: Path,
        resemblance: Resemblance | None = None,
    ) -> None:
        """Keep logits in `cache`; without `resemblance`, pictures are compared with nothing."""
        self.detectors, self.fusion = detectors, fusion
        self._resemblance = resemblance
        self._book = Book(cache / "shipped-logits.jsonl")

    @classmethod
    def load(cls, cache: Path) -> "Shipped":
        """The default detectors with their shipped weights, and their fusion.

        Raises:
            WeightsUnavailable: a detector's file is missing; the message has the command.
            CalibrationStale: the fusion was fitted with other weights.
        """
        names = default_detectors()
        detectors = {
            name: load("detector", name, options_with_cache(name, cache)) for name in names
        }
        resemblance = Resemblance(cache) if READER in detectors else None
        return cls(detectors, load_fusion(names), cache, resemblance)

    def judge(self, key: Sequence[str], read: Callable[[], Image], *, faces: bool = False) -> Said:
        """Say what a picture is; one whose key is known is not looked at again.

        Args:
            key: names the pixels: where they come from, and what was done to them.
            read: gives the pixels, (H, W, 3) uint8 RGB, where they are needed.
            faces: whether faces are looked for and judged too, as `examine` does.
        """
        full = (self.weights, "with faces" if faces else "whole", *key)
        known = self._book.get(full)
        if known is None:
            known = self._scored(read(), faces=faces)
            self._book.add(full, known)
        return self._judged(known, self._resemblance_of(key, read))

    @cached_property
    def weights(self) -> str:
        """What decides the logits: a digest of each detector's weights and version."""
        return "+".join(fingerprint(one.card)[:10] for one in self.detectors.values())

    def fused_logit(self, image: Image) -> float:
        """The fused logit of a picture as a whole, not calibrated."""
        rows = {name: one.class_logits([image])[0] for name, one in self.detectors.items()}
        fusion = self.fusion.chosen.fusion
        return float(fusion.logits(View(rows).inputs(fusion.inputs))[0])

    def _resemblance_of(self, key: Sequence[str], read: Callable[[], Image]) -> float | None:
        """As `Resemblance.of`, of a picture that is not looked at again where its key is known."""
        if self._resemblance is None:
            return None
        full = ("resemblance", self._resemblance.references, *key)
        # In a list, since a book says None of what it does not know.
        known: list[float | None] | None = self._book.get(full)
        if known is None:
            self._book.add(full, known := [self._resemblance.of(read())])
        return known[0]

    def _scored(self, image: Image, *, faces: bool) -> dict[str, Any]:
        found = find_faces(image) if faces else []
        views = [image, *(face_crop(image, face) for face in found)]
        return {
            "shape": list(image.shape[:2]),
            "faces": [_face_row(face) for face in found],
            "logits": {
                name: [np.round(rows.astype(float), 5).tolist() for rows in one.class_logits(views)]
                for name, one in self.detectors.items()
            },
        }

    def _judged(self, known: Mapping[str, Any], resemblance: float | None) -> Said:
        rows: dict[str, list[Floats]] = {
            name: [np.asarray(view, np.float32) for view in views]
            for name, views in known["logits"].items()
        }
        faces = [_face_of(row) for row in known["faces"]]
        by_logits = self.fusion.judge(rows, faces, known["shape"])
        measured = {} if resemblance is None else {RESEMBLANCE: resemblance}
        judgement = with_what_evidence_tells(by_logits, [Evidence((), measured)])
        fusion = self.fusion.chosen.fusion
        inputs = View({name: views[0] for name, views in rows.items()}).inputs(fusion.inputs)
        named = zip(fusion.inputs, inputs[0].tolist(), strict=True)
        logits = {name.rpartition(".")[0]: value for name, value in named}
        call = judgement.operating_points[0].threshold
        return Said(
            label=judgement.label,
            reasons=judgement.reasons,
            score=judgement.score,
            beyond=judgement.score >= call,
            logits=logits | {"fused": float(fusion.logits(inputs)[0])},
            distance=float(fusion.distances(inputs)[0]) / fusion.distance_limit,
            far=Reason.OUT_OF_DISTRIBUTION in by_logits.reasons,
            resemblance=resemblance,
        )


def _face_row(face: Face) -> list[float]:
    """Box, landmarks, confidence."""
    numbers = [*face.box, *face.landmarks.ravel(), face.confidence]
    return [round(float(number), 3) for number in numbers]


def _face_of(row: Sequence[float]) -> Face:
    numbers = np.asarray(row, np.float32)
    return Face(numbers[:4], numbers[4:14].reshape(5, 2), float(numbers[14]))
