"""Who takes part in a benchmark: detectors by name, a file with one, a run's, scores in a CSV."""

import csv
import dataclasses
import hashlib
import importlib.util
import inspect
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from forensics.benchmark.out_of_fold import detector_of_run, options_with_cache
from forensics.detector import CropDetector, Detector
from forensics.errors import (
    BrokenPlugin,
    CalibrationStale,
    InvalidManifest,
    InvalidOption,
    NotCalibrated,
    UnknownPlugin,
)
from forensics.plugins import backbones, entries, fingerprint, load, read_card
from forensics.schema import ModelCard
from forensics.verdict import Fusion, load_fusion
from forensics.weights import file_sha256, verified_path

FUSED, METADATA = "fused", "metadata"
PLUGIN, FILE, TABLE = "plugin", "file", "table"


@dataclass(frozen=True)
class Contestant:
    """One that gives scores: its name, what kind it is, and the file it comes from, if any.

    `kind`: `PLUGIN` (also a run's weights), `FILE` (a detector in a Python file), `TABLE` (scores
    in a CSV file), `FUSED` (the verdict of `members`), `METADATA` (what files say of themselves).
    """

    name: str
    kind: str
    path: Path | None = None
    members: tuple[str, ...] = ()
    digest: str = ""
    """Of the file as it was, twelve hex digits."""

    @property
    def computed(self) -> bool:
        """Whether its scores come from pictures or files, not from a table."""
        return self.kind != TABLE


def contestant_of(text: str) -> Contestant:
    """A detector by its name, or by the path of a Python file.

    Raises:
        UnknownPlugin: no detector has this name.
        InvalidOption: the file does not exist, or its name is taken.
    """
    if text.endswith(".py"):
        path = Path(text)
        if not path.is_file():
            raise InvalidOption(f"{path.name} does not exist; give the file of a detector")
        if path.stem in {*entries("detector"), FUSED, METADATA}:
            raise InvalidOption(f"{path.stem!r} is taken by another detector; rename {path.name}")
        return Contestant(path.stem, FILE, path.resolve(), digest=_digest_of(path))
    if text not in entries("detector"):
        known = ", ".join(entries("detector"))
        raise UnknownPlugin(f"no detector is called {text!r}; there are {known}, or give FILE.py")
    return Contestant(text, PLUGIN)


def table_of_scores(text: str) -> Contestant:
    """Scores in a file: "NAME=FILE.csv".

    Raises:
        InvalidOption: not of this form, or the file does not exist.
    """
    name, equals, path = text.partition("=")
    if not equals or not name or not Path(path).is_file():
        raise InvalidOption(f"scores are given as NAME=FILE.csv, a file that exists; got {text!r}")
    return Contestant(name, TABLE, Path(path).resolve(), digest=_digest_of(Path(path)))


