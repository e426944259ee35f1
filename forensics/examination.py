"""From a path to a verdict: one case, every analysis, every detector, one judgement.

for stage in Examiner().stages("photo.jpg"):
    print(stage.name, stage.done, stage.total)
print(stage.verdict)
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter
from typing import cast

import numpy as np

from forensics import __version__, scoring
from forensics.analysis import Analysis
from forensics.blas import one_blas_thread
from forensics.case import Case
from forensics.choosing import choose
from forensics.detector import CropDetector, Detector, Localiser, fake_logit
from forensics.errors import WeightsUnavailable, blaming
from forensics.faces import networks
from forensics.loading import (
    FINGERPRINT,
    fusion_of,
    load_analysis,
    load_detector,
    load_lookup,
)
from forensics.looking import Views, views_of
from forensics.plugins import default_detectors
from forensics.prevalence import with_prevalence
from forensics.schema import (
    Evidence,
    Face,
    Finding,
    Reason,
    Verdict,
)
from forensics.stages import Failure, Gate, Stage, each_in_order
from forensics.verdict import Fusion

SIGNATURES = "provenance"
"""The analysis that validates signatures."""
LONGEST = ("copy_move",)
"""Analyses that run on a thread of their own while the others run: array work, without the GIL."""


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
        maps: bool = True,
    ) -> None:
        """Load the plugins by name; by default all but those that are there to be compared.

        Args:
            detectors: names of detectors. One that is asked for by name must have its weights;
                of the default ones, those without weights are left out, and the verdict says so.
            analyses: names of analyses.
            fast: run what `forensics.choosing` calls quick; not together with `detectors`.
            trust_anchors: PEM file of the certificates whose C2PA signers are trusted.
            gallery: folder of a gallery in which every face is looked up, as evidence "likeness".
            camera: name of an enrolled camera whose fingerprint is looked for.
            maps: whether detectors draw where they see traces; no verdict depends on it.

        Raises:
            CameraUnusable: no camera has this name, or its file is damaged.
            GalleryUnusable: the gallery cannot be opened.
            UnknownPlugin: no plugin has this name.
            WeightsUnavailable: a detector asked for by name has no weights.
            CalibrationStale: the fusion was fitted with other weights than those at hand.
        """
        chosen = choose(default_detectors(), detectors, analyses, fast=fast, camera=camera)
        self.choice, self._maps = chosen, maps
        self.missing: dict[str, WeightsUnavailable] = {}
        self.detectors: dict[str, Detector] = {}
        # Networks open on threads, while the other plugins load and the first picture is decoded.
        ahead = ThreadPoolExecutor(2)
        ahead.submit(networks.prepare)
        for name in chosen.detectors:
            try:
                self.detectors[name] = load_detector(name)
                ahead.submit(self.detectors[name].prepare)
            except WeightsUnavailable as error:
                if detectors is not None:
                    raise
                self.missing[name] = error
        anchors = str(trust_anchors or "")
        options = {SIGNATURES: {"trust_anchors": anchors}, FINGERPRINT: {"camera": camera}}
        self.analyses: dict[str, Analysis] = {
            name: load_analysis(name, options.get(name, {})) for name in chosen.analyses
        }
        for analysis in self.analyses.values():
            ahead.submit(analysis.prepare)
        ahead.shutdown(wait=False)
        if gallery is not None:
            self.analyses["likeness"] = load_lookup(gallery)
        croppers = [name for name, one in self.detectors.items() if isinstance(one, CropDetector)]
        alone = {name: fusion_of([name]) for name in croppers}
        self.alone: dict[str, Fusion] = {n: found for n, found in alone.items() if found}
        self.fusion: Fusion | None = fusion_of(tuple(self.alone)) if self.alone else None

    def stages(self, path: Path | str, room: Gate = nullcontext) -> Iterator[Stage]:
        """Examine one file, yielding a `Stage` before each part and one with the verdict.

        Args:
            path: of the file.
            room: entered with the number of pixels before they are decoded.

        Raises:
            UnreadableMedia, UnsupportedMedia, MediaTooLarge: the file cannot be examined.
            BrokenPlugin: an analysis or a detector failed on it.
        """
        with one_blas_thread():
            yield from self._stages(path, room)

    def _stages(self, path: Path | str, room: Gate) -> Iterator[Stage]:
        started = perf_counter()
        names = ["reading", "faces", *self._order(), "verdict"]
        stages = (Stage(name, done, len(names)) for done, name in enumerate(names))
        yield next(stages)
        case = Case(path, smallest_face=self.choice.smallest_face)
        with room(case.media.width * case.media.height), ThreadPoolExecutor(1) as thread:
            image = case.image
            # It reads the pixels and nothing else of the case, so that faces may come meanwhile.
            begun = {name: thread.submit(self._analyse, name, case) for name in self._aside()}
            yield next(stages)
            with blaming("the search for faces", case.media.path):
                faces = case.faces
            views = views_of(image, faces)
            evidence = yield from self._evidence(case, views, stages, begun)
            yield next(stages)
            verdict = self._verdict(case, views.faces, evidence, started)
        yield Stage("done", len(names), len(names), verdict, case)

    def _aside(self) -> list[str]:
        return [name for name in LONGEST if name in self.analyses]

    def _order(self) -> list[str]:
        """The plugins in the order of their stages.

        Those that need a backbone come late, because it is still being read when the first picture
        is; what runs aside is waited for last.
        """
        plugins: dict[str, Analysis | Detector] = {**self.analyses, **self.detectors}
        aside = self._aside()
        return sorted(plugins, key=lambda name: (name in aside, bool(plugins[name].card.requires)))

    def _evidence(
        self,
        case: Case,
        views: Views,
        stages: Iterator[Stage],
        begun: Mapping[str, Future[Evidence]],
    ) -> Generator[Stage, None, dict[str, Evidence]]:
        """What every plugin finds, by name; yields a stage before each."""
        evidence = dict.fromkeys((*self.analyses, *self.detectors), Evidence(()))
        for name in self._order():
            yield next(stages)
            if name in begun:
                evidence[name] = begun[name].result()
            elif name in self.analyses:
                evidence[name] = self._analyse(name, case)
            else:
                with blaming(name, case.media.path):
                    evidence[name] = self._detect(name, case, views)
        return evidence | {name: _missing_evidence(error) for name, error in self.missing.items()}

    def examine(self, path: Path | str) -> Verdict:
        """Examine one file; raises what `stages` raises."""
        verdict = None
        for stage in self.stages(path):
            verdict = stage.verdict
        return cast(Verdict, verdict)

    def examine_each(
        self, paths: Iterable[Path | str], workers: int = 1
    ) -> Iterator[Verdict | Failure]:
        """Examine files; a file that fails gives a `Failure` and the rest go on.

        Args:
            paths: any number, taken a few ahead.
            workers: how many files are examined at a time. Neither the order of the results nor
                what they say depends on it.
        """
        return each_in_order(self.stages, paths, workers, lambda verdict, case: verdict)

    def _analyse(self, name: str, case: Case) -> Evidence:
        analysis = self.analyses[name]
        with blaming(name, case.media.path):
            return with_prevalence(analysis.examine(case), analysis.card)

    def _detect(self, name: str, case: Case, views: Views) -> Evidence:
        """Score the picture and its face crops; crop detectors leave their logits in the case."""
        started = perf_counter()
        detector = self.detectors[name]
        score = None
        if isinstance(detector, CropDetector):
            rows = detector.class_logits(views.images)
            looks = [fake_logit(row) for row in rows]
            case.class_logits[name] = seen = [rows[place] for place in views.places]
            if name in self.alone:
                score = self.alone[name].judge({name: seen}, views.faces, _shape(case)).score
        else:
            looks = [np.atleast_1d(logit) for logit in detector.score(views.images)]
        heatmap = None
        if self._maps and isinstance(detector, Localiser):
            [heatmap] = detector.locate(views.images[:1])
        findings = scoring.findings(
            looks, views.places, score, heatmap, found_faces=len(case.faces)
        )
        return Evidence(findings, scoring.measurements(looks), perf_counter() - started)

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
            not_run=self.choice.left_out,
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
    workers: int = 1,
) -> Iterator[Verdict | Failure]:
    """Examine files, `workers` at a time, loading the plugins once.

    Results come in the order of the paths; a file that fails gives a `Failure`.
    """
    examiner = Examiner(detectors, analyses, fast, trust_anchors, gallery=gallery)
    yield from examiner.examine_each(paths, workers)


def _missing_evidence(error: WeightsUnavailable) -> Evidence:
    return Evidence((Finding(f"This detector was not run: {error}"),))


def _shape(case: Case) -> tuple[int, int]:
    height, width, _ = case.image.shape
    return height, width
