"""Train detectors again on other draws of the training pictures, and say how much figures move.

    python benchmarks/training_spread.py clip_pairs clip_blocks --data MANIFEST.csv
        --folds FOLDS.csv --per-group 100 --runs runs/spread [--seeds 3] [--share 0.7]

Intervals over test pictures say nothing of what other training pictures would have given. Heads on
frozen features have no other chance in them: their loss has one starting point, and augmentation is
drawn by the picture. So each seed draws a share of the training clusters of every group; what is
scored, every fold by weights without it, stays the same. Prints a Markdown table: each seed, their
mean and standard deviation, clean and at half size under JPEG 75. A run that is there is not
trained again.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from forensics.benchmark.datasets import PictureStore, capped, read_samples
from forensics.benchmark.out_of_fold import (
    CONDITIONS,
    FOLDS,
    ScoreBook,
    detector_of_run,
    options_with_cache,
    score_run,
)
from forensics.benchmark.tables import markdown, mean_auc, rows_of
from forensics.commands.common import add_data_arguments
from forensics.commands.picture_stores import picture_store
from forensics.commands.train import TWINS, ZOO
from forensics.detector import fake_logit
from forensics.plugins import load
from forensics.training import Sample, TrainingData

OURS = ("clip_pairs",)
"""These learn from pairs by the default mix of makers; published recipes learn from rows alone."""


def drawn(samples: Sequence[Sample], share: float, seed: int) -> tuple[Sample, ...]:
    """The samples of a share of the clusters of every group; check rows stay what they are."""
    rng = np.random.default_rng([71, seed])
    kept: set[tuple[str, str]] = set()
    for group in sorted({sample.group for sample in samples}):
        clusters = sorted({sample.cluster for sample in samples if sample.group == group})
        size = max(2, round(share * len(clusters)))
        kept |= {(group, one) for one in rng.permutation(clusters)[:size].tolist()}
    return tuple(sample for sample in samples if (sample.group, sample.cluster) in kept)


def logits_of(
    name: str, samples: Sequence[Sample], store: PictureStore, args: argparse.Namespace, seed: int
) -> dict[str, np.ndarray]:
    """By condition: (N,) logits, each sample scored by a run of this seed without its fold."""
    place = args.runs / f"{name}-{args.share:g}-{seed}"
    makers = (TWINS, *ZOO) if name in OURS else ()
    twins = {maker: store.twin(load("generator", maker)) for maker in makers}
    options = options_with_cache(name, args.cache)
    found: dict[str, dict[str, float]] = {condition: {} for condition in CONDITIONS}
    for fold in FOLDS:
        folder = place / fold
        kept = drawn([s for s in samples if s.fold != fold], args.share, seed)
        large = store.large(kept)
        data = TrainingData(kept, store.read, twins, folder, args.cache, large, store.original)
        plugin = load("detector", name, options)
        if not (folder / f"{name}.safetensors").exists():
            for _ in plugin.train(data, plugin.Recipe(), seed):
                pass
        detector = detector_of_run(name, folder, options)
        left_out = [sample for sample in samples if sample.fold == fold]
        book = ScoreBook(place / "scores.jsonl")
        for condition, scores in found.items():
            for row in score_run(detector, left_out, store.read, book, condition):
                scores[row.path] = float(fake_logit(row.logits).mean())
    return {
        condition: np.asarray([scores[sample.path] for sample in samples])
        for condition, scores in found.items()
    }


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("detectors", nargs="+", metavar="DETECTOR")
    add_data_arguments(parser)
    parser.add_argument("--runs", type=Path, default=Path("runs/spread"), metavar="DIR")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--share", type=float, default=0.7)
    args = parser.parse_args()
    samples = capped(read_samples(args.folds, args.data), args.per_group)
    store = picture_store(args.data, args.cache, samples)
    rows = rows_of(samples)
    body = []
    for name in args.detectors:
        means: dict[str, list[float]] = {condition: [] for condition in CONDITIONS}
        for seed in tqdm(range(args.seeds), name, disable=None):
            for condition, logits in logits_of(name, samples, store, args, seed).items():
                means[condition].append(mean_auc(rows, logits, own_fold=True).value)
        for condition, values in means.items():
            each = ", ".join(f"{value:.3f}" for value in values)
            spread = f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"
            body.append([name, condition, each, spread])
    print(markdown(["detector", "", "seeds", "mean and deviation"], body))


if __name__ == "__main__":
    main()
