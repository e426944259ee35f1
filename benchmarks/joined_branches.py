"""Join the spectrum of a crop and what CLIP reads of it in one head, and compare.

    python benchmarks/joined_branches.py --data MANIFEST.csv --folds FOLDS.csv --per-group 40

The head of `clip_pairs`, with its recipe, reads mean patch tokens and a class token of a crop, the
frequency features of the same crop (those of `spectrum`), or both side by side, under one penalty.
Every variant is trained without fold A and without fold C and scores what was left out, one native
crop a picture, clean and at half size under JPEG 75. Prints a Markdown table.
"""

import argparse
from collections.abc import Iterable

import numpy as np
from tqdm import tqdm

from detectors.clip_pairs import ClipPairs, ClipPairsOptions, ClipPairsRecipe
from forensics.benchmark.choice_runs import first_crop
from forensics.benchmark.fuel_mixes import CHOICE_FOLDS
from forensics.benchmark.gains import gain_table
from forensics.benchmark.out_of_fold import CONDITIONS
from forensics.commands.common import add_data_arguments
from forensics.commands.train import pictures_with_twins
from forensics.detector import fake_logit
from forensics.head_training import head_rows
from forensics.linear_head import fit_head
from forensics.neural import CLIP_PATCH, CLIP_SIDE
from forensics.plugins import load
from forensics.schema import Floats, Image
from forensics.traces.features import frequency_features
from forensics.views import all_views

BASE = "CLIP alone (ships)"
ALONE = "spectrum alone"
BOTH = "both"


def spectra(crops: Iterable[Image]) -> Floats:
    """Frequency features of crops of any size, (N, F) float32."""
    return np.stack([_spectrum(crop) for crop in crops])


def _spectrum(crop: Image) -> Floats:
    lacking = [(0, CLIP_SIDE - length) for length in crop.shape[:2]]
    return frequency_features(np.pad(crop, [*lacking, (0, 0)], "symmetric"))


def readings(clip: Floats, spectrum: Floats) -> dict[str, Floats]:
    """By variant: (N, D) features; a head brings every number to unit deviation itself."""
    return {BASE: clip, ALONE: spectrum, BOTH: np.concatenate([clip, spectrum], axis=1)}


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_arguments(parser)
    args = parser.parse_args()
    data = pictures_with_twins(args, args.cache)
    detector: ClipPairs = load("detector", "clip_pairs", ClipPairsOptions(cache=str(args.cache)))
    recipe = ClipPairsRecipe()
    views = all_views(data.samples, recipe.strong, recipe.twins, tuple(data.makers))
    for _ in detector.read(views, data, recipe):
        pass
    told, views = detector.rows(views, data, recipe)
    crops = (view.crop(data, recipe.chain, CLIP_SIDE, CLIP_PATCH) for view in views)
    learned = told.features, spectra(tqdm(crops, "spectra", len(views), disable=None))
    book: dict[tuple[str, str], dict[str, float]] = {}
    for fold in CHOICE_FOLDS:
        rows = [place for place, view in enumerate(views) if view.sample.fold != fold]
        learning = [views[row] for row in rows]
        heads = {
            name: fit_head(head_rows(features, learning, recipe.power), recipe.head)
            for name, features in readings(*(part[rows] for part in learned)).items()
        }
        left_out = [sample for sample in data.samples if sample.fold == fold]
        for condition in CONDITIONS:
            shown = [first_crop(sample, data.read, condition) for sample in left_out]
            read = readings(detector.crop_features(shown), spectra(shown))
            for name, head in heads.items():
                logits = fake_logit(head.class_logits(read[name]))
                paths = [sample.path for sample in left_out]
                found = dict(zip(paths, logits.tolist(), strict=True))
                book.setdefault((name, condition), {}).update(found)
    chosen = [sample for sample in data.samples if sample.fold in CHOICE_FOLDS]
    print(gain_table(chosen, book, BASE))


if __name__ == "__main__":
    main()
