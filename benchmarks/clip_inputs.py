"""Compare what `clip_pairs` could read: crops as they are, enlarged twice, or as residuals.

    python benchmarks/clip_inputs.py --data MANIFEST.csv --folds FOLDS.csv [--per-group 40]

Every way trains the head of `clip_pairs` without one fold at a time, on one native crop a picture
and on the same pairs, and scores one crop of each picture left out, clean and at half size under
JPEG 75. Prints a Markdown table: mean AUC over generators against the real pictures of their fold,
on folds A and C, where choices are made. Features are kept in --cache, so that a stopped run goes
on.
"""

import argparse
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from PIL import Image as Pillow
from tqdm import tqdm

from detectors.clip_pairs import ClipPairsRecipe
from forensics.augmentation import jpeg
from forensics.benchmark.datasets import read_samples
from forensics.benchmark.tables import markdown, mean_auc, rows_of
from forensics.commands.common import add_data_arguments
from forensics.commands.picture_stores import picture_store
from forensics.detector import fake_logit
from forensics.feature_store import FeatureStore
from forensics.head_training import head_rows
from forensics.linear_head import LinearHead, fit_head
from forensics.neural import CLIP_PATCH, CLIP_SIDE, CLIP_WIDTH, clip_patches
from forensics.plugins import load
from forensics.schema import Floats, Image
from forensics.traces.crops import fitting_side, padded
from forensics.training import Sample, TrainingData
from forensics.views import View, all_views

MAKERS = ("reconstruction", "decoders")
FOLDS = ("A", "C")
RECIPE = ClipPairsRecipe()


def enlarged(crop: Image) -> Image:
    """The middle of at most 112 px, every pixel four times."""
    return np.asarray(middle(crop, 112).repeat(2, axis=0).repeat(2, axis=1), dtype=np.uint8)


def residual(crop: Image) -> Image:
    """Four times what a Gaussian of 1 px leaves, about mid-grey."""
    pixels = crop.astype(np.float32)
    rest = pixels - cv2.GaussianBlur(pixels, (0, 0), 1.0)
    return np.asarray(np.clip(128 + 4 * rest, 0, 255), np.uint8)


INPUTS: dict[str, Callable[[Image], Image]] = {
    "native": lambda crop: crop,
    "enlarged": enlarged,
    "residual": residual,
}
MEAN, DEVIATION = slice(0, CLIP_WIDTH), slice(CLIP_WIDTH, 2 * CLIP_WIDTH)
WAYS = {
    "native crops, mean of the patch tokens (ships)": [("native", MEAN)],
    "their standard deviation instead": [("native", DEVIATION)],
    "both": [("native", MEAN), ("native", DEVIATION)],
    "crops of 112 px enlarged twice": [("enlarged", MEAN)],
    "residuals": [("residual", MEAN)],
    "native and enlarged": [("native", MEAN), ("enlarged", MEAN)],
    "native and residuals": [("native", MEAN), ("residual", MEAN)],
}


def middle(image: Image, side: int) -> Image:
    """The middle square of whole cells, at most `side` px."""
    side = fitting_side(image, side, CLIP_PATCH)
    top, left = ((length - side) // 2 for length in image.shape[:2])
    return padded(image[top : top + side, left : left + side], CLIP_PATCH)


def degraded(image: Image) -> Image:
    """Half the size, JPEG 75, middle crop."""
    half = (image.shape[1] // 2, image.shape[0] // 2)
    small = Pillow.fromarray(image).resize(half, Pillow.Resampling.BICUBIC)
    return middle(jpeg(np.asarray(small), 75), CLIP_SIDE)


class Table:
    """Features of all crops by input, computed once."""

    def __init__(self, data: TrainingData) -> None:
        self.data = data
        self.stores = {
            name: FeatureStore(data.cache / f"clip-inputs-{name}", 2 * CLIP_WIDTH)
            for name in INPUTS
        }

    def fill(self, keys: Sequence[str], crop: Callable[[str], Image]) -> None:
        """Compute what is missing."""
        for key in tqdm(keys, "features", disable=None):
            lacking = [name for name, store in self.stores.items() if key not in store]
            shown = crop(key) if lacking else None
            for name in lacking:
                tokens = clip_patches(INPUTS[name](shown)).reshape(-1, CLIP_WIDTH)  # type: ignore[arg-type]
                row = np.concatenate([tokens.mean(axis=0), tokens.std(axis=0)])
                self.stores[name].append([key], row[None])

    def rows(self, way: str, keys: Sequence[str]) -> Floats:
        """(N, D) features of a way."""
        parts = [self.stores[name].rows(keys)[:, columns] for name, columns in WAYS[way]]
        return np.concatenate(parts, axis=1)


def degraded_key(sample: Sample) -> str:
    """Name of a degraded crop, without blanks."""
    return f"{sample.path}:deg".replace(" ", "_")


def few(samples: Sequence[Sample], per_group: int) -> list[Sample]:
    """At most so many pictures of each group, chosen by their paths."""
    kept: dict[str, list[Sample]] = {}
    for sample in sorted(samples, key=lambda sample: sample.seed(-3)):
        rows = kept.setdefault(sample.group, [])
        if len(rows) < per_group:
            rows.append(sample)
    return [sample for rows in kept.values() for sample in rows]


def head(table: Table, way: str, views: Sequence[View]) -> LinearHead:
    """The head of `clip_pairs`, fitted on these views."""
    features = table.rows(way, [view.key for view in views])
    return fit_head(head_rows(features, views, RECIPE.power), RECIPE.head)


def left_out(table: Table, way: str, views: Sequence[View]) -> list[str]:
    """Mean AUC on the folds left out, clean and degraded."""
    chosen, scores = [], []
    for fold in FOLDS:
        fitted = head(table, way, [view for view in views if view.sample.fold != fold])
        shown = [view for view in views if view.sample.fold == fold and not view.twin]
        keys = [[v.key for v in shown], [degraded_key(v.sample) for v in shown]]
        made = [fake_logit(fitted.class_logits(table.rows(way, each))) for each in keys]
        chosen += [view.sample for view in shown]
        scores.append(np.stack(made))
    both = np.concatenate(scores, axis=1).astype(np.float64)
    return [str(mean_auc(rows_of(chosen), row, own_fold=True)) for row in both]


def main() -> None:
    """Compute features, fit every way, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_arguments(parser)
    parser.set_defaults(per_group=40)
    args = parser.parse_args()
    samples = few(read_samples(args.folds, args.data), args.per_group)
    store = picture_store(args.data, args.cache, samples)
    makers = {name: store.twin(load("generator", name)) for name in MAKERS}
    data = TrainingData(tuple(samples), store.read, makers, args.cache, args.cache)
    views = all_views(samples, 0.0, RECIPE.twins, MAKERS)
    table, by_key = Table(data), {view.key: view for view in views}
    table.fill(list(by_key), lambda k: by_key[k].crop(data, RECIPE.chain, CLIP_SIDE, CLIP_PATCH))
    small = {degraded_key(sample): sample for sample in samples}
    table.fill(list(small), lambda key: degraded(store.read(small[key])))
    body = [[way, *left_out(table, way, views)] for way in tqdm(WAYS, "heads", disable=None)]
    print(f"{len(samples)} pictures, {len(views) - len(samples)} twins\n")
    print(markdown(["what the head reads", "clean", "degraded"], body))


if __name__ == "__main__":
    main()
