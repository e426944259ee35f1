"""Fill the stores of CLIP features that training, calibration and benchmarks read, in batches.

    python benchmarks/clip_stores.py --data MANIFEST.csv --folds FOLDS.csv [--per-group 100]
        [--makers reconstruction decoders] [--device cpu|cuda] [--part 0/2]

Without it every crop is computed when it is first needed, one at a time. Here all crops of a run
(views of training, twins by --makers, both conditions of the fold protocol) are read once, by all
blocks, in bfloat16: half of what two detectors on CLIP would take on a processor that multiplies
it (a GPU was not at hand). A stopped run goes on where it was; --part 0/2 and --part 1/2 share the
work. At the end it says by how much the features of some crops, and the logits that ship, differ
from those of the graph that examines pictures.
"""

import argparse
import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from tqdm import tqdm

from detectors.clip_pairs import ClipPairs, ClipPairsOptions, ClipPairsRecipe
from forensics.benchmark.clip_in_torch import ClipInTorch
from forensics.benchmark.datasets import capped, read_samples
from forensics.benchmark.out_of_fold import CONDITIONS
from forensics.class_tokens import TokenReader
from forensics.commands.common import add_data_arguments
from forensics.commands.picture_stores import picture_store
from forensics.commands.train import TWINS, ZOO
from forensics.detector import fake_logit
from forensics.feature_store import FeatureStore, pixel_key
from forensics.neural import CLIP_PATCH, CLIP_SIDE, clip_areas
from forensics.plugins import backbones, load
from forensics.schema import Floats, Image
from forensics.traces.crops import padded
from forensics.training import EQUALISE, Sample, TrainingData
from forensics.views import all_views
from forensics.weights import load_tensors

BATCH = 8
COMPARED = 40
"""Crops that are computed by the graph as well."""


class Stores:
    """Both stores, filled together."""

    def __init__(self, detector: ClipPairs, network: ClipInTorch, cache: str) -> None:
        readings, classes = detector.store, TokenReader(cache).store
        if readings is None or classes is None:
            raise ValueError("features need a folder")
        self.readings: FeatureStore = readings
        self.classes: FeatureStore = classes
        self._network = network
        self._waiting: dict[tuple[int, ...], dict[str, Image]] = {}

    def add(self, crop: Image) -> None:
        """Compute a crop's features with the next batch of its size, unless they are there."""
        key = pixel_key(crop)
        if key in self.readings and key in self.classes:
            return
        waiting = self._waiting.setdefault(crop.shape, {})
        waiting[key] = crop
        if len(waiting) == BATCH:
            self._compute(waiting)

    def finish(self) -> None:
        """Compute what is still waiting."""
        for waiting in self._waiting.values():
            if waiting:
                self._compute(waiting)

    def _compute(self, waiting: dict[str, Image]) -> None:
        found = self._network.features(list(waiting.values()))
        self.readings.append(list(waiting), found.readings)
        self.classes.append(list(waiting), found.classes)
        waiting.clear()


def crops_of(sample: Sample, data: TrainingData) -> Iterator[Image]:
    """All crops of one picture that any detector on CLIP asks for in training or scoring."""
    recipe = ClipPairsRecipe()
    for view in all_views([sample], recipe.strong, recipe.twins, tuple(data.makers)):
        yield view.crop(data, recipe.chain, CLIP_SIDE, CLIP_PATCH)
    for show in CONDITIONS.values():
        image = show(data.read(sample), sample.seed(EQUALISE))
        for area in clip_areas(image, ClipPairsOptions().crops):
            yield padded(image[area], CLIP_PATCH)


def compared(crops: list[Image], stores: Stores, alone: ClipPairs) -> str:
    """By how much features and logits differ from those of the graph, in words."""
    slow = alone.crop_features(crops)
    fast = stores.readings.rows([pixel_key(crop) for crop in crops])
    angles = (slow * fast).sum(axis=1) / np.linalg.norm(slow, axis=1) / np.linalg.norm(fast, axis=1)
    logits = [_logits(alone, rows) for rows in (slow, fast)]
    gaps = np.abs(logits[0] - logits[1])
    return (
        f"{len(crops)} crops beside the graph: cosine at least {angles.min():.5f}; logits, spread"
        f" {logits[0].std():.3f}, differ by {gaps.mean():.4f} on average, {gaps.max():.4f} at most"
    )


def _logits(detector: ClipPairs, rows: Floats) -> Floats:
    return np.asarray(fake_logit(detector.head.class_logits(rows)))


def part_of(samples: list[Sample], part: str) -> list[Sample]:
    """The samples of "K/N": those whose path falls to number K of N."""
    number, parts = map(int, part.split("/"))
    digests = [hashlib.sha256(sample.path.encode()).digest() for sample in samples]
    return [
        each for each, digest in zip(samples, digests, strict=True) if digest[0] % parts == number
    ]


def main() -> None:
    """Fill, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_arguments(parser)
    parser.add_argument("--makers", nargs="*", default=[TWINS, *ZOO])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--part", default="0/1", metavar="K/N")
    args = parser.parse_args()
    samples = capped(read_samples(args.folds, args.data), args.per_group)
    store = picture_store(args.data, args.cache, samples)
    makers = {name: store.twin(load("generator", name)) for name in args.makers}
    data = TrainingData(tuple(samples), store.read, makers, args.cache, args.cache)
    detector: ClipPairs = load("detector", "clip_pairs", ClipPairsOptions(cache=str(args.cache)))
    weights = load_tensors(backbones()["clip_vit_b16"])
    network = ClipInTorch(weights, args.device, torch.bfloat16)
    stores = Stores(detector, network, str(args.cache))
    shown: list[Image] = []
    for sample in tqdm(part_of(samples, args.part), "pictures", disable=None):
        for crop in crops_of(sample, data):
            stores.add(crop)
            if len(shown) < COMPARED:
                shown.append(crop)
    stores.finish()
    print(compared(shown, stores, load("detector", "clip_pairs")))


if __name__ == "__main__":
    main()
