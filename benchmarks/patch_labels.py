"""Teach patches where a picture was changed, and compare with a head taught by whole crops.

    python benchmarks/patch_labels.py --data MANIFEST.csv --folds FOLDS.csv --per-group 40

A patch of a maker's twin is fake where it differs from its parent under the identical augmentation
(masks of blending and inpainting, as supervision), all patches of a generated picture are, those
of pictures whose masks nobody has teach nothing. A logistic head on patch tokens learns that; the
head of `clip_pairs`, on the same views, learns from means over all patches of a crop. Both score
what was left out of folds A and C, one native crop a picture, clean and at half size under JPEG 75,
and say where crops of real pictures of those folds were changed by makers that leave a part as it
was. Prints Markdown.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from detectors.clip_pairs import ClipPairsRecipe
from forensics.benchmark.choice_runs import first_crop
from forensics.benchmark.fuel_mixes import CHOICE_FOLDS
from forensics.benchmark.gains import gain_table
from forensics.benchmark.metrics import auc
from forensics.benchmark.out_of_fold import CONDITIONS
from forensics.benchmark.tables import markdown
from forensics.commands.common import add_data_arguments
from forensics.commands.train import pictures_with_twins
from forensics.detector import fake_logit
from forensics.feature_store import FeatureStore
from forensics.head_training import head_rows
from forensics.linear_head import LinearHead, fit_head
from forensics.neural import CLIP_PATCH, CLIP_SIDE, CLIP_WIDTH, clip_reading
from forensics.patch_head import CHANGED, SAME, UNKNOWN, Labels, fit_patch_head, labels_of
from forensics.plugins import backbones, fingerprint
from forensics.schema import Floats, Image
from forensics.training import TrainingData
from forensics.views import View, all_views, cache_key, changed, weights_of

BASE = "crops (as ships), mean"
DRAWN = 16
"""Patches of a crop that teach."""
LOCAL = ("self_blended", "inpainting")
"""Makers that change a part of a picture."""
PENALTIES = (1.0, 30.0)
TOP = 0.1
MANIPULATED = 2


def labels_by_kind(view: View, crop: Image, parent: Image) -> Labels:
    """(h, w) of a crop's patches, as in `labels_of`; all of a generated picture were made."""
    labels = labels_of(crop, parent, CLIP_PATCH)
    if view.twin:
        return labels
    kind = view.sample.kind
    return np.full_like(labels, UNKNOWN if kind == MANIPULATED else int(kind > 0))


