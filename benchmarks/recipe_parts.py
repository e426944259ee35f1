"""Train a detector without each part of its recipe, and say what the part is worth left out.

    python benchmarks/recipe_parts.py spectrum --data MANIFEST.csv --folds FOLDS.csv
        [--per-group 40] [--recipe crops=2400] [--part "no resizing" ...] [--makers MAKER ...]
        [--runs runs/parts]

Every variant is trained without fold A and without fold C, on the same rows under the same budget,
and scores what was left out, clean and at half size under JPEG 75, against the real pictures of
the same fold. Differences are paired: both recipes score the same resampled pictures. Prints a
Markdown table; a run that is there is not trained again.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from forensics.augmentation import Chain
from forensics.benchmark.datasets import capped, read_samples
from forensics.benchmark.fuel_mixes import Mix, left_out_logits
from forensics.benchmark.intervals import draw_rows
from forensics.benchmark.out_of_fold import CONDITIONS
from forensics.benchmark.significance import Difference, paired_bootstrap
from forensics.benchmark.tables import markdown, mean_auc, rows_of
from forensics.commands.common import add_data_arguments
from forensics.commands.options import with_fields
from forensics.commands.picture_stores import picture_store
from forensics.commands.train import TWINS
from forensics.plugins import plugin_class
from forensics.statistics import Reals
from forensics.training import Sample

Change = Callable[[Any], Any]
"""A recipe -> the recipe without one of its parts."""


def _chain(**fields: Any) -> Change:
    return lambda recipe: replace(recipe, chain=replace(recipe.chain, **fields))


def _fields(**fields: Any) -> Change:
    return lambda recipe: replace(recipe, **fields)


WHOLE = "whole recipe"
CHAIN: dict[str, Change] = {
    "no earlier JPEG": _chain(earlier_jpeg=0.0),
    "no resizing": _chain(resizing=0.0),
    "no camera pipeline": _chain(camera=0.0),
    "no blur, no noise": _chain(blurring=0.0, noising=0.0),
    "last compression JPEG 84 to 94 only": _chain(quality=(84, 94), webp=0.0, uncompressed=0.0),
}
PARTS: dict[str, dict[str, Change]] = {
    "spectrum": {
        **CHAIN,
        "no strong views": _fields(strong=0.0),
        "sources weigh by their size": _fields(power=0.0),
        "sources weigh alike": _fields(power=1.0),
        "no pairs": _fields(twins=0.0),
        "50 rounds": _fields(rounds=50),
        "penalty 2": _fields(penalty=2.0),
        "all features at every split": _fields(feature_share=1.0),
    },
    "efficientnet_lite0": {
        **CHAIN,
        "no third of matched groups": _fields(matched=False),
        "twins not blended back": _fields(blend=False),
        "no loss inside pairs": _fields(pairs=0.0),
        "neither pairs nor matched groups": _fields(twins=0.0),
        "no output of its own for manipulated": _fields(manipulated=False),
        "real sources not reweighted": _fields(pressure=0.0),
        "last weights, not their average": _fields(ema=0.0),
    },
}


def differences(samples: list[Sample], whole: Reals, without: Reals) -> Difference:
    """What the part is worth: the mean AUC of the whole recipe less that without it."""
    rows = rows_of(samples)
    members = [rows.against(name, own_fold=True) for name in rows.fakes]
    drawn = draw_rows(rows.clusters, rows.generators, seed=0)
    return paired_bootstrap(rows.labels, without, whole, members, [drawn])


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("detector", choices=sorted(PARTS))
    add_data_arguments(parser)
    parser.add_argument("--recipe", nargs="*", default=[], metavar="FIELD=VALUE")
    parser.add_argument(
        "--part", nargs="*", metavar="TITLE", help="default: all; none where nothing follows"
    )
    parser.add_argument("--makers", nargs="+", default=[TWINS], metavar="MAKER", help="of pairs")
    parser.add_argument("--runs", type=Path, default=Path("runs/parts"), metavar="DIR")
    args = parser.parse_args()
    samples = capped(read_samples(args.folds, args.data), args.per_group)
    store = picture_store(args.data, args.cache, samples)
    recipe = with_fields(plugin_class("detector", args.detector).Recipe(), args.recipe)
    if recipe.chain != Chain():
        raise SystemExit("parts of the chain are compared with the chain as it ships")
    parts = PARTS[args.detector]
    titles = set(parts if args.part is None else args.part)
    if unknown := titles - parts.keys():
        parser.error(f"{args.detector} has no part {min(unknown)!r}")
    wanted = {title: change for title, change in parts.items() if title in titles}
    changes: dict[str, Change] = {WHOLE: lambda same: same, **wanted}
    logits: dict[str, dict[str, Reals]] = {}
    chosen: list[Sample] = []
    for title, change in tqdm(changes.items(), "variants", disable=None):
        folder = args.runs / title.replace(" ", "-").replace(",", "")
        mix = Mix(args.detector, tuple(args.makers), folder, args.cache, change(recipe))
        for condition in CONDITIONS:
            chosen, found = left_out_logits(mix, samples, store, condition)
            logits.setdefault(title, {})[condition] = found
    body = []
    for title, of_condition in logits.items():
        cells = []
        for condition, found in of_condition.items():
            cells.append(str(mean_auc(rows_of(chosen), found, own_fold=True)))
            gap = differences(chosen, logits[WHOLE][condition], found)
            cells.append(
                "" if title == WHOLE else f"{gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"
            )
        body.append([title, *cells])
    fakes = int(np.sum([sample.fake for sample in chosen]))
    print(f"{len(samples)} pictures; scored left out: {fakes} fakes, {len(chosen) - fakes} reals\n")
    header = [f"{name}{part}" for name in CONDITIONS for part in ("", ": worth of the part")]
    print(markdown(["recipe", *header], body))


if __name__ == "__main__":
    main()
