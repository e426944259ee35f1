"""From the logits of detectors to a verdict: fusion, calibration, and when to abstain and why.

A *view* is the whole picture or one face of it. The score of a picture is the largest over its
views, calibrated for their number. A face that fills much of the picture is no view of its own: the
picture's crops show it already.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from forensics.calibration import Calibration
from forensics.detector import kind_probabilities
from forensics.errors import CalibrationStale, NotCalibrated
from forensics.fusion import FusedSet, View, set_from_json, set_key
from forensics.plugins import find_card, fingerprint
from forensics.schema import Face, FaceVerdict, Floats, Label, OperatingPoint, Reason

FORMAT = 1
"""Version of `fusion.json`."""
BUCKETS = {"1": (1, 1), "2-4": (2, 4), "5+": (5, 10**6)}
"""Numbers of views that share a calibration."""
FILLING = 1 / 4
"""A face box that covers this share of the picture is no view of its own."""
SMALLEST_PICTURE = 96
SMALLEST_FACE = 48
"""Shorter sides in px; below them no verdict is given."""
CONFIDENTLY_FAKE, CONFIDENTLY_REAL = 0.9, 0.1
"""Two detectors beyond these, each by its own calibration, disagree."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """What the detectors together say of a picture. `interval`: lower and upper P(fake)."""

    label: Label
    score: float
    interval: tuple[float, float]
    faces: tuple[FaceVerdict, ...]
    reasons: tuple[Reason, ...]
    operating_points: tuple[OperatingPoint, ...]


@dataclass(frozen=True, eq=False)
class Fusion:
    """Judges pictures by one set of detectors; `singles` are the calibrations of each alone."""

    chosen: FusedSet
    singles: Mapping[str, FusedSet]

    def judge(
        self,
        class_logits: Mapping[str, Sequence[Floats]],
        faces: Sequence[Face],
        image_shape: Sequence[int],
    ) -> Judgement:
        """Judge one picture and each of its faces.

        Args:
            class_logits: by detector, (k, 3) logits of the whole picture's crops, then of each
                face's, in the order of `faces`.
            faces: the faces; those too small for a verdict, and those that fill the picture, have
                no part in the picture's score.
            image_shape: height and width of the picture in px.
        """
        whole, *of_faces = _views(class_logits, self.detectors, len(faces))
        apart = [i for i, face in enumerate(faces) if is_view(face, image_shape)]
        candidates = [whole, *(of_faces[i] for i in apart)]
        bucket = self.chosen.calibrations[bucket_of(len(candidates))]
        deciding = max(candidates, key=self._logit)
        reasons = tuple(self._reasons(deciding, bucket, image_shape))
        score, interval = self._scored(deciding, bucket)
        verdicts = [
            self._face_verdict(face, view, bucket, image_shape)
            for face, view in zip(faces, of_faces, strict=True)
        ]
        return Judgement(
            label=self._label(deciding, score, bucket, reasons),
            score=score,
            interval=interval,
            faces=tuple(verdicts),
            reasons=reasons,
            operating_points=(bucket.call, bucket.clear),
        )

    @cached_property
    def detectors(self) -> tuple[str, ...]:
        """Names of the detectors that have a vote."""
        return tuple(self.chosen.fusion.shares())

    def _logit(self, view: View) -> float:
        fusion = self.chosen.fusion
        return float(fusion.logits(view.inputs(fusion.inputs))[0])

    def _scored(self, view: View, bucket: Calibration) -> tuple[float, tuple[float, float]]:
        logit = self._logit(view)
        return bucket.score(logit), bucket.interval(logit)

    def _face_verdict(
        self, face: Face, view: View, bucket: Calibration, image_shape: Sequence[int]
    ) -> FaceVerdict:
        score, interval = self._scored(view, bucket)
        reasons = tuple(self._reasons(view, bucket, image_shape))
        if face.size < SMALLEST_FACE:
            reasons = (Reason.TOO_SMALL, *reasons)
        return FaceVerdict(face, self._label(view, score, bucket, reasons), score, interval)

    def _reasons(
        self, view: View, bucket: Calibration, image_shape: Sequence[int]
    ) -> Iterator[Reason]:
        """Every reason to abstain on this view."""
        if min(image_shape[:2]) < SMALLEST_PICTURE:
            yield Reason.TOO_SMALL
        fusion = self.chosen.fusion
        if fusion.distances(view.inputs(fusion.inputs))[0] > fusion.distance_limit:
            yield Reason.OUT_OF_DISTRIBUTION
        if self._disagree(view):
            yield Reason.DETECTORS_DISAGREE
        if bucket.clear.threshold < self._scored(view, bucket)[0] < bucket.call.threshold:
            yield Reason.WEAK_EVIDENCE

    def _disagree(self, view: View) -> bool:
        """Whether two detectors that both have weight are confident of opposite things."""
        scores = []
        for name, share in self.chosen.fusion.shares().items():
            if share > 0:
                alone = self.singles[name]
                logit = alone.fusion.logits(view.inputs(alone.fusion.inputs))[0]
                scores.append(alone.calibrations["1"].score(float(logit)))
        return max(scores) > CONFIDENTLY_FAKE and min(scores) < CONFIDENTLY_REAL

    def _label(
        self, view: View, score: float, bucket: Calibration, reasons: Sequence[Reason]
    ) -> Label:
        if reasons:
            return Label.INCONCLUSIVE
        if score < bucket.call.threshold:
            return Label.NO_TRACES_FOUND
        shares = self.chosen.fusion.shares()
        kinds = sum(share * kind_probabilities(view.crops[name]) for name, share in shares.items())
        synthetic, manipulated = np.asarray(kinds)
        return Label.SYNTHETIC if synthetic >= manipulated else Label.MANIPULATED


def bucket_of(views: int) -> str:
    """The bucket of calibration for this number of views."""
    return next(name for name, (low, high) in BUCKETS.items() if low <= views <= high)


def is_view(face: Face, image_shape: Sequence[int]) -> bool:
    """Whether a face is large enough to judge, and small enough to differ from the picture."""
    return face.size >= SMALLEST_FACE and not fills(face, image_shape)


def fills(face: Face, image_shape: Sequence[int]) -> bool:
    """Whether a face takes so much of a picture that both show the same."""
    width, height = face.box[2:] - face.box[:2]
    return float(width * height) / (image_shape[0] * image_shape[1]) >= FILLING


def load_fusion(detectors: Sequence[str], path: Path | None = None) -> Fusion:
    """Load the fusion that was fitted for exactly this set of detectors.

    Args:
        detectors: names, in any order.
        path: a `fusion.json`; None for the one that ships.

    Raises:
        CalibrationStale: a detector's weights are not those that it was calibrated with.
        NotCalibrated: nothing was ever calibrated for this set.
    """
    path = path or Path(str(files("detectors"))) / "fusion.json"
    if not path.is_file():
        raise NotCalibrated(f"no calibration at {path.name}; make it with: forensics calibrate")
    stored = json.loads(path.read_text(encoding="utf-8"))
    if stored["version"] != FORMAT:
        raise CalibrationStale(
            f"{path.name} has format {stored['version']}, this version reads {FORMAT}; "
            "make it anew with: forensics calibrate"
        )
    return Fusion(
        chosen=_fused_set(stored["sets"], detectors),
        singles={name: _fused_set(stored["sets"], [name]) for name in detectors},
    )


def _fused_set(sets: Mapping[str, Any], detectors: Sequence[str]) -> FusedSet:
    """The stored fusion of a set, after a check that it was fitted with these weights."""
    key = set_key(detectors)
    if key not in sets:
        raise NotCalibrated(
            f"{key} was never calibrated, only {', '.join(sets)}; run: forensics calibrate"
        )
    stored = set_from_json(sets[key])
    for name, expected in stored.cards.items():
        if fingerprint(find_card(name)) != expected:
            raise CalibrationStale(
                f"{name} has other weights than those that were calibrated; "
                "calibrate it anew with: forensics calibrate"
            )
    return stored


def _views(
    class_logits: Mapping[str, Sequence[Floats]], detectors: Sequence[str], faces: int
) -> list[View]:
    """The picture's view, then each face's."""
    for name in detectors:
        if len(class_logits.get(name, ())) != faces + 1:
            raise ValueError(
                f"{name} must give {faces + 1} arrays of crops, one for the picture and one for "
                f"each face, got {len(class_logits.get(name, ()))}"
            )
    return [
        View({name: class_logits[name][index] for name in detectors}) for index in range(faces + 1)
    ]