class Views:
    """Reads views: means of all patches, and some patches with their labels."""

    def __init__(self, data: TrainingData, recipe: ClipPairsRecipe, cache: Path) -> None:
        self._data, self._recipe = data, recipe
        width = CLIP_WIDTH + 768 + DRAWN * (CLIP_WIDTH + 1)
        backbone = fingerprint(backbones()["clip_vit_b16"])
        key = cache_key(backbone, recipe.chain, DRAWN, CHANGED, SAME)
        self._store = FeatureStore(cache / f"patch-labels-{key}", width)

    def crop(self, view: View) -> Image:
        """The augmented crop."""
        return view.crop(self._data, self._recipe.chain, CLIP_SIDE, CLIP_PATCH)

    def labels(self, view: View, crop: Image) -> Labels:
        """Of the crop's patches."""
        parent = self.crop(View(view.sample, view.number)) if view.twin else crop
        same_size = parent.shape == crop.shape
        return labels_by_kind(view, crop, parent if same_size else crop)

    def read(self, views: Sequence[View]) -> None:
        """Compute what is missing."""
        for view in tqdm([v for v in views if v.key not in self._store], "views", disable=None):
            crop = self.crop(view)
            reading, told = clip_reading(crop), self.labels(view, crop).ravel()
            patches = reading.patches.reshape(-1, CLIP_WIDTH)
            rng = np.random.default_rng(view.sample.seed(31))
            drawn = rng.permutation(len(patches))
            # Of a crop that was changed in part, as many of either kind as there are.
            drawn = np.concatenate([drawn[told[drawn] == 1][: DRAWN // 2], drawn])
            drawn = drawn[np.sort(np.unique(drawn, return_index=True)[1])]
            drawn = np.resize(drawn, DRAWN)
            row = [patches.mean(axis=0), reading.whole, patches[drawn].ravel(), told[drawn]]
            self._store.append([view.key], np.concatenate(row)[None])

    def rows(self, views: Sequence[View]) -> tuple[Floats, Floats, Labels]:
        """(N, 3072) means, (N, DRAWN, 2304) patches and (N, DRAWN) labels."""
        found = self._store.rows([view.key for view in views])
        means, rest = np.split(found, [CLIP_WIDTH + 768], axis=1)
        patches, told = np.split(rest, [DRAWN * CLIP_WIDTH], axis=1)
        return means, patches.reshape(len(views), DRAWN, CLIP_WIDTH), told.astype(np.uint8)


Score = Callable[[Floats, Floats], NDArray[np.float64]]
"""(h * w, 2304) patches and (768,) class token -> (h * w,) logits of the patches."""


def heads_of(views: Sequence[View], read: Views, recipe: ClipPairsRecipe) -> dict[str, Score]:
    """Everything that is compared, trained on the views."""
    means, patches, told = read.rows(views)
    kept = changed(views, means)
    shown = [views[place] for place in kept.tolist()]
    weights = weights_of(shown, recipe.power)
    head = fit_head(head_rows(means[kept], shown, recipe.power), recipe.head)
    found: dict[str, Score] = {"crops (as ships)": lambda p, w: crop_logits(head, p, w)}
    twins = np.asarray([not view.sample.fake for view in shown])
    for penalty in PENALTIES:
        one = fit_patch_head(patches[kept], told[kept], weights, penalty)
        found[f"patches, penalty {penalty:g}"] = lambda p, w, one=one: one.logits(p)  # type: ignore[misc]
        two = fit_patch_head(patches[kept][twins], told[kept][twins], weights[twins], penalty)
        found[f"patches of twins alone, penalty {penalty:g}"] = lambda p, w, two=two: two.logits(p)  # type: ignore[misc]
    return found


def crop_logits(head: LinearHead, patches: Floats, whole: Floats) -> NDArray[np.float64]:
    """What the head says of every patch beside the class token."""
    rows = np.concatenate([patches, np.broadcast_to(whole, (len(patches), 768))], axis=1)
    return np.asarray(fake_logit(head.class_logits(rows)), np.float64)


def picture_scores(scores: dict[str, Score], crop: Image) -> dict[str, float]:
    """The mean of a crop's patches, and that of its most suspicious tenth."""
    reading = clip_reading(crop)
    patches = reading.patches.reshape(-1, CLIP_WIDTH)
    found = {}
    for name, score in scores.items():
        logits = np.sort(score(patches, reading.whole))
        found[f"{name}, mean"] = float(logits.mean())
        found[f"{name}, top tenth"] = float(logits[-max(1, round(TOP * len(logits))) :].mean())
    return found


def places(scores: dict[str, Score], read: Views, views: Sequence[View]) -> dict[str, list[float]]:
    """AUC of patches changed against patches of the same crop left as they were, by crop."""
    found: dict[str, list[float]] = {}
    for view in tqdm(views, "places", disable=None):
        crop = read.crop(view)
        told = read.labels(view, crop).ravel()
        known = told != UNKNOWN
        if min((told == 0).sum(), (told == 1).sum()) < DRAWN // 2:
            continue
        reading = clip_reading(crop)
        for name, score in scores.items():
            logits = score(reading.patches.reshape(-1, CLIP_WIDTH), reading.whole)
            key = f"{view.twin}: {name}"
            found.setdefault(key, []).append(auc(told[known].astype(int), logits[known]))
    return found


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_arguments(parser)
    args = parser.parse_args()
    data = pictures_with_twins(args, args.cache)
    samples, recipe = data.samples, ClipPairsRecipe()
    read = Views(data, recipe, args.cache)
    views = all_views(samples, recipe.strong, recipe.twins, tuple(data.makers))
    read.read(views)
    book: dict[tuple[str, str], dict[str, float]] = {}
    where: dict[str, list[float]] = {}
    for fold in CHOICE_FOLDS:
        scores = heads_of([v for v in views if v.sample.fold != fold], read, recipe)
        reals = [v for v in views if v.sample.fold == fold and v.twin in LOCAL and v.number == 0]
        for key, values in places(scores, read, reals).items():
            where.setdefault(key, []).extend(values)
        for condition in CONDITIONS:
            for sample in tqdm([s for s in samples if s.fold == fold], condition, disable=None):
                for name, value in picture_scores(
                    scores, first_crop(sample, data.read, condition)
                ).items():
                    book.setdefault((name, condition), {})[sample.path] = value
    chosen = [sample for sample in samples if sample.fold in CHOICE_FOLDS]
    print(gain_table(chosen, book, BASE))
    means = [[name, str(len(v)), f"{np.mean(v):.2f}"] for name, v in sorted(where.items())]
    print(markdown(["maker: head", "crops", "mean AUC of patches"], means))


if __name__ == "__main__":
    main()
