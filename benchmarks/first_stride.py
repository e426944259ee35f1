"""Train EfficientNet-Lite0 without its first down-sampling, and compare.

    python benchmarks/first_stride.py --data MANIFEST.csv --folds FOLDS.csv --per-group 40
        [--recipe crops=3600] [--runs runs/first-stride]

The first convolution of the network skips every other pixel; traces of generation are finest there
(D. Gragnaniello et al., "Are GAN generated images easy to detect?", 2021). With a step of one
everything behind it has four times as many places to compute. Both networks learn from the same
batches, pairs by the default mix of makers among them, and score what was left out of folds A and
C, clean and at half size under JPEG 75. Prints a Markdown table; a run that is there is not trained
again.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from detectors.efficientnet_lite0 import EfficientnetLite0, EfficientnetLite0Recipe
from forensics.benchmark.choice_runs import choice_scores
from forensics.benchmark.fuel_mixes import CHOICE_FOLDS
from forensics.benchmark.gains import gain_table
from forensics.commands.common import add_data_arguments
from forensics.commands.options import with_fields
from forensics.commands.train import pictures_with_twins
from forensics.network_training import imagenet_network
from forensics.plugins import cards
from forensics.training import TrainingData

if TYPE_CHECKING:
    import torch

NAME = "efficientnet_lite0"


class Unstrided(EfficientnetLite0):
    """The network whose first convolution looks at every pixel."""

    def start(self, seed: int) -> "torch.nn.Module":
        """ImageNet's weights; the first convolution takes steps of one."""
        network: Any = imagenet_network(seed)
        network.conv_stem.stride = (1, 1)
        made: torch.nn.Module = network
        return made


VARIANTS = {
    "first convolution in steps of two": EfficientnetLite0,
    "first convolution in steps of one": Unstrided,
}


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_arguments(parser)
    parser.add_argument("--recipe", nargs="*", default=["crops=3600"], metavar="FIELD=VALUE")
    parser.add_argument("--runs", type=Path, default=Path("runs/first-stride"), metavar="DIR")
    args = parser.parse_args()
    recipe = with_fields(EfficientnetLite0Recipe(), args.recipe)
    pictures = pictures_with_twins(args, args.runs)
    book: dict[tuple[str, str], dict[str, float]] = {}
    for title, kind in VARIANTS.items():

        def train(fold: str, data: TrainingData, kind: type = kind, title: str = title) -> Any:
            steps = kind(cards("detector")[NAME]).train(data, recipe, 0)
            total = recipe.crops // recipe.batch
            return tqdm(steps, f"{title}, without {fold}", total, disable=None)

        place = args.runs / f"{title.replace(' ', '-')}-{recipe.crops}"
        data = replace(pictures, folder=place)
        for condition, scores in choice_scores(NAME, data, train).items():
            book[title, condition] = scores
    chosen = [sample for sample in pictures.samples if sample.fold in CHOICE_FOLDS]
    print(gain_table(chosen, book, next(iter(VARIANTS))))


if __name__ == "__main__":
    main()
