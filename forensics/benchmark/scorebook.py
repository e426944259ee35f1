"""Which scores a benchmark has already: its own book, and what calibration left beside the runs."""

import hashlib
from functools import cached_property
from pathlib import Path

import numpy as np

from forensics.benchmark.book import Book
from forensics.benchmark.contestants import PLUGIN, Contestant, identity
from forensics.benchmark.datasets import REGION
from forensics.benchmark.judging import FITTED_ON, Shown
from forensics.benchmark.out_of_fold import FOLDS, ScoreBook, card_of_run, score_key
from forensics.benchmark.viewing import EQUALISED, Viewer
from forensics.benchmark.work import Numbers
from forensics.schema import Floats, ModelCard
from forensics.training import Sample

CONDITION_OF = dict(zip(FITTED_ON, ("clean", "degraded"), strict=True))
"""What calibration calls these ways of showing."""


class Scores:
    """Scores and seconds by contestant, way of showing and file; each is computed once."""

    def __init__(self, path: Path, viewer: Viewer, runs: Path | None) -> None:
        """Keep the book at `path`; `runs` holds NAME-FOLD, or None for weights that ship."""
        self.viewer, self.runs = viewer, runs
        self._book = Book(path)
        self._left: dict[str, ScoreBook] = {}
        self._cards: dict[tuple[str, str], ModelCard] = {}
        self._stamps: dict[str, str] = {}

    def get(self, one: Contestant, way: Shown, sample: Sample) -> Floats | None:
        """What `forensics.benchmark.work.Outcome.values` holds, or None."""
        known = self._book.get(self._key(one, way, sample))
        if known is not None:
            return np.asarray(known[0], np.float32)
        if self.runs is None or one.kind != PLUGIN or not self._as_calibrated:
            return None
        if way not in CONDITION_OF or self.viewer.level_of(sample) != "image":
            return None
        key = score_key(self._card_of_run(one.name, sample.fold), CONDITION_OF[way], sample)
        return self._left_by_calibration(one.name).get(key)

    def seconds(self, one: Contestant, way: Shown, sample: Sample) -> float:
        """How long it took, NaN where that was not measured."""
        known = self._book.get(self._key(one, way, sample))
        return float("nan") if known is None else float(known[1])

    def add(
        self, one: Contestant, way: Shown, sample: Sample, values: Numbers, seconds: float
    ) -> None:
        """Write one score."""
        self._book.add(self._key(one, way, sample), [values, seconds])

    def card(self, one: Contestant) -> str:
        """What identifies the weights and the code of a contestant; of runs, of all folds'."""
        if self.runs is None or one.kind != PLUGIN:
            if self.runs is not None and one.members:
                return _digest(*(self.card(Contestant(name, PLUGIN)) for name in one.members))
            return identity(one)
        return _digest(*(self._weights(one.name, fold) for fold in FOLDS))

    def shown_key(self, sample: Sample, pixels: str) -> tuple[str, ...]:
        """What decides the pixels of a file: the file as it is now, and how it is shown."""
        if sample.path not in self._stamps:
            self._stamps[sample.path] = self.viewer.stamp(sample)
        level = self.viewer.level_of(sample)
        how = f"{pixels} {self.viewer.side}" if pixels == EQUALISED else pixels
        what = f"{level} {self.viewer.frames}" if level.startswith("video") else level
        return how, what, sample.path, self._stamps[sample.path]

    def _key(self, one: Contestant, way: Shown, sample: Sample) -> tuple[str, ...]:
        pixels, degradation = way
        if self.runs is not None and one.kind == PLUGIN:
            who = self._weights(one.name, sample.fold)
        else:
            who = identity(one)
        return one.name, who, degradation, *self.shown_key(sample, pixels)

    def _weights(self, name: str, fold: str) -> str:
        card = self._card_of_run(name, fold)
        return "+".join((*(file.sha256[:12] for file in card.weights), str(card.score_version)))

    def _card_of_run(self, name: str, fold: str) -> ModelCard:
        assert self.runs is not None
        if (name, fold) not in self._cards:
            self._cards[name, fold] = card_of_run(name, self.runs / f"{name}-{fold}")
        return self._cards[name, fold]

    @cached_property
    def _as_calibrated(self) -> bool:
        return self.viewer.side == REGION and self.viewer.level == "image"

    def _left_by_calibration(self, name: str) -> ScoreBook:
        assert self.runs is not None
        if name not in self._left:
            self._left[name] = ScoreBook(self.runs / f"scores-{name}.jsonl")
        return self._left[name]


def _digest(*facts: str) -> str:
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]
