"""Measure where `clip_pairs` says that a picture was changed, beside maps that know nothing.

    python benchmarks/clip_maps.py --data MANIFEST.csv --folds FOLDS.csv --runs runs
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
    LEVEL,
    Changed,
    Score,
    collected,
    made,
    made_of_faces,
    scores,
    section,
)
from forensics.benchmark.out_of_fold import CONDITIONS, FOLDS, detector_of_run
from forensics.benchmark.tables import markdown
from forensics.benchmark.trace_pictures import in_turn, real_pictures
from forensics.case import Case
from forensics.clip_features import WHOLE_WIDTH
from forensics.commands.common import add_data_arguments
from forensics.commands.picture_stores import picture_store
from forensics.detector import MARKED_UNALTERED, fake_logit
from forensics.linear_head import LinearHead
from forensics.neural import ClipReading
from forensics.schema import Evidence, Finding, Floats, Image, Map
from forensics.training import EQUALISE, Sample

GAIN = 2.0
"""Divides what the head of the score says of single patches, which spread wider."""
UNTOUCHED = 40
"""Real pictures of each fold whose maps are looked at."""
OPENING = """# Where `clip_pairs` says that a picture was changed

Its map has a head of its own, taught by patches of real pictures and of their twins by the makers
of the default mix; `head of the score` is what the head that scores whole crops says of single
patches, the map of versions before. Every picture is judged by a run that learned from nothing of
its fold, `casia-splice`, from which none learned, by the one that ships. By
`python benchmarks/clip_maps.py --made-of {made_of}`. That maps which show the score's crops alone
leave the middle of portraits of 600 px unseen was found on `ciplab-photoshop`, and they cover such
pictures since; `casia-splice` was looked at before the penalty was chosen, on A and C alone.
"""


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


def marked(detector: ClipPairs, samples: Sequence[Sample], read: Any) -> Iterator[float]:
    """How much of what was looked at the maps of untouched pictures mark."""
    for sample in samples:
        equalised = CONDITIONS["clean"](read(sample), sample.seed(EQUALISE))
        [shown] = detector.locate([equalised])
        yield float((shown[shown > 0] >= LEVEL).mean())


def untouched(by_fold: Mapping[str, Sequence[float]]) -> str:
    """The section on untouched pictures."""
    rows = []
    together = [share for shares in by_fold.values() for share in shares]
    for fold, shares in [*by_fold.items(), ("all", together)]:
        middle, most = np.quantile(shares, [0.5, 0.95])
        cells = [f"{np.mean(shares):.2f}", f"{middle:.2f}", f"{most:.2f}"]
        rows.append([fold, str(len(shares)), *cells])
    return (
        "## What it marks in untouched pictures\n\nThe share of what was looked at that the map"
        f" puts at {LEVEL} or above; of what was unaltered in its training"
        f" {MARKED_UNALTERED:.0%} by construction. Real pictures left out by fold, sources in"
        " turn, equalised as for the score:\n\n"
        + markdown(["fold", "pictures", "mean", "median", "19 of 20 at most"], rows)
    )


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
    shares: dict[str, list[float]] = {}
    for fold, pictures in sets_of(args, samples, store):
        detector: Any = detector_of_run("clip_pairs", args.runs / f"clip_pairs-{fold}")
        judged = scores(maps_of(detector), pictures)
        for some in tqdm(judged, f"fold {fold}", len(pictures), disable=None):
            found += some
        by_source = real_pictures([s for s in samples if s.fold == fold], UNTOUCHED)
        if by_source:
            reals = in_turn(by_source, UNTOUCHED)
            shares[fold] = list(marked(detector, reals, store.read))
    order = sorted(found, key=lambda one: one.collection)
    opening = OPENING.format(made_of=args.made_of)
    print(f"{opening}\n{section(order)}\n{map_duels.section(order)}\n{untouched(shares)}")


if __name__ == "__main__":
    main()
