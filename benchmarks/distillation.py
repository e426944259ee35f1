"""Distil the detector on CLIP into EfficientNet-Lite0, and compare with learning from labels.

    python benchmarks/distillation.py --data MANIFEST.csv --folds FOLDS.csv --per-group 40
        --runs runs [--recipe crops=3600] [--labels 0 1] [--out runs/distilled]

The teacher of a fold is `RUNS/clip_pairs-FOLD`, which never saw it, looking at the very crops that
the student learns from (G. Hinton et al., "Distilling the Knowledge in a Neural Network", 2015:
soft targets at temperature 2). LABELS weighs the recipe's own cross-entropy beside it: 0 is the
teacher alone. Batches are those of `efficientnet_lite0` with pairs by the default mix of makers.
Scores what was left out of A and C, clean and at half size under JPEG 75; prints a Markdown table.
A run that is there is not trained again.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from detectors.efficientnet_lite0 import SIDE, EfficientnetLite0Recipe
from forensics.batches import Batch, BatchPlan
from forensics.benchmark.datasets import PictureStore, capped, read_samples
from forensics.benchmark.fuel_mixes import CHOICE_FOLDS
from forensics.benchmark.gains import gain_header, gain_rows
from forensics.benchmark.out_of_fold import CONDITIONS, ScoreBook, detector_of_run, score_run
from forensics.benchmark.tables import markdown
from forensics.commands.common import add_data_arguments
from forensics.commands.options import with_fields
from forensics.commands.picture_stores import picture_store
from forensics.commands.train import TWINS, ZOO
from forensics.detector import fake_logit
from forensics.network_training import NetworkRun, accuracy, fakeness, imagenet_network
from forensics.plugins import load
from forensics.schema import Step
from forensics.training import Sample, TrainingData

NAME = "efficientnet_lite0"
TEMPERATURE = 2.0


def distilled(
    teacher: Any, data: TrainingData, recipe: EfficientnetLite0Recipe, labels: float
) -> Iterator[Step]:
    """Train a student; `labels` weighs the cross-entropy beside the teacher's soft targets."""
    plan = BatchPlan(data, recipe.batch, recipe.side, recipe.chain, recipe.twins)
    run = NetworkRun(imagenet_network(0), recipe)

    def learn(step: int) -> dict[str, float]:
        batch: Batch = plan.batch(0, step)
        told = fake_logit(teacher.head.class_logits(teacher.crop_features(list(batch.crops))))
        soft = torch.sigmoid(torch.from_numpy(np.asarray(told, np.float32)) / TEMPERATURE)
        logits = run.logits(batch.crops)
        scores: Tensor = fakeness(logits)
        loss = TEMPERATURE**2 * functional.binary_cross_entropy_with_logits(
            scores / TEMPERATURE, soft
        )
        kinds = torch.from_numpy(batch.kinds)
        if labels:
            loss = loss + labels * functional.cross_entropy(logits, kinds)
        run.descend(loss)
        return {"loss": loss.item(), "accuracy": accuracy(logits, kinds)}

    yield from run.go(learn, data.folder / NAME, 0, SIDE)


def logits_of(
    samples: list[Sample], store: PictureStore, args: argparse.Namespace, labels: float
) -> dict[str, np.ndarray]:
    """By condition: (N,) logits of what was left out of A and C."""
    recipe = with_fields(EfficientnetLite0Recipe(), args.recipe)
    makers = {name: store.twin(load("generator", name)) for name in (TWINS, *ZOO)}
    place = args.out / f"labels-{labels:g}-{recipe.crops}"
    found: dict[str, dict[str, float]] = {condition: {} for condition in CONDITIONS}
    for fold in CHOICE_FOLDS:
        teacher = detector_of_run("clip_pairs", args.runs / f"clip_pairs-{fold}")
        kept = tuple(sample for sample in samples if sample.fold != fold)
        data = TrainingData(kept, store.read, makers, place / fold, args.cache)
        if not (data.folder / f"{NAME}.safetensors").exists():
            data.folder.mkdir(parents=True, exist_ok=True)
            steps = distilled(teacher, data, recipe, labels)
            for _ in tqdm(steps, f"{place.name} without {fold}", disable=None):
                pass
        student = detector_of_run(NAME, data.folder)
        left_out = [sample for sample in samples if sample.fold == fold]
        book = ScoreBook(place / "scores.jsonl")
        for condition, scores in found.items():
            for row in score_run(student, left_out, store.read, book, condition):
                scores[row.path] = float(fake_logit(row.logits).mean())
    chosen = [sample for sample in samples if sample.fold in CHOICE_FOLDS]
    return {
        condition: np.asarray([scores[sample.path] for sample in chosen])
        for condition, scores in found.items()
    }


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_arguments(parser)
    parser.add_argument("--recipe", nargs="*", default=["crops=3600"], metavar="FIELD=VALUE")
    parser.add_argument("--labels", type=float, nargs="+", default=[0.0, 1.0], metavar="WEIGHT")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("runs/distilled"), metavar="DIR")
    args = parser.parse_args()
    samples = capped(read_samples(args.folds, args.data), args.per_group)
    store = picture_store(args.data, args.cache, samples)
    chosen = [sample for sample in samples if sample.fold in CHOICE_FOLDS]
    found = {
        f"labels weigh {labels:g}": logits_of(samples, store, args, labels)
        for labels in args.labels
    }
    body = []
    for condition in CONDITIONS:
        ranked = {name: logits[condition] for name, logits in found.items()}
        body += [[condition, *row] for row in gain_rows(chosen, ranked, next(iter(ranked)))]
    print(markdown(["", *gain_header(chosen)], body))


if __name__ == "__main__":
    main()
