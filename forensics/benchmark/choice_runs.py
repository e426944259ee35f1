"""Runs of a detector without each of the folds on which choices are made, and what they say."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from forensics.benchmark.fuel_mixes import CHOICE_FOLDS
from forensics.benchmark.out_of_fold import CONDITIONS, ScoreBook, detector_of_run, score_run
from forensics.detector import fake_logit
from forensics.neural import CLIP_PATCH, clip_areas
from forensics.schema import Image, Step
from forensics.traces.crops import padded
from forensics.training import EQUALISE, Sample, TrainingData

Train = Callable[[str, TrainingData], Iterable[Step]]
"""Trains without a fold, given by name, on what is left."""


def choice_scores(name: str, data: TrainingData, train: Train) -> dict[str, dict[str, float]]:
    """By condition, the logits of the pictures of A and C by path, each by a run without its fold.

    Args:
        name: the detector's.
        data: the pictures of all folds; runs and scores go into its folder. A run that is there is
            not trained again.
        train: trains one.
    """
    found: dict[str, dict[str, float]] = {condition: {} for condition in CONDITIONS}
    for fold in CHOICE_FOLDS:
        kept = tuple(sample for sample in data.samples if sample.fold != fold)
        without = replace(data, samples=kept, folder=data.folder / fold)
        if not (without.folder / f"{name}.safetensors").exists():
            without.folder.mkdir(parents=True, exist_ok=True)
            for _ in train(fold, without):
                pass
        detector = detector_of_run(name, without.folder)
        left_out = [sample for sample in data.samples if sample.fold == fold]
        book = ScoreBook(data.folder / "scores.jsonl")
        for condition, scores in found.items():
            for row in score_run(detector, left_out, data.read, book, condition):
                scores[row.path] = float(fake_logit(row.logits).mean())
    return found


def first_crop(sample: Sample, read: Callable[[Sample], Image], condition: str) -> Image:
    """The middle native crop of a picture under a condition, as CLIP takes it."""
    image = CONDITIONS[condition](read(sample), sample.seed(EQUALISE))
    return padded(image[clip_areas(image, 1)[0]], CLIP_PATCH)
