"""Scores every picture by the detector that never saw its fold, and keeps what was computed."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from forensics.augmentation import equalised
from forensics.benchmark.book import Book
from forensics.benchmark.degrade import chains_of
from forensics.detector import CropDetector
from forensics.errors import WeightsUnavailable
from forensics.plugins import entries, plugin_class
from forensics.schema import Floats, Image, ModelCard, WeightFile
from forensics.training import EQUALISE, Sample
from forensics.weights import file_sha256

FOLDS = ("A", "B", "C", "D")
SHIPPED = "all"
HALF_SIZE_JPEG = chains_of("resize:0.5+jpeg:75")[0]


def clean(image: Image, seed: int) -> Image:
    """The equalised picture: a native region, one JPEG of quality 84 to 94."""
    return equalised(image, seed)


def degraded(image: Image, seed: int) -> Image:
    """The equalised picture at half its size (bicubic), then JPEG 75."""
    return HALF_SIZE_JPEG.apply(equalised(image, seed), seed)


CONDITIONS: dict[str, Callable[[Image, int], Image]] = {"clean": clean, "degraded": degraded}


@dataclass(frozen=True, eq=False)
class Scored:
    """One picture's class logits, (k, 3), by one detector, fold and condition."""

    path: str
    detector: str
    fold: str
    condition: str
    logits: Floats


class ScoreBook:
    """Class logits by key, in a `Book`, rounded so that a score is the same when it is read."""

    def __init__(self, path: Path) -> None:
        """Open or create the book."""
        self._book = Book(path)

    def get(self, key: tuple[str, ...]) -> Floats | None:
        """The logits under a key, or None."""
        known = self._book.get(key)
        return None if known is None else np.asarray(known, np.float32)

    def add(self, key: tuple[str, ...], logits: Floats) -> Floats:
        """Write one row; return it as it will be read."""
        self._book.add(key, np.round(logits.astype(float), 5).tolist())
        return np.asarray(self._book.get(key), np.float32)


def trained_as(name: str) -> str:
    """Whose training gives a detector its weights: another's, where its card names their file."""
    weights = entries("detector")[name].card.weights
    stem = Path(weights[0].file).stem if weights else name
    return stem if stem in entries("detector") else name


def card_of_run(name: str, folder: Path) -> ModelCard:
    """The card of a detector with the weights of a training run instead of the shipped ones.

    Raises:
        WeightsUnavailable: the run has left no weights yet.
    """
    suffixes = (".safetensors", ".onnx")
    files = [folder / f"{trained_as(name)}{suffix}" for suffix in suffixes]
    found = tuple(WeightFile(path.name, file_sha256(path)) for path in files if path.exists())
    if not found:
        raise WeightsUnavailable(
            f"{folder} holds no weights of {name}; run `forensics train` first"
        )
    return dataclasses.replace(entries("detector")[name].card, folder=folder, weights=found)


def detector_of_run(name: str, folder: Path, options: object | None = None) -> CropDetector:
    """Build a detector with the weights of a training run; raises what `card_of_run` raises."""
    card = card_of_run(name, folder)
    detector: CropDetector = plugin_class("detector", name)(card, options)
    return detector


def score_run(
    detector: CropDetector,
    samples: Sequence[Sample],
    read: Callable[[Sample], Image],
    book: ScoreBook,
    condition: str,
) -> Iterator[Scored]:
    """Score samples by one detector under one condition, a row at a time."""
    for sample in samples:
        key = score_key(detector.card, condition, sample)
        logits = book.get(key)
        if logits is None:
            picture = CONDITIONS[condition](read(sample), sample.seed(EQUALISE))
            logits = book.add(key, detector.class_logits([picture])[0])
        yield Scored(sample.path, detector.card.name, sample.fold, condition, logits)


def score_key(card: ModelCard, condition: str, sample: Sample) -> tuple[str, ...]:
    """Under which a book keeps a score: the detector, its weights and version, what was shown."""
    weights = "+".join(file.sha256[:12] for file in card.weights)
    return card.name, weights, str(card.score_version), condition, sample.path


def options_with_cache(name: str, cache: Path) -> Any:
    """The detector's default options, keeping features in `cache` where it can."""
    options = plugin_class("detector", name).Options()
    return dataclasses.replace(options, cache=str(cache)) if hasattr(options, "cache") else options
