"""Measure where `clip_pairs` says that a picture was changed, beside maps that know nothing.

    python benchmarks/clip_maps.py --data MANIFEST.csv --folds FOLDS.csv --runs runs/v5
        [--made-of 12] [--fold A C] > docs/results/clip-map.md

Alterations are made of real pictures of each fold and judged by `RUNS/clip_pairs-FOLD`, which never
saw the fold; what others changed, of collections with masks or parts that a file name flags, by the
run without its fold, or by `RUNS/clip_pairs-all` where no run has learned from it. The map is
compared with what single patches say by the head of the score, the map of versions before. Prints
a page.
"""

import argparse
import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from detectors.clip_pairs import ClipPairs
from forensics.analysis import Analysis
from forensics.benchmark import map_duels
from forensics.benchmark.datasets import read_samples
from forensics.benchmark.localisation import (
    Changed,
    Score,
    collected,
    made,
    made_of_faces,
    scores,
    section,
)
from forensics.benchmark.out_of_fold import FOLDS, detector_of_run
from forensics.benchmark.trace_pictures import in_turn, real_pictures
from forensics.case import Case
from forensics.clip_features import WHOLE_WIDTH
from forensics.commands.common import add_data_arguments
from forensics.commands.picture_stores import picture_store
from forensics.detector import fake_logit
from forensics.linear_head import LinearHead
from forensics.neural import ClipReading
from forensics.schema import Evidence, Finding, Floats, Image, Map
from forensics.training import Sample

GAIN = 2.0
"""Divides what the head of the score says of single patches, which spread wider."""
TITLE = "# Where `clip_pairs` says that a picture was changed\n"


class Shows(Analysis):
    """Gives a function's map of a picture as a finding."""

    def __init__(self, draw: Callable[[Image], Map]) -> None:
        self._draw = draw

    def examine(self, case: Case) -> Evidence:
        """The map, and nothing said of it."""
        return Evidence((Finding("", heatmap=self._draw(case.image)),))


def maps_of(detector: ClipPairs) -> dict[str, Analysis]:
    """The map of a detector, and what the head of its score says of single patches."""

    def by_the_score(reading: ClipReading) -> Floats:
        return crop_logits(detector.head, reading) / GAIN

    def ours(image: Image) -> Map:
        [shown] = detector.locate([image])
        return shown

    def before(image: Image) -> Map:
        return detector.laid_over(image, by_the_score)

    return {"clip_pairs": Shows(ours), "head of the score": Shows(before)}


def crop_logits(head: LinearHead, reading: ClipReading) -> Floats:
    """What a head taught by whole crops says of every patch beside the class token, (h, w)."""
    rows, columns, _ = reading.patches.shape
    whole = np.broadcast_to(reading.whole, (rows, columns, WHOLE_WIDTH))
    seen = np.concatenate([reading.patches, whole], axis=2).reshape(rows * columns, -1)
    return fake_logit(head.class_logits(seen)).reshape(rows, columns)


def sets_of(
    args: argparse.Namespace, samples: Sequence[Sample], store: Any
) -> Iterator[tuple[str, list[Changed]]]:
    """Changed pictures by the fold whose run judges them; "all" where none learned from them."""
    with args.data.open(newline="", encoding="utf-8") as file:
        rows: list[Mapping[str, str]] = list(csv.DictReader(file))
    fold_of = {sample.path: sample.fold for sample in samples}
    others: dict[str, list[Changed]] = {}
    for one in collected(args.data.parent, rows):
        others.setdefault(fold_of.get(one.name, "all"), []).append(one)
    for fold in args.fold:
        by_source = real_pictures([s for s in samples if s.fold == fold], args.made_of)
        count = args.made_of
        changed = made(in_turn(by_source, count), store)
        faces = made_of_faces(in_turn(by_source, 20 * count), store, count=count)
        yield fold, [*others.get(fold, []), *changed, *faces]
    if set(args.fold) == set(FOLDS):
        yield "all", others.get("all", [])


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_arguments(parser)
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR")
    parser.add_argument("--made-of", type=int, default=12, help="real pictures of each fold")
    parser.add_argument("--fold", nargs="+", choices=FOLDS, default=list(FOLDS))
    args = parser.parse_args()
    samples = read_samples(args.folds, args.data)
    store = picture_store(args.data, args.cache, samples)
    found: list[Score] = []
    for fold, pictures in sets_of(args, samples, store):
        detector: Any = detector_of_run("clip_pairs", args.runs / f"clip_pairs-{fold}")
        judged = scores(maps_of(detector), pictures)
        for some in tqdm(judged, f"fold {fold}", len(pictures), disable=None):
            found += some
    order = sorted(found, key=lambda one: one.collection)
    print(f"{TITLE}\n{section(order)}\n{map_duels.section(order)}")


if __name__ == "__main__":
    main()
