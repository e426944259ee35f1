"""Compare what a head on CLIP could read, and which makers' pairs it could learn from.

    python benchmarks/clip_stores.py --data MANIFEST.csv --folds FOLDS.csv --per-group 100
    python benchmarks/clip_readings.py --data MANIFEST.csv --folds FOLDS.csv --per-group 100

The first command fills the stores that the second reads. Every variant is trained without fold A
and without fold C and scored on what was left out, one native crop a picture, clean and at half
size under JPEG 75, against the real pictures of the same fold. Prints a Markdown table.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from tqdm import tqdm

from detectors.clip_pairs import ClipPairs, ClipPairsOptions, ClipPairsRecipe
from forensics.benchmark.fuel_mixes import CHOICE_FOLDS
from forensics.benchmark.out_of_fold import CONDITIONS
from forensics.benchmark.tables import markdown, mean_auc, rows_of
from forensics.class_tokens import BLOCKS, TokenReader
from forensics.commands.common import add_data_arguments
from forensics.commands.train import TWINS, ZOO, pictures_with_twins
from forensics.detector import fake_logit
from forensics.feature_store import FeatureStore, pixel_key
from forensics.head_training import head_rows
from forensics.linear_head import HeadRecipe, LinearHead, fit_head
from forensics.neural import CLIP_PATCH, CLIP_SIDE, clip_areas
from forensics.plugins import load
from forensics.schema import Floats
from forensics.traces.crops import padded
from forensics.training import EQUALISE, Sample, TrainingData
from forensics.views import View, all_views, changed

RECIPE = ClipPairsRecipe()
MAKERS = (TWINS, *ZOO)
THREE = HeadRecipe(penalty=1.0, pairs=4.0)


@dataclass(frozen=True)
class Variant:
    """What the head reads, how it is fitted, and whose pairs it learns from.

    `patches`: whether mean patch tokens of blocks 5 to 7; `blocks`: whose class tokens, from 1;
    `changed`: whether twins that a maker left as they were are left out.
    """

    title: str
    patches: bool = True
    blocks: tuple[int, ...] = (9,)
    head: HeadRecipe = RECIPE.head
    makers: tuple[str, ...] = MAKERS
    strong: bool = True
    changed: bool = True


@dataclass(eq=False)
class Crops:
    """Where the features of views and of scored pictures lie, by the keys of their pixels."""

    data: TrainingData
    readings: FeatureStore
    classes: FeatureStore
    known: dict[str, str] = field(default_factory=dict)

    def of_view(self, view: View) -> str:
        """The key of a training view."""
        if view.key not in self.known:
            crop = view.crop(self.data, RECIPE.chain, CLIP_SIDE, CLIP_PATCH)
            self.known[view.key] = pixel_key(crop)
        return self.known[view.key]

    def of_picture(self, sample: Sample, condition: str) -> str:
        """The key of the first crop of a picture as it is scored."""
        name = f"{condition}:{sample.path}"
        if name not in self.known:
            image = CONDITIONS[condition](self.data.read(sample), sample.seed(EQUALISE))
            area = clip_areas(image, ClipPairsOptions().crops)[0]
            self.known[name] = pixel_key(padded(image[area], CLIP_PATCH))
        return self.known[name]

    def rows(self, keys: Sequence[str], variant: Variant) -> Floats:
        """(N, D) features as a variant reads them."""
        parts = []
        if variant.patches:
            parts.append(self.readings.rows(keys)[:, :-768])
        if variant.blocks:
            tokens = self.classes.rows(keys).reshape(len(keys), BLOCKS, -1)
            parts.append(tokens[:, [block - 1 for block in variant.blocks]].sum(axis=1))
        return np.concatenate(parts, axis=1)


VARIANTS = (
    Variant("patch tokens of blocks 5 to 7, class token of block 9 (ships)"),
    Variant("patch tokens alone", blocks=()),
    Variant("class tokens of blocks 8 to 11 alone", patches=False, blocks=(8, 9, 10, 11)),
    Variant("patch tokens, class tokens of blocks 8 to 11", blocks=(8, 9, 10, 11)),
    *(
        Variant(f"without {name}", makers=tuple(maker for maker in MAKERS if maker != name))
        for name in MAKERS
    ),
    Variant("reconstruction alone", makers=(TWINS,)),
    Variant("no pairs at all", makers=()),
    Variant("no loss inside pairs", head=replace(RECIPE.head, pairs=0.0)),
    Variant("content not projected out", head=replace(RECIPE.head, content=0)),
    Variant("three classes, penalty 1", head=THREE),
    Variant("penalty 1", head=replace(RECIPE.head, penalty=1.0)),
    Variant("penalty .1", head=replace(RECIPE.head, penalty=0.1)),
    Variant("no strong augmentation", strong=False),
    Variant("twins that were left unchanged count as fakes", changed=False),
)


def head_without(fold: str, crops: Crops, variant: Variant) -> LinearHead:
    """The variant's head, fitted on everything outside a fold."""
    views = [
        view
        for view in all_views(crops.data.samples, RECIPE.strong, RECIPE.twins, MAKERS)
        if view.sample.fold != fold
        and (not view.twin or view.twin in variant.makers)
        and (variant.strong or not view.number)
    ]
    features = crops.rows([crops.of_view(view) for view in views], variant)
    kept = changed(views, features) if variant.changed else np.arange(len(views))
    shown = [views[place] for place in kept.tolist()]
    return fit_head(head_rows(features[kept], shown, RECIPE.power), variant.head)


def left_out(crops: Crops, variant: Variant) -> list[str]:
    """Mean AUC on the folds left out, by condition."""
    chosen = [sample for sample in crops.data.samples if sample.fold in CHOICE_FOLDS]
    scores = np.zeros((len(CONDITIONS), len(chosen)))
    for fold in CHOICE_FOLDS:
        head = head_without(fold, crops, variant)
        places = [place for place, sample in enumerate(chosen) if sample.fold == fold]
        for row, condition in zip(scores, CONDITIONS, strict=True):
            keys = [crops.of_picture(chosen[place], condition) for place in places]
            row[places] = fake_logit(head.class_logits(crops.rows(keys, variant)))
    return [str(mean_auc(rows_of(chosen), row, own_fold=True)) for row in scores]


def main() -> None:
    """Fit and score every variant, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_arguments(parser)
    args = parser.parse_args()
    data = pictures_with_twins(args, args.cache)
    detector: ClipPairs = load("detector", "clip_pairs", ClipPairsOptions(cache=str(args.cache)))
    readings, classes = detector.store, TokenReader(str(args.cache)).store
    if readings is None or classes is None:
        raise ValueError("features need a folder")
    crops = Crops(data, readings, classes)
    body = [[each.title, *left_out(crops, each)] for each in tqdm(VARIANTS, disable=None)]
    print(f"{len(data.samples)} pictures\n")
    print(markdown(["variant", *CONDITIONS], body))


if __name__ == "__main__":
    main()
