"""Fit the head of `clip_pairs` again with what it found hard weighing more, round by round.

    python benchmarks/hard_rounds.py --data MANIFEST.csv --folds FOLDS.csv --per-group 100
        [--rounds 3] [--gain 3]

After each round the quarter of the zoo's twins that the head of this fold scored lowest, or of all
training rows those that it scored worst, weigh GAIN times what they did. Needs the features that
training keeps in --cache; computes those that are missing. Scores what was left out of A and C,
clean and at half size under JPEG 75; prints a Markdown table with paired gains.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from detectors.clip_pairs import ClipPairs, ClipPairsOptions, ClipPairsRecipe
from forensics.benchmark.datasets import PictureStore, capped, read_samples
from forensics.benchmark.fuel_mixes import CHOICE_FOLDS
from forensics.benchmark.gains import gain_table
from forensics.benchmark.out_of_fold import CONDITIONS
from forensics.commands.common import add_data_arguments
from forensics.commands.picture_stores import picture_store
from forensics.commands.train import TWINS, ZOO
from forensics.detector import fake_logit
from forensics.linear_head import HeadRows, LinearHead, fit_head
from forensics.plugins import load
from forensics.schema import Floats
from forensics.training import EQUALISE, Sample, TrainingData

QUARTER = 0.25
BASE = "round 0"


def hardest(head: LinearHead, rows: HeadRows, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The quarter of the chosen rows that the head puts farthest on the wrong side."""
    scores = np.asarray(fake_logit(head.class_logits(rows.features)), np.float64)
    missed = np.where(rows.kinds > 0, -scores, scores)
    return np.asarray(chosen & (missed > np.quantile(missed[chosen], 1 - QUARTER)))


def rounds(
    rows: HeadRows, twins: NDArray[np.bool_], recipe: ClipPairsRecipe, args: argparse.Namespace
) -> Iterator[tuple[str, LinearHead]]:
    """Heads by name: the first fit, then each round on twins and on all rows."""
    first = fit_head(rows, recipe.head)
    yield BASE, first
    for name, chosen in (("twins", twins), ("all rows", np.ones(len(twins), bool))):
        head, weighed = first, rows
        for number in range(1, args.rounds + 1):
            factor = np.where(hardest(head, rows, chosen), args.gain, 1.0)
            weights = weighed.weights * factor
            weighed = replace(weighed, weights=weights / weights.sum())
            head = fit_head(weighed, recipe.head)
            yield f"{name}, round {number}", head


def test_features(
    samples: list[Sample], store: PictureStore, detector: ClipPairs
) -> dict[str, list[Floats]]:
    """Features of every picture's native crops, by condition."""
    return {
        condition: [
            detector.features(change(store.read(one), one.seed(EQUALISE)))
            for one in tqdm(samples, condition, disable=None)
        ]
        for condition, change in CONDITIONS.items()
    }


def main() -> None:
    """Fit, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_arguments(parser)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--gain", type=float, default=3.0)
    args = parser.parse_args()
    samples = capped(read_samples(args.folds, args.data), args.per_group)
    store = picture_store(args.data, args.cache, samples)
    makers = {name: store.twin(load("generator", name)) for name in (TWINS, *ZOO)}
    recipe = ClipPairsRecipe()
    detector: ClipPairs = load("detector", "clip_pairs", ClipPairsOptions(cache=str(args.cache)))
    book: dict[tuple[str, str], dict[str, float]] = {}
    for fold in CHOICE_FOLDS:
        kept = tuple(sample for sample in samples if sample.fold != fold)
        large = store.large(kept)
        data = TrainingData(kept, store.read, makers, args.cache, args.cache, large, store.original)
        views = detector.views(data, recipe)
        for _ in tqdm(detector.read(views, data, recipe), "features", disable=None):
            pass
        rows, shown = detector.rows(views, data, recipe)
        twins = np.asarray([bool(view.twin) for view in shown])
        left_out = [sample for sample in samples if sample.fold == fold]
        seen = test_features(left_out, store, detector)
        for name, head in tqdm(rounds(rows, twins, recipe, args), fold, disable=None):
            for condition, features in seen.items():
                scores = [float(fake_logit(head.class_logits(each)).mean()) for each in features]
                book.setdefault((name, condition), {}).update(
                    zip([one.path for one in left_out], scores, strict=True)
                )
    chosen = [sample for sample in samples if sample.fold in CHOICE_FOLDS]
    print(gain_table(chosen, book, BASE))


if __name__ == "__main__":
    main()
