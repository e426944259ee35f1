"""Scores every picture by the detector that never saw its fold, and keeps what was computed."""

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from forensics.augmentation import equalised, jpeg
from forensics.detector import CropDetector
from forensics.errors import WeightsUnavailable
from forensics.plugins import entries, plugin_class
from forensics.schema import Floats, Image, ModelCard, WeightFile
from forensics.training import EQUALISE, Sample
from forensics.weights import file_sha256

FOLDS = ("A", "B", "C", "D")
SHIPPED = "all"


def clean(image: Image, seed: int) -> Image:
    """The equalised picture: a native region, one JPEG of quality 84 to 94."""
    return equalised(image, seed)


def degraded(image: Image, seed: int) -> Image:
    """The equalised picture at half its size (bicubic), then JPEG 75."""
    picture = Pillow.fromarray(equalised(image, seed))
    half = (max(1, picture.width // 2), max(1, picture.height // 2))
    return jpeg(np.asarray(picture.resize(half, Pillow.Resampling.BICUBIC)), 75)


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
    """Append-only JSON lines: what is in it is not computed again."""

    def __init__(self, path: Path) -> None:
        """Open or create the book."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._known: dict[tuple[str, ...], Floats] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                key, logits = json.loads(line)
                self._known[tuple(key)] = np.asarray(logits, np.float32)

    def get(self, key: tuple[str, ...]) -> Floats | None:
        """The logits under a key, or None."""
        return self._known.get(key)

    def add(self, key: tuple[str, ...], logits: Floats) -> None:
        """Write one row; it counts as soon as it is on disk."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([key, np.round(logits.astype(float), 5).tolist()]) + "\n")
        self._known[key] = np.round(logits, 5)


def detector_of_run(name: str, folder: Path, options: object | None = None) -> CropDetector:
    """Build a detector with the weights of a training run instead of the shipped ones.

    Raises:
        WeightsUnavailable: the run has left no weights yet.
    """
    suffixes = (".safetensors", ".onnx")
    files = [folder / f"{name}{suffix}" for suffix in suffixes]
    found = tuple(WeightFile(path.name, file_sha256(path)) for path in files if path.exists())
    if not found:
        raise WeightsUnavailable(
            f"{folder} holds no weights of {name}; run `forensics train` first"
        )
    card = dataclasses.replace(entries("detector")[name].card, folder=folder, weights=found)
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
    card: ModelCard = detector.card
    weights = "+".join(file.sha256[:12] for file in card.weights)
    for sample in samples:
        key = (card.name, weights, str(card.score_version), condition, sample.path)
        logits = book.get(key)
        if logits is None:
            picture = CONDITIONS[condition](read(sample), sample.seed(EQUALISE))
            logits = detector.class_logits([picture])[0]
            book.add(key, logits)
        yield Scored(sample.path, card.name, sample.fold, condition, logits)


def options_with_cache(name: str, cache: Path) -> Any:
    """The detector's default options, keeping features in `cache` where it can."""
    options = plugin_class("detector", name).Options()
    return dataclasses.replace(options, cache=str(cache)) if hasattr(options, "cache") else options
