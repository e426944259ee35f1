"""One file at a time: decode once, degrade, let every detector score; nothing here may fall over.

A file or a detector that fails gives an outcome that says so; the benchmark counts it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

from forensics.benchmark.contestants import (
    FUSED,
    METADATA,
    Contestant,
    fusion_of,
    loaded,
)
from forensics.benchmark.degrade import chains_of
from forensics.benchmark.viewing import Viewer
from forensics.case import Case
from forensics.detector import CropDetector, Detector
from forensics.errors import BrokenPlugin, ForensicsError
from forensics.faces.align import face_crop
from forensics.faces.detect import find_faces
from forensics.plugins import load
from forensics.schema import Face, Floats, Image, Label
from forensics.training import EQUALISE, Sample

MOST_FACES = 16
_LONGEST_MESSAGE = 300
Numbers = list[float] | list[list[float]]
T = TypeVar("T")


@dataclass(frozen=True)
class Want:
    """What is to be scored: how the pixels are made, and by whom.

    `facts` asks for what is trivially read off the file too.
    """

    pixels: str
    degradation: str
    names: tuple[str, ...]
    facts: bool = False


@dataclass(frozen=True)
class Job:
    """One file, and what is wanted of it."""

    sample: Sample
    wants: tuple[Want, ...]


@dataclass(frozen=True)
class Outcome:
    """What one contestant made of one file, shown in one way.

    `values`: (k, 3) class logits by crop, else logits by picture; of the fused verdict its score,
    whether it was called and whether cleared; None where `failure` says why.
    """

    path: str
    name: str
    pixels: str
    degradation: str
    values: Numbers | None
    seconds: float
    failure: str = ""


@dataclass(frozen=True)
class FactsOf:
    """What is trivially read off one file; None where it cannot be read."""

    path: str
    pixels: str
    facts: dict[str, str | float] | None


@dataclass(frozen=True)
class Plan:
    """All that a worker needs to know. `runs`: holds NAME-FOLD, weights that never saw a fold."""

    viewer: Viewer
    contestants: tuple[Contestant, ...]
    runs: Path | None = None
    cache: Path | None = None


class Bench:
    """Loads detectors at first use and works through jobs."""

    def __init__(self, plan: Plan) -> None:
        """Work as `plan` says."""
        self.plan = plan
        self.by_name = {each.name: each for each in plan.contestants}
        self._loaded: dict[tuple[str, str], Detector] = {}

    def work(self, job: Job) -> list[Outcome | FactsOf]:
        """Do one job; every wanted score comes back, as numbers or as a failure."""
        return list(self._work(job))

    def _work(self, job: Job) -> Iterator[Outcome | FactsOf]:
        for pixels in dict.fromkeys(want.pixels for want in job.wants):
            wants = [want for want in job.wants if want.pixels == pixels]
            if any(want.facts for want in wants):
                yield self._facts(job.sample, pixels)
            scored = [want for want in wants if want.names]
            if not scored:
                continue
            views = attempt(lambda: self.plan.viewer.views(job.sample, pixels))  # noqa: B023
            for want in scored:
                yield from self._shown(job.sample, want, views)

    def _facts(self, sample: Sample, pixels: str) -> FactsOf:
        found = attempt(lambda: self.plan.viewer.facts(sample, pixels))
        return FactsOf(sample.path, pixels, None if isinstance(found, str) else found)

    def _shown(self, sample: Sample, want: Want, views: "list[Image] | str") -> Iterator[Outcome]:
        (chain,) = chains_of(want.degradation)
        shown = views
        if not isinstance(views, str):
            seed = sample.seed(EQUALISE)
            shown = attempt(
                lambda: [chain.apply(view, seed + index) for index, view in enumerate(views)]
            )
        scoring = None if isinstance(shown, str) else _Scoring(self, sample, shown)
        for name in want.names:
            started = perf_counter()
            result: Numbers | str
            if name == METADATA:
                result = attempt(lambda: self._metadata(sample))
            elif scoring is None:
                result = str(shown)
            else:
                result = attempt(lambda: scoring.values(self.by_name[name]))  # noqa: B023
            seconds = perf_counter() - started
            if name == FUSED and scoring is not None:
                seconds += scoring.shared_seconds(self.by_name[name])
            numbers, failure = (None, result) if isinstance(result, str) else (result, "")
            yield Outcome(
                sample.path,
                name,
                want.pixels,
                want.degradation,
                numbers,
                round(seconds, 4),
                failure,
            )

    def detector(self, name: str, fold: str) -> Detector:
        """The detector of that name; where there are runs, the one that never saw the fold."""
        key = (name, fold if self.plan.runs else "")
        if key not in self._loaded:
            run = self.plan.runs / f"{name}-{fold}" if self.plan.runs else None
            self._loaded[key] = loaded(self.by_name[name], run, self.plan.cache)
        return self._loaded[key]

    def _metadata(self, sample: Sample) -> list[float]:
        """Whether the file says of itself that it was generated: 1 or 0."""
        path = self.plan.viewer.root / sample.path
        if path.exists():
            return [self._says_generated(path)]
        with TemporaryDirectory() as folder:
            copy = Path(folder) / Path(sample.path).name
            copy.write_bytes(self.plan.viewer.stored(sample))
            return [self._says_generated(copy)]

    def _says_generated(self, path: Path) -> float:
        case = Case(path)
        facts: dict[str, float] = {}
        for analysis in self._file_readers:
            facts |= analysis.examine(case).measurements
        marks = facts.get("generator_marks_count", 0) + facts.get("generated_claims_count", 0)
        return float(marks > 0)

    @cached_property
    def _file_readers(self) -> list[Any]:
        return [load("analysis", name) for name in ("metadata", "provenance")]


class _Scoring:
    """The scores of one file shown in one way; class logits are computed once for all."""

    def __init__(self, bench: Bench, sample: Sample, shown: Sequence[Image]) -> None:
        self.bench, self.sample, self.shown = bench, sample, shown
        self._class_logits: dict[str, list[Floats]] = {}
        self._seconds: dict[str, float] = {}
        self._before: dict[str, float] = {}

    def values(self, contestant: Contestant) -> Numbers:
        """Class logits by crop, logits by picture, or the verdict's three numbers."""
        if contestant.kind == FUSED:
            return self._verdict(contestant)
        detector = self.bench.detector(contestant.name, self.sample.fold)
        if isinstance(detector, CropDetector):
            rows = np.concatenate(self._crops(contestant.name, detector))
        else:
            rows = np.asarray(detector.score(self.shown), np.float64)
            if rows.shape != (len(self.shown),):
                raise BrokenPlugin(f"one logit a picture is needed, got the shape {rows.shape}")
        if not np.isfinite(rows).all():
            raise BrokenPlugin("a logit is not finite")
        rounded: Numbers = np.round(rows.astype(float), 5).tolist()
        return rounded

    def _crops(self, name: str, detector: CropDetector) -> list[Floats]:
        if name not in self._class_logits:
            started = perf_counter()
            self._class_logits[name] = detector.class_logits(self.shown)
            self._seconds[name] = perf_counter() - started
        return self._class_logits[name]

    def shared_seconds(self, fused: Contestant) -> float:
        """What the verdict's detectors took before, on their own account."""
        return sum(self._before.get(name, 0.0) for name in fused.members)

    def _verdict(self, contestant: Contestant) -> list[float]:
        """The verdict on a picture and its faces; on a clip, on all its frames' crops together."""
        fusion = fusion_of(contestant.members)
        if fusion is None:
            raise BrokenPlugin("the verdict has no calibration for these detectors")
        self._before = dict(self._seconds)
        picture = self.shown[0]
        faces = _largest_faces(picture) if len(self.shown) == 1 else []
        logits: dict[str, list[Floats]] = {}
        for name in contestant.members:
            detector = self.bench.detector(name, self.sample.fold)
            assert isinstance(detector, CropDetector)
            whole = np.concatenate(self._crops(name, detector))
            of_faces = detector.class_logits([face_crop(picture, face) for face in faces])
            logits[name] = [whole, *of_faces]
        judged = fusion.judge(logits, faces, picture.shape)
        called = judged.label in (Label.SYNTHETIC, Label.MANIPULATED)
        cleared = judged.label is Label.NO_TRACES_FOUND
        return [round(judged.score, 6), float(called), float(cleared)]


def _largest_faces(image: Image) -> list[Face]:
    return sorted(find_faces(image), key=lambda face: -face.size)[:MOST_FACES]


def attempt(act: Callable[[], T]) -> T | str:
    """What `act` returns, or the message of what went wrong."""
    try:
        return act()
    except ForensicsError as error:
        return _short(str(error))
    # Detectors are anybody's code, and one that fails must not end a benchmark of hours.
    except Exception as error:
        return _short(f"{type(error).__name__}: {error}")


def _short(message: str) -> str:
    return " ".join(message.split())[:_LONGEST_MESSAGE] or "failed without a word"
