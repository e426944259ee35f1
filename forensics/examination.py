"""From a path to a verdict: one case, every analysis, every detector, one judgement.

for stage in Examiner().stages("photo.jpg"):
    print(stage.name, stage.done, stage.total)
print(stage.verdict)
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import cast

import numpy as np

from forensics import __version__, scoring
from forensics.analysis import Analysis
from forensics.blas import one_blas_thread
from forensics.case import Case
from forensics.detector import CropDetector, Detector, Localiser, fake_logit
from forensics.errors import ForensicsError, WeightsUnavailable, blaming
from forensics.faces.align import face_crop
from forensics.loading import (
    FINGERPRINT,
    analyses_by_default,
    fusion_of,
    load_analysis,
    load_detector,
    load_lookup,
)
from forensics.plugins import default_detectors
from forensics.prevalence import with_prevalence
from forensics.schema import (
    Evidence,
    Face,
    Finding,
    Image,
    Reason,
    Verdict,
)
from forensics.verdict import Fusion

FAST = ("efficientnet_lite0", "spectrum")
"""The detectors of `fast`: those that need no large backbone."""
SIGNATURES = "provenance"
"""The analysis that validates signatures."""
LONGEST = ("copy_move",)
"""Analyses that run on a thread of their own while the others run: array work, without the GIL."""
MOST_FACES = 16
"""A picture of a crowd is scored on its largest faces only, so that its cost stays bounded."""


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
        trust_anchors: Path | None = None,
        *,
        gallery: Path | None = None,
        camera: str = "",
    ) -> None:
        """Load the plugins by name; by default all but those that are there to be compared.

        Args:
            detectors: names of detectors. One that is asked for by name must have its weights;
                of the default ones, those without weights are left out, and the verdict says so.
            analyses: names of analyses.
            fast: use the cheap detectors only; not together with `detectors`.
            trust_anchors: PEM file of the certificates whose C2PA signers are trusted.
            gallery: folder of a gallery in which every face is looked up, as evidence "likeness".
            camera: name of an enrolled camera whose fingerprint is looked for.

        Raises:
            CameraUnusable: no camera has this name, or its file is damaged.
            GalleryUnusable: the gallery cannot be opened.
            UnknownPlugin: no plugin has this name.
            WeightsUnavailable: a detector asked for by name has no weights.
            CalibrationStale: the fusion was fitted with other weights than those at hand.
        """
        if fast and detectors is not None:
            raise ValueError("give either fast or detectors: fast is a choice of detectors")
        by_default = FAST if fast else default_detectors()
        wanted = by_default if detectors is None else detectors
        self.missing: dict[str, WeightsUnavailable] = {}
        self.detectors: dict[str, Detector] = {}
        for name in wanted:
            try:
                self.detectors[name] = load_detector(name)
            except WeightsUnavailable as error:
                if detectors is not None:
                    raise
                self.missing[name] = error
        chosen = analyses_by_default(camera, wanted) if analyses is None else analyses
        anchors = str(trust_anchors or "")
        options = {SIGNATURES: {"trust_anchors": anchors}, FINGERPRINT: {"camera": camera}}
        self.analyses: dict[str, Analysis] = {
            name: load_analysis(name, options.get(name, {})) for name in chosen
        }
        if gallery is not None:
            self.analyses["likeness"] = load_lookup(gallery)
        croppers = [name for name, one in self.detectors.items() if isinstance(one, CropDetector)]
        alone = {name: fusion_of([name]) for name in croppers}
        self.alone: dict[str, Fusion] = {n: found for n, found in alone.items() if found}
        self.fusion: Fusion | None = fusion_of(tuple(self.alone)) if self.alone else None

    def stages(self, path: Path | str) -> Iterator[Stage]:
        """Examine one file, yielding a `Stage` before each part and one with the verdict.

        Raises:
            UnreadableMedia, UnsupportedMedia, MediaTooLarge: the file cannot be examined.
            BrokenPlugin: an analysis or a detector failed on it.
        """
        with one_blas_thread():
            yield from self._stages(path)

    def _stages(self, path: Path | str) -> Iterator[Stage]:
        started = perf_counter()
        aside = [name for name in LONGEST if name in self.analyses]
        analyses = [name for name in self.analyses if name not in aside]
        names = ["reading", "faces", *analyses, *self.detectors, *aside, "verdict"]
        stages = (Stage(name, done, len(names)) for done, name in enumerate(names))
        yield next(stages)
        case = Case(path)
        image = case.image
        yield next(stages)
        faces = _largest(case.faces)
        crops = [face_crop(image, face) for face in faces]
        evidence = dict.fromkeys(self.analyses, Evidence(()))
        with ThreadPoolExecutor(1) as thread:
            begun = {name: thread.submit(self._analyse, name, case) for name in aside}
            for name in analyses:
                yield next(stages)
                evidence[name] = self._analyse(name, case)
            for name in self.detectors:
                yield next(stages)
                with blaming(name, case.media.path):
                    evidence[name] = self._detect(name, case, faces, [image, *crops])
            for name, waiting in begun.items():
                yield next(stages)
                evidence[name] = waiting.result()
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

    def _analyse(self, name: str, case: Case) -> Evidence:
        analysis = self.analyses[name]
        with blaming(name, case.media.path):
            return with_prevalence(analysis.examine(case), analysis.card)

    def _detect(self, name: str, case: Case, faces: list[Face], images: list[Image]) -> Evidence:
        """Score the picture and its face crops; crop detectors leave their logits in the case."""
        started = perf_counter()
        detector = self.detectors[name]
        score = None
        if isinstance(detector, CropDetector):
            case.class_logits[name] = rows = detector.class_logits(images)
            logits = [fake_logit(row) for row in rows]
            if name in self.alone:
                score = self.alone[name].judge({name: rows}, faces, _shape(case)).score
        else:
            logits = [np.atleast_1d(logit) for logit in detector.score(images)]
        heatmap = detector.locate(images[:1])[0] if isinstance(detector, Localiser) else None
        findings = scoring.findings(logits, score, heatmap, found_faces=len(case.faces))
        return Evidence(findings, scoring.measurements(logits), perf_counter() - started)

    def _verdict(
        self, case: Case, faces: list[Face], evidence: dict[str, Evidence], started: float
    ) -> Verdict:
        if self.fusion is None:
            judgement = scoring.without_calibration(faces)
        else:
            votes = {name: case.class_logits[name] for name in self.alone}
            judgement = self.fusion.judge(votes, faces, _shape(case))
        judgement = scoring.with_what_evidence_tells(judgement, evidence.values())
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
    trust_anchors: Path | None = None,
    *,
    gallery: Path | None = None,
) -> Verdict:
    """Examine one file. Arguments and errors are those of `Examiner` and `Examiner.stages`."""
    return Examiner(detectors, analyses, fast, trust_anchors, gallery=gallery).examine(path)


def examine_each(
    paths: Iterable[Path | str],
    detectors: Sequence[str] | None = None,
    analyses: Sequence[str] | None = None,
    fast: bool = False,
    trust_anchors: Path | None = None,
    *,
    gallery: Path | None = None,
) -> Iterator[Verdict | Failure]:
    """Examine files one by one, loading the plugins once; a file that fails gives a `Failure`."""
    examiner = Examiner(detectors, analyses, fast, trust_anchors, gallery=gallery)
    yield from examiner.examine_each(paths)


def _largest(faces: list[Face]) -> list[Face]:
    """The largest `MOST_FACES` of the faces, in their own order."""
    kept = sorted(range(len(faces)), key=lambda i: -faces[i].size)[:MOST_FACES]
    return [faces[i] for i in sorted(kept)]


def _missing_evidence(error: WeightsUnavailable) -> Evidence:
    return Evidence((Finding(f"This detector was not run: {error}"),))


def _shape(case: Case) -> tuple[int, int]:
    height, width, _ = case.image.shape
    return height, width
