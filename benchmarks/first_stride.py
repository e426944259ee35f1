"""Train EfficientNet-Lite0 without its first down-sampling, and compare with it as it ships.

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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from detectors.efficientnet_lite0 import EfficientnetLite0, EfficientnetLite0Recipe
from forensics.benchmark.datasets import PictureStore, capped, read_samples
from forensics.benchmark.fuel_mixes import CHOICE_FOLDS
from forensics.benchmark.gains import gain_header, gain_rows
from forensics.benchmark.out_of_fold import CONDITIONS, ScoreBook, detector_of_run, score_run
from forensics.benchmark.tables import markdown
from forensics.commands.common import add_data_arguments
from forensics.commands.options import with_fields
from forensics.commands.picture_stores import picture_store
from forensics.commands.train import TWINS, ZOO
from forensics.detector import fake_logit
from forensics.network_training import imagenet_network
from forensics.plugins import cards, load
from forensics.training import Sample, TrainingData

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


VARIANTS = {"as it ships": EfficientnetLite0, "first convolution in steps of one": Unstrided}


def logits_of(
    title: str, samples: list[Sample], store: PictureStore, args: argparse.Namespace
) -> dict[str, np.ndarray]:
    """By condition: (N,) logits of what was left out of A and C."""
    recipe = with_fields(EfficientnetLite0Recipe(), args.recipe)
    makers = {name: store.twin(load("generator", name)) for name in (TWINS, *ZOO)}
    place = args.runs / f"{title.replace(' ', '-')}-{recipe.crops}"
    found: dict[str, dict[str, float]] = {condition: {} for condition in CONDITIONS}
    for fold in CHOICE_FOLDS:
        kept = tuple(sample for sample in samples if sample.fold != fold)
        data = TrainingData(kept, store.read, makers, place / fold, args.cache)
        if not (data.folder / f"{NAME}.safetensors").exists():
            data.folder.mkdir(parents=True, exist_ok=True)
            plugin = VARIANTS[title](cards("detector")[NAME])
            total = recipe.crops // recipe.batch
            for _ in tqdm(plugin.train(data, recipe, 0), f"{title}, {fold}", total, disable=None):
                pass
        detector = detector_of_run(NAME, data.folder)
        left_out = [sample for sample in samples if sample.fold == fold]
        book = ScoreBook(place / "scores.jsonl")
        for condition, scores in found.items():
            for row in score_run(detector, left_out, store.read, book, condition):
                scores[row.path] = float(fake_logit(row.logits).mean())
    chosen = [sample for sample in samples if sample.fold in CHOICE_FOLDS]
    return {
        condition: np.asarray([scores[sample.path] for sample in chosen])
        for condition, scores in found.items()
    }


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_arguments(parser)
    parser.add_argument("--recipe", nargs="*", default=["crops=3600"], metavar="FIELD=VALUE")
    parser.add_argument("--runs", type=Path, default=Path("runs/first-stride"), metavar="DIR")
    args = parser.parse_args()
    samples = capped(read_samples(args.folds, args.data), args.per_group)
    store = picture_store(args.data, args.cache, samples)
    chosen = [sample for sample in samples if sample.fold in CHOICE_FOLDS]
    found = {title: logits_of(title, samples, store, args) for title in VARIANTS}
    body = []
    for condition in CONDITIONS:
        ranked = {title: logits[condition] for title, logits in found.items()}
        body += [[condition, *row] for row in gain_rows(chosen, ranked, next(iter(VARIANTS)))]
    print(markdown(["", *gain_header(chosen)], body))


if __name__ == "__main__":
    main()
