"""How many crops to look at, how large, and whether their mean or their maximum says more.

    python benchmarks/crop_views.py --data MANIFEST.csv --folds FOLDS.csv --per-group 25
        --runs runs [--side 224 160 112] [--grid 1 2]

The detector without fold A and that without fold C (`RUNS/clip_pairs-FOLD`) score what was left
out, clean and at half size under JPEG 75: regions of at most 384 px, looked at by grids of GRID by
GRID crops that reach from border to border (1: the middle). Prints a Markdown table of mean AUC
against the real pictures of the same fold, and what is gained beside one crop of 224 px, paired.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from forensics.benchmark.datasets import PictureStore, capped, read_samples
from forensics.benchmark.fuel_mixes import CHOICE_FOLDS
from forensics.benchmark.intervals import draw_rows
from forensics.benchmark.out_of_fold import CONDITIONS, detector_of_run
from forensics.benchmark.significance import paired_bootstrap
from forensics.benchmark.tables import generator_auc, markdown, mean_auc, rows_of
from forensics.clip_features import crop_features, crop_store
from forensics.commands.common import add_data_arguments
from forensics.commands.picture_stores import picture_store
from forensics.detector import fake_logit
from forensics.neural import CLIP_PATCH, CLIP_SIDE
from forensics.schema import Image
from forensics.traces.crops import fitting_side, padded
from forensics.training import EQUALISE, Sample

BASE = (CLIP_SIDE, 1)
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
) -> dict[tuple[int, int, str], list[np.ndarray]]:
    """Logits of all crops of each sample, by side, grid and condition."""
    heads = {
        fold: detector_of_run("clip_pairs", args.runs / f"clip_pairs-{fold}").head  # type: ignore[attr-defined]
        for fold in CHOICE_FOLDS
    }
    kept = crop_store(str(args.cache))
    found: dict[tuple[int, int, str], list[np.ndarray]] = {}
    for sample in tqdm(samples, "pictures", disable=None):
        for condition, change in CONDITIONS.items():
            image = change(store.read(sample), sample.seed(EQUALISE))
            for side in args.side:
                for grid in args.grid:
                    features = crop_features(crops_of(image, side, grid), kept)
                    logits = fake_logit(heads[sample.fold].class_logits(features))
                    found.setdefault((side, grid, condition), []).append(logits)
    return found


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_arguments(parser)
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR")
    parser.add_argument("--side", type=int, nargs="+", default=[224, 160, 112])
    parser.add_argument("--grid", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    every = capped(read_samples(args.folds, args.data), args.per_group)
    samples = [sample for sample in every if sample.fold in CHOICE_FOLDS]
    rows = rows_of(samples)
    members = [rows.against(name, own_fold=True) for name in rows.fakes]
    drawn = draw_rows(rows.clusters, rows.generators, seed=0)
    found = looks(samples, picture_store(args.data, args.cache, samples), args)
    body = []
    for (side, grid, condition), logits in found.items():
        base = np.asarray([each.mean() for each in found[*BASE, condition]])
        for name, pool in POOLS[: min(grid, len(POOLS))]:
            scores = np.asarray([pool(each) for each in logits])
            gap = paired_bootstrap(rows.labels, base, scores, members, [drawn])
            each = [str(generator_auc(rows, scores, one, own_fold=True)) for one in rows.fakes]
            mean = str(mean_auc(rows, scores, own_fold=True))
            gained = f"{gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"
            body.append([f"{grid * grid} of {side} px, {name}", condition, mean, gained, *each])
    body.sort(key=lambda row: row[1])
    print(markdown(["crops", "", "mean", "gained", *rows.fakes], body))


if __name__ == "__main__":
    main()
