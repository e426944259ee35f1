"""Distil the detector on CLIP into EfficientNet-Lite0, and compare with learning from labels.

    python benchmarks/distillation.py --data MANIFEST.csv --folds FOLDS.csv --per-group 40
        --runs runs [--recipe crops=3600] [--labels 0 1] [--out runs/distilled]

The teacher of a fold is `RUNS/clip_pairs-FOLD`, which never saw it, looking at the very crops that
the student learns from (G. Hinton et al., "Distilling the Knowledge in a Neural Network", 2015:
soft targets at temperature 2). LABELS weighs the recipe's own cross-entropy beside it: 0 is the
teacher alone, as in the recipe of `efficientnet_lite0` with a `teacher`. Batches are those of that
recipe with pairs by the default mix of makers. Scores what was left out of A and C, clean and at
half size under JPEG 75; prints a Markdown table.
A run that is there is not trained again.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from tqdm import tqdm

from detectors.efficientnet_lite0 import SIDE, EfficientnetLite0Recipe
from forensics.batches import Batch, BatchPlan
from forensics.benchmark.choice_runs import choice_scores
from forensics.benchmark.fuel_mixes import CHOICE_FOLDS
from forensics.benchmark.gains import gain_table
from forensics.commands.common import add_data_arguments
from forensics.commands.options import with_fields
from forensics.commands.train import pictures_with_twins
from forensics.lessons import Teacher, softened_loss
from forensics.network_training import NetworkRun, accuracy, imagenet_network
from forensics.schema import Step
from forensics.training import TrainingData

NAME = "efficientnet_lite0"


def distilled(
    teacher: Teacher, data: TrainingData, recipe: EfficientnetLite0Recipe, labels: float
) -> Iterator[Step]:
    """Train a student; `labels` weighs the cross-entropy beside the teacher's soft targets."""
    plan = BatchPlan(data, recipe.batch, recipe.side, recipe.chain, recipe.twins)
    run = NetworkRun(imagenet_network(0), recipe)

    def learn(step: int) -> dict[str, float]:
        batch: Batch = plan.batch(0, step)
        told = teacher.told(list(batch.crops))
        logits = run.logits(batch.crops)
        loss = softened_loss(logits, told)
        kinds = torch.from_numpy(batch.kinds)
        if labels:
            loss = loss + labels * functional.cross_entropy(logits, kinds)
        run.descend(loss)
        return {"loss": loss.item(), "accuracy": accuracy(logits, kinds)}

    yield from run.go(learn, data.folder / NAME, 0, SIDE)


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_arguments(parser)
    parser.add_argument("--recipe", nargs="*", default=["crops=3600"], metavar="FIELD=VALUE")
    parser.add_argument("--labels", type=float, nargs="+", default=[0.0, 1.0], metavar="WEIGHT")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("runs/distilled"), metavar="DIR")
    args = parser.parse_args()
    recipe = with_fields(EfficientnetLite0Recipe(), args.recipe)
    pictures = pictures_with_twins(args, args.out)
    book: dict[tuple[str, str], dict[str, float]] = {}
    titles = {f"labels weigh {labels:g}": labels for labels in args.labels}
    for title, labels in titles.items():

        def train(fold: str, data: TrainingData, labels: float = labels) -> Any:
            teacher = Teacher(args.runs / f"clip_pairs-{fold}", recipe.side)
            total = recipe.crops // recipe.batch
            return tqdm(distilled(teacher, data, recipe, labels), fold, total, disable=None)

        place = args.out / f"labels-{labels:g}-{recipe.crops}"
        data = replace(pictures, folder=place)
        for condition, scores in choice_scores(NAME, data, train).items():
            book[title, condition] = scores
    chosen = [sample for sample in pictures.samples if sample.fold in CHOICE_FOLDS]
    print(gain_table(chosen, book, next(iter(titles))))


if __name__ == "__main__":
    main()