def detector_in_file(path: Path) -> Detector:
    """Load the one detector that a Python file defines, with the card beside it if there is one.

    Raises:
        BrokenPlugin: the file fails to load, or does not define exactly one detector.
    """
    spec = importlib.util.spec_from_file_location(f"benchmarked_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise BrokenPlugin(f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise BrokenPlugin(f"{path.name} fails to load: {error}") from error
    found = [
        each
        for each in vars(module).values()
        if inspect.isclass(each)
        and issubclass(each, Detector)
        and each.__module__ == module.__name__
        and not inspect.isabstract(each)
    ]
    if len(found) != 1:
        raise BrokenPlugin(f"{path.name} must define one detector, it defines {len(found)}")
    beside = path.with_suffix(".toml")
    card = read_card(beside) if beside.is_file() else _card_of_file(path)
    detector: Detector = found[0](card)
    return detector


def _card_of_file(path: Path) -> ModelCard:
    return ModelCard(path.stem, "detector", path.stem, "", "pictures", "not stated", path.parent)


def loaded(
    contestant: Contestant, run: Path | None = None, cache_folder: Path | None = None
) -> Detector:
    """Build a detector, with the weights of a run where one is given.

    Args:
        contestant: of kind `PLUGIN` or `FILE`.
        run: the folder of a training run.
        cache_folder: keeps features that depend on pictures alone, for those that can.

    Raises:
        WeightsUnavailable: a file is missing; the message has the command that gets it.
        BrokenPlugin: the file does not define a detector.
    """
    if contestant.kind == FILE:
        assert contestant.path is not None
        return detector_in_file(contestant.path)
    options = options_with_cache(contestant.name, cache_folder) if cache_folder else None
    if run is not None:
        return detector_of_run(contestant.name, run, options)
    detector: Detector = load("detector", contestant.name, options)
    for card in (detector.card, *(backbones()[name] for name in detector.card.requires)):
        for file in card.weights:
            verified_path(card, file)
    return detector


@cache
def identity(contestant: Contestant) -> str:
    """Twelve hex digits that change with what decides the scores: weights, code, calibration."""
    if contestant.kind == PLUGIN:
        return fingerprint(entries("detector")[contestant.name].card)[:12]
    if contestant.digest:
        return contestant.digest
    if contestant.kind == FUSED:
        fusion = fusion_of(contestant.members)
        facts = dataclasses.astuple(fusion.chosen.fusion) if fusion else ()
        return _digest(repr(facts), *(identity(Contestant(n, PLUGIN)) for n in contestant.members))
    return _digest(*(fingerprint(card) for card in _file_readers()))


def _digest_of(path: Path) -> str:
    """Of a detector's file or a table, and of the card beside it."""
    both = (path, path.with_suffix(".toml"))
    return _digest(*(file_sha256(each) for each in both if each.is_file()))


def _file_readers() -> list[ModelCard]:
    return [entries("analysis")[name].card for name in ("metadata", "provenance")]


def _digest(*facts: str) -> str:
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]


@cache
def fusion_of(names: tuple[str, ...]) -> Fusion | None:
    """The calibration of a set of detectors; None where there is none, or only a stale one."""
    try:
        return load_fusion(names)
    except (NotCalibrated, CalibrationStale):
        return None


def fused_of(contestants: list[Contestant]) -> Contestant | None:
    """The verdict of those detectors that have one together, or None."""
    names = tuple(
        each.name for each in contestants if each.kind == PLUGIN and fusion_of((each.name,))
    )
    return Contestant(FUSED, FUSED, members=names) if names and fusion_of(names) else None


def crops_of(detector: Detector) -> CropDetector | None:
    """The detector, if it gives class logits by crop."""
    return detector if isinstance(detector, CropDetector) else None


def read_scores(path: Path) -> dict[tuple[str, str, str], float]:
    """Read P(fake) by path, pixels and degradation from a CSV file.

    Columns: `path`, and `score` in [0, 1] or `logit`; `pixels` and `degradation` where they are
    not "original" and "none".

    Raises:
        InvalidManifest: a column is missing, or a value is no such number.
    """
    found = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = set(reader.fieldnames or ())
            if "path" not in columns or not columns & {"score", "logit"}:
                raise InvalidManifest(f"{path.name} needs the columns path and score (or logit)")
            for row in reader:
                place = f"{path.name}, line {reader.line_num}"
                key = (
                    row["path"],
                    row.get("pixels") or "original",
                    row.get("degradation") or "none",
                )
                found[key] = _score_in(row, place)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidManifest(f"{path.name} cannot be read as CSV in UTF-8: {error}") from error
    return found


def _score_in(row: dict[str, str], place: str) -> float:
    name = "score" if row.get("score") else "logit"
    try:
        value = float(row.get(name) or "")
    except ValueError as error:
        raise InvalidManifest(f"{place}: {name} is no number") from error
    if name == "logit" and math.isfinite(value):
        return float(0.5 * (1 + np.tanh(0.5 * value)))
    if not 0 <= value <= 1:
        raise InvalidManifest(f"{place}: a score lies in [0, 1], got {value:g}; call it logit else")
    return value
