"""What detectors learn from trace makers: left-out AUC by mix, under one recipe and budget."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forensics.benchmark.datasets import PictureStore
from forensics.benchmark.out_of_fold import (
    ScoreBook,
    detector_of_run,
    options_with_cache,
    score_run,
)
from forensics.benchmark.swap_twins import Donors, twin_reader
from forensics.benchmark.tables import Figure, generator_auc, mean_auc, rows_of
from forensics.detector import CropDetector, fake_logit
from forensics.plugins import load
from forensics.training import Sample, TrainingData

CHOICE_FOLDS = ("A", "C")
"""Choices between recipes are made on these."""


@dataclass(frozen=True)
class Mix:
    """A detector's run on a mix of trace makers, and where its features and scores lie.

    Attributes:
        recipe: the detector's own, frozen; its field `twins` is the share of the real pictures
            that each maker turns into pairs.
        share: what the folder of the run is called after, where it is not the recipe's usual one.
    """

    detector: str
    makers: tuple[str, ...]
    folder: Path
    cache: Path
    recipe: Any
    share: float | None = None

    @property
    def title(self) -> str:
        """The makers' names, or "rows only"."""
        return " + ".join(self.makers) or "rows only"

    @property
    def place(self) -> Path:
        """The folder of the mix."""
        name = "-".join(self.makers) or "none"
        return self.folder / (name if self.share is None else f"{name}-{self.share:g}")

    def run(self, fold: str) -> Path:
        """The folder of the run without `fold`."""
        return self.place / f"{self.detector}-{fold}"

    def with_share(self, share: float) -> "Mix":
        """The same mix with another share of pairs; none at all without makers."""
        if share == 0:
            return dataclasses.replace(self, makers=())
        if share == self.recipe.twins:
            return self
        recipe = dataclasses.replace(self.recipe, twins=share)
        return dataclasses.replace(self, recipe=recipe, share=share)


def left_out_auc(
    mix: Mix, samples: Sequence[Sample], store: PictureStore, condition: str
) -> dict[str, Figure]:
    """Train without A and without C on a mix, score what was left out.

    Returns:
        Mean AUC over the generators of both folds against the reals of the same fold, and then of
        each generator, by name.
    """
    chosen, ranked = left_out_logits(mix, samples, store, condition)
    rows = rows_of(chosen)
    figures = {name: generator_auc(rows, ranked, name, own_fold=True) for name in rows.fakes}
    return {"mean": mean_auc(rows, ranked, own_fold=True), **figures}


def left_out_logits(
    mix: Mix, samples: Sequence[Sample], store: PictureStore, condition: str
) -> tuple[list[Sample], NDArray[np.float64]]:
    """Train without A and without C on a mix, score what was left out.

    Returns:
        The N samples of both folds, and the (N,) logits of P(fake) by the run without theirs.
    """
    chosen = [sample for sample in samples if sample.fold in CHOICE_FOLDS]
    scores: dict[str, float] = {}
    for fold in CHOICE_FOLDS:
        detector = trained(mix, fold, samples, store)
        left_out = [sample for sample in chosen if sample.fold == fold]
        book = ScoreBook(mix.place / f"scores-{mix.detector}.jsonl")
        for row in score_run(detector, left_out, store.read, book, condition):
            scores[row.path] = float(fake_logit(row.logits).mean())
    return chosen, np.asarray([scores[sample.path] for sample in chosen])


def trained(mix: Mix, fold: str, samples: Sequence[Sample], store: PictureStore) -> CropDetector:
    """The mix's detector trained without a fold; a run that is there is not trained again."""
    plugin = load("detector", mix.detector, options_with_cache(mix.detector, mix.cache))
    kept = tuple(sample for sample in samples if sample.fold != fold)
    donors = Donors(samples, store.read)
    data = TrainingData(
        samples=kept,
        read=store.read,
        makers={name: twin_reader(name, store, donors) for name in mix.makers},
        folder=mix.run(fold),
        cache=mix.cache,
        large=store.large(kept),
        whole=store.original,
    )
    if not list(mix.run(fold).glob("*.safetensors")):
        for _ in plugin.train(data, mix.recipe, 0):
            pass
    options = options_with_cache(mix.detector, mix.cache)
    return detector_of_run(mix.detector, mix.run(fold), options)
