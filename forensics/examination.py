"""From a path to a verdict: one case, every analysis, every detector, one judgement.

for stage in Examiner().stages("photo.jpg"):
    print(stage.name, stage.done, stage.total)
print(stage.verdict)
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import cast

import numpy as np

from forensics import __version__
from forensics.analysis import Analysis
from forensics.case import Case
from forensics.detector import CropDetector, Detector, Localiser, fake_logit
from forensics.errors import BrokenPlugin, ForensicsError, NotCalibrated, WeightsUnavailable
from forensics.faces.align import face_crop
from forensics.plugins import backbones, entries, load
from forensics.schema import (
    Evidence,
    Face,
    FaceVerdict,
    Finding,
    Floats,
    Image,
    Label,
    Reason,
    Verdict,
)
from forensics.verdict import Fusion, Judgement, load_fusion
from forensics.weights import find_file, verified_path

FAST = ("efficientnet_lite0", "spectrum")
"""The detectors of `fast`: those that need no large backbone."""
MOST_FACES = 16
"""A picture of a crowd is scored on its largest faces only, so that its cost stays bounded."""
NO_VOTE = "This detector is not calibrated here: its logit is shown and has no part in the score."


@dataclass(frozen=True, eq=False)
class Stage:
    """What is about to be done, `done` of `total`; the last stage carries verdict and case."""

    name: str
    done: int
    total: int
    verdict: Verdict | None = None
    case: Case | None = None


@dataclass(frozen=True, eq=False)
class Failure:
    """A file that could not be examined, and why."""

    path: Path
    error: ForensicsError


class Examiner:
    """Loads analyses and detectors once and examines any number of files with them."""

    def __init__(
        self,
        detectors: Sequence[str] | None = None,
        analyses: Sequence[str] | None = None,
        fast: bool = False,
    ) -> None:
        """Load the plugins by name; by default all of them.

        Args:
            detectors: names of detectors. One that is asked for by name must have its weights;
                of the default ones, those without weights are left out, and the verdict says so.
            analyses: names of analyses.
            fast: use the cheap detectors only; not together with `detectors`.

        Raises:
            UnknownPlugin: no plugin has this name.
            WeightsUnavailable: a detector asked for by name has no weights.
            CalibrationStale: the fusion was fitted with other weights than those at hand.
        """
        if fast and detectors is not None:
            raise ValueError("give either fast or detectors: fast is a choice of detectors")
        self.missing: dict[str, WeightsUnavailable] = {}
        self.detectors: dict[str, Detector] = {}
        for name in detectors or (FAST if fast else tuple(entries("detector"))):
            try:
                self.detectors[name] = _load_detector(name)
            except WeightsUnavailable as error:
                if detectors:
                    raise
                self.missing[name] = error
        chosen = tuple(entries("analysis")) if analyses is None else analyses
        self.analyses: dict[str, Analysis] = {name: load("analysis", name) for name in chosen}
        croppers = [name for name, one in self.detectors.items() if isinstance(one, CropDetector)]
        alone = {name: _fusion_of([name]) for name in croppers}
        self.alone: dict[str, Fusion] = {n: found for n, found in alone.items() if found}
        self.fusion: Fusion | None = _fusion_of(tuple(self.alone)) if self.alone else None

    def stages(self, path: Path | str) -> Iterator[Stage]:
        """Examine one file, yielding a `Stage` before each part and one with the verdict.

        Raises:
            UnreadableMedia, UnsupportedMedia, MediaTooLarge: the file cannot be examined.
            BrokenPlugin: an analysis or a detector failed on it.
        """
        started = perf_counter()
        names = ["reading", "faces", *self.analyses, *self.detectors, "verdict"]
        stages = (Stage(name, done, len(names)) for done, name in enumerate(names))
        yield next(stages)
        case = Case(path)
        image = case.image
        yield next(stages)
        faces = _largest(case.faces)
        crops = [face_crop(image, face) for face in faces]
        evidence: dict[str, Evidence] = {}
        for name, analysis in self.analyses.items():
            yield next(stages)
            with _blaming(name, case.media.path):
                evidence[name] = analysis.examine(case)
        for name in self.detectors:
            yield next(stages)
            with _blaming(name, case.media.path):
                evidence[name] = self._detect(name, case, faces, [image, *crops])
        yield next(stages)
        evidence |= {name: _missing_evidence(error) for name, error in self.missing.items()}
        verdict = self._verdict(case, faces, evidence, started)
        yield Stage("done", len(names), len(names), verdict, case)

    def examine(self, path: Path | str) -> Verdict:
        """Examine one file; raises what `stages` raises."""
        verdict = None
        for stage in self.stages(path):
            verdict = stage.verdict
        return cast(Verdict, verdict)

    def examine_each(self, paths: Iterable[Path | str]) -> Iterator[Verdict | Failure]:
        """Examine files one by one; a file that fails gives a `Failure` and the rest go on."""
        for path in paths:
            try:
                yield self.examine(path)
            except ForensicsError as error:
                yield Failure(Path(path), error)

    def _detect(self, name: str, case: Case, faces: list[Face], images: list[Image]) -> Evidence:
        """Score the picture and its face crops; crop detectors leave their logits in the case."""
        started = perf_counter()
        detector = self.detectors[name]
        score = None
        if isinstance(detector, CropDetector):
            case.class_logits[name] = rows = detector.class_logits(images)
            logits = [fake_logit(row) for row in rows]
            if name in self.alone:
                shape = case.image.shape[:2]
                score = self.alone[name].judge({name: rows}, faces, shape).score
        else:
            logits = [np.atleast_1d(logit) for logit in detector.score(images)]
        heatmap = detector.locate(images[:1])[0] if isinstance(detector, Localiser) else None
        findings = [Finding(_picture_words(logits), score=score, heatmap=heatmap)]
        findings += [Finding(_face_words(i, row), face=i) for i, row in enumerate(logits[1:])]
        if len(faces) < len(case.faces):
            findings.append(
                Finding(
                    f"{len(case.faces)} faces were found; the {len(faces)} largest were scored."
                )
            )
        if name not in self.alone:
            findings.append(Finding(NO_VOTE))
        return Evidence(tuple(findings), _measurements(logits), perf_counter() - started)

    def _verdict(
        self, case: Case, faces: list[Face], evidence: dict[str, Evidence], started: float
    ) -> Verdict:
        if self.fusion is None:
            judgement = _without_calibration(faces)
        else:
            votes = {name: case.class_logits[name] for name in self.alone}
            judgement = self.fusion.judge(votes, faces, case.image.shape[:2])
        missing = (Reason.DETECTOR_MISSING,) if self.missing else ()
        return Verdict(
            media=case.media,
            label=judgement.label,
            score=judgement.score,
            interval=judgement.interval,
            faces=judgement.faces,
            segments=(),
            evidence=evidence,
            reasons=(*judgement.reasons, *missing),
            operating_points=judgement.operating_points,
            seconds=perf_counter() - started,
            version=__version__,
        )


def examine(
    path: Path | str,
    detectors: Sequence[str] | None = None,
    analyses: Sequence[str] | None = None,
    fast: bool = False,
) -> Verdict:
    """Examine one file. Arguments and errors are those of `Examiner` and `Examiner.stages`."""
    return Examiner(detectors, analyses, fast).examine(path)


def examine_each(
    paths: Iterable[Path | str],
    detectors: Sequence[str] | None = None,
    analyses: Sequence[str] | None = None,
    fast: bool = False,
) -> Iterator[Verdict | Failure]:
    """Examine files one by one, loading the plugins once; a file that fails gives a `Failure`."""
    yield from Examiner(detectors, analyses, fast).examine_each(paths)


def _load_detector(name: str) -> Detector:
    """Load a detector all of whose files are there; which of them it opens, it decides later."""
    detector: Detector = load("detector", name)
    needed = [detector.card, *(backbones()[other] for other in detector.card.requires)]
    for card in needed:
        for file in card.weights:
            if find_file(card, file) is None:
                verified_path(card, file)
    return detector


def _fusion_of(names: Sequence[str]) -> Fusion | None:
    """The calibration of a set of detectors, None where the set was never calibrated."""
    try:
        return load_fusion(names)
    except NotCalibrated:
        return None


def _largest(faces: list[Face]) -> list[Face]:
    """The largest `MOST_FACES` of the faces, in their own order."""
    kept = sorted(range(len(faces)), key=lambda i: -faces[i].size)[:MOST_FACES]
    return [faces[i] for i in sorted(kept)]


@contextmanager
def _blaming(name: str, path: Path) -> Iterator[None]:
    """Turn whatever a plugin raises into an error that names the plugin and the file.

    Plugins come from anywhere, so nothing narrower than `Exception` would do; nothing is hidden.
    """
    try:
        yield
    except ForensicsError:
        raise
    except Exception as error:
        raise BrokenPlugin(f"{name} failed on {path}: {type(error).__name__}: {error}") from error


def _without_calibration(faces: list[Face]) -> Judgement:
    """What can be said where no detector is calibrated: nothing, so half, from 0 to 1."""
    undecided = [FaceVerdict(face, Label.INCONCLUSIVE, 0.5, (0.0, 1.0)) for face in faces]
    return Judgement(
        label=Label.INCONCLUSIVE,
        score=0.5,
        interval=(0.0, 1.0),
        faces=tuple(undecided),
        reasons=(Reason.NOT_CALIBRATED,),
        operating_points=(),
    )


def _picture_words(logits: Sequence[Floats]) -> str:
    crops = np.concatenate(logits)
    return (
        f"The mean logit over {_count(crops.size, 'crop')} is {crops.mean():+.2f}, {_side(crops)}."
    )


def _face_words(index: int, logits: Floats) -> str:
    crops = _count(logits.size, "crop")
    return (
        f"Face {index + 1}: the mean logit over {crops} is {logits.mean():+.2f}, {_side(logits)}."
    )


def _side(logits: Floats) -> str:
    if logits.mean() > 0:
        return "nearer to the generated and edited pictures of its training than to the others"
    return "nearer to the unaltered photographs of its training than to the others"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _measurements(logits: Sequence[Floats]) -> dict[str, float]:
    crops = np.concatenate(logits)
    return {
        "logit_mean": float(crops.mean()),
        "logit_max": float(crops.max()),
        "crops_count": float(crops.size),
    }


def _missing_evidence(error: WeightsUnavailable) -> Evidence:
    return Evidence((Finding(f"This detector was not run: {error}"),))
