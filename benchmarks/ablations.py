"""Take the parts of the recipe of `clip_pairs` away, one at a time.

    python benchmarks/ablations.py --data MANIFEST.csv --folds FOLDS.csv [--per-group 200]

Every variant is trained without fold A and without fold C and scored on what was left out, against
the real pictures of the same fold. Features come from --cache, where `forensics fuel` leaves them;
only the head is fitted anew. Prints a Markdown table.
"""

import argparse
from pathlib import Path

from tqdm import tqdm

from detectors.clip_pairs import ClipPairsRecipe
from forensics.benchmark.datasets import PictureStore, capped, read_samples
from forensics.benchmark.fuel_mixes import Mix, left_out_auc
from forensics.benchmark.out_of_fold import CONDITIONS
from forensics.benchmark.tables import markdown
from forensics.commands.common import add_data_arguments
from forensics.commands.options import with_fields

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
}


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
        body.append([title, *map(str, means)])
    print(markdown(["variant", *CONDITIONS], body))


if __name__ == "__main__":
    main()
