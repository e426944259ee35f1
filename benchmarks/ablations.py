"""Take the parts of the recipe of `clip_pairs` away, one at a time.

    python benchmarks/ablations.py --data MANIFEST.csv --folds FOLDS.csv [--per-group 200]

Every variant is trained without fold A and without fold C and scored on what was left out, against
the real pictures of the same fold; and on all but the check rows, and scored on those of one pair
of generator and reals, so that one sees what generalising costs on what is known. Features come
from --cache, where `forensics fuel` leaves them; only the head is fitted anew. Prints a Markdown
table.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from detectors.clip_pairs import ClipPairsRecipe
from forensics.benchmark.datasets import PictureStore, capped, read_samples
from forensics.benchmark.fuel_mixes import Mix, left_out_auc, trained
from forensics.benchmark.out_of_fold import CONDITIONS, ScoreBook, score_run
from forensics.benchmark.tables import Figure, generator_auc, markdown, rows_of
from forensics.commands.common import add_data_arguments
from forensics.commands.options import with_fields
from forensics.detector import fake_logit
from forensics.training import Sample

MAKERS = ("reconstruction", "decoders")
VARIANTS: dict[str, list[str]] = {
    "as it ships": [],
    "no loss inside pairs": ["head.pairs=0"],
    "loss inside pairs four times as heavy": ["head.pairs=4"],
    "content not projected out": ["head.content=0"],
    "content: 60 components": ["head.content=60"],
    "no strong augmentation": ["strong=0"],
    "sources of equal weight": ["power=1"],
    "pictures of equal weight": ["power=0"],
    "penalty ten times smaller": ["head.penalty=0.03"],
    "penalty ten times larger": ["head.penalty=3"],
    "a class for every source": ["head.by_source=1"],
    "a class for every source, penalty .1": ["head.by_source=1", "head.penalty=0.1"],
    "a class for every source, penalty .03": ["head.by_source=1", "head.penalty=0.03"],
    "a class for every source, penalty .01": ["head.by_source=1", "head.penalty=0.01"],
    "a class for every source, penalty .01, content as it is": [
        "head.by_source=1",
        "head.penalty=0.01",
        "head.content=0",
    ],
}
PAIR = ("stylegan1-256", "ffhq-256")


def known_auc(mix: Mix, samples: Sequence[Sample], store: PictureStore, condition: str) -> Figure:
    """Trained on all but the check rows: AUC on those of `PAIR`."""
    detector = trained(mix, "none", [sample for sample in samples if not sample.check], store)
    chosen = [sample for sample in samples if sample.check and sample.group in PAIR]
    book = ScoreBook(mix.place / "known.jsonl")
    scored = score_run(detector, chosen, store.read, book, condition)
    ranked = np.asarray([float(fake_logit(row.logits).mean()) for row in scored])
    return generator_auc(rows_of(chosen), ranked, chosen_generator(chosen))


def chosen_generator(samples: Sequence[Sample]) -> str:
    """The only generator among the samples."""
    [name] = {sample.generator for sample in samples if sample.fake}
    return name


def main() -> None:
    """Fit, score and print all variants."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_arguments(parser)
    parser.add_argument("--runs", type=Path, default=Path("runs/ablations"), metavar="DIR")
    args = parser.parse_args()
    samples = capped(read_samples(args.folds, args.data), args.per_group)
    store = PictureStore(args.data.parent, args.cache)
    for _ in store.find_boxes(samples):
        pass
    body = []
    for number, (title, changes) in enumerate(tqdm(VARIANTS.items(), "variants", disable=None)):
        recipe = with_fields(ClipPairsRecipe(), changes)
        folder = args.runs / f"{number}"
        mix = Mix("clip_pairs", MAKERS, folder, args.cache, recipe)
        means = [left_out_auc(mix, samples, store, condition)["mean"] for condition in CONDITIONS]
        pair = [known_auc(mix, samples, store, condition) for condition in CONDITIONS]
        body.append([title, *map(str, [*means, *pair])])
    header = [f"{what}, {condition}" for what in ("left out", "pair") for condition in CONDITIONS]
    print(markdown(["variant", *header], body))


if __name__ == "__main__":
    main()
