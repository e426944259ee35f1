"""How many crops to look at, how large, and whether their mean or their maximum says more.

    python benchmarks/crop_views.py --data MANIFEST.csv --folds FOLDS.csv --per-group 25
        --runs runs [--views 224x1 224x4 160x4 160x9 224x4+160x4]

The detector without fold A and that without fold C (`RUNS/clip_pairs-FOLD`) score what was left
out, clean and at half size under JPEG 75: regions of at most 384 px, looked at by SIDExNUMBER
crops in a square grid that reaches from border to border (1: the middle); views joined by + speak
with equal weight. Prints a Markdown table of mean AUC against the real pictures of the same fold,
and what is gained beside one crop of 224 px, paired.
"""

import argparse
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from forensics.benchmark.datasets import PictureStore, capped, read_samples
from forensics.benchmark.fuel_mixes import CHOICE_FOLDS
from forensics.benchmark.gains import gain_header, gain_rows
from forensics.benchmark.out_of_fold import CONDITIONS, detector_of_run
from forensics.benchmark.tables import markdown
from forensics.clip_features import crop_features, crop_store
from forensics.commands.common import add_data_arguments
from forensics.commands.picture_stores import picture_store
from forensics.detector import fake_logit
from forensics.neural import CLIP_PATCH, CLIP_SIDE
from forensics.schema import Image
from forensics.traces.crops import fitting_side, padded
from forensics.training import EQUALISE, Sample

BASE = f"{CLIP_SIDE}x1"
POOLS = (("mean", np.mean), ("maximum", np.max))


def crops_of(image: Image, side: int, grid: int) -> list[Image]:
    """`grid` by `grid` crops, from border to border; fewer where a picture is no larger."""
    side = fitting_side(image, side, CLIP_PATCH)
    starts = [
        sorted({round(step * (length - side) / max(1, grid - 1)) for step in range(grid)})
        if grid > 1
        else [max(0, (length - side) // 2)]
        for length in image.shape[:2]
    ]
    return [
        padded(image[top : top + side, left : left + side], CLIP_PATCH)
        for top in starts[0]
        for left in starts[1]
    ]


def looks(
    samples: list[Sample], store: PictureStore, args: argparse.Namespace
) -> dict[tuple[str, str], list[np.ndarray]]:
    """Logits of all crops of each sample, by view and condition."""
    heads = {
        fold: detector_of_run("clip_pairs", args.runs / f"clip_pairs-{fold}").head  # type: ignore[attr-defined]
        for fold in CHOICE_FOLDS
    }
    kept = crop_store(str(args.cache))
    single = sorted({BASE, *(part for view in args.views for part in view.split("+"))})
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for sample in tqdm(samples, "pictures", disable=None):
        for condition, change in CONDITIONS.items():
            image = change(store.read(sample), sample.seed(EQUALISE))
            for view in single:
                side, number = map(int, view.split("x"))
                features = crop_features(crops_of(image, side, isqrt(number)), kept)
                logits = fake_logit(heads[sample.fold].class_logits(features))
                found.setdefault((view, condition), []).append(logits)
    return found


def pooled(
    found: dict[tuple[str, str], list[np.ndarray]], view: str, condition: str, pool: Any
) -> np.ndarray:
    """(N,) scores: each part of the view pooled, then their mean."""
    parts = [[pool(each) for each in found[part, condition]] for part in view.split("+")]
    return np.asarray(np.mean(parts, axis=0))


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_arguments(parser)
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR")
    parser.add_argument("--views", nargs="+", default=[BASE, "224x4", "160x4"])
    args = parser.parse_args()
    every = capped(read_samples(args.folds, args.data), args.per_group)
    samples = [sample for sample in every if sample.fold in CHOICE_FOLDS]
    found = looks(samples, picture_store(args.data, args.cache, samples), args)
    body = []
    for condition in CONDITIONS:
        ranked = {
            f"{view}, {name}": pooled(found, view, condition, pool)
            for view in dict.fromkeys((BASE, *args.views))
            for name, pool in POOLS[: 1 if view.endswith("x1") else 2]
        }
        rows = gain_rows(samples, ranked, f"{BASE}, mean")
        body += [[condition, *row] for row in rows]
    print(markdown(["", *gain_header(samples)], body))


if __name__ == "__main__":
    main()
