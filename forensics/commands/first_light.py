"""Measure the detectors and their fusion out of fold, and write the results page.

Everything on the page was scored by detectors that never saw the picture's fold, and judged by a
fusion and thresholds that were fitted on the other three folds; only the last table is about the
weights that ship, on the check rows that they never saw.
"""

import argparse
from pathlib import Path

from tqdm import tqdm

from forensics.benchmark import results_page
from forensics.benchmark.datasets import PictureStore, capped, read_samples
from forensics.benchmark.evaluation import Runs
from forensics.benchmark.out_of_fold import CONDITIONS
from forensics.benchmark.quick_page import quick_section
from forensics.choosing import FAST_DETECTORS
from forensics.commands.common import add_data_arguments, add_page_arguments, write_page
from forensics.plugins import default_detectors

EXAMPLE = (
    "forensics first-light --data data/manifest.csv --folds data/folds.csv --runs runs"
    " --out docs/results"
)

SMALL_DETECTORS = ("efficientnet_lite0", "spectrum")
"""Set beside what `--fast` asks: they need no large network either."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    add_data_arguments(parser)
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR")
    add_page_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Score what is not scored yet, write `first-light.md` and its picture; return 0."""
    names = sorted(default_detectors())
    samples = capped(read_samples(args.folds, args.data), args.per_group)
    store = PictureStore(args.data.parent, args.cache)
    runs = Runs(args.runs, store, args.cache)
    conditions = tuple(CONDITIONS)
    total = len(names) * len(samples) * len(conditions)
    logits = dict(tqdm(runs.scores(names, samples, conditions), "scoring", total, disable=None))
    board = results_page.build_board(samples, logits, names)
    shipped = dict(tqdm(runs.shipped_scores(names, samples, conditions), "check", disable=None))
    quick = dict(tqdm(runs.scores(FAST_DETECTORS, samples, conditions), "fast", disable=None))
    args.out.mkdir(parents=True, exist_ok=True)
    results_page.draw_reliability(board, args.out / "first-light-reliability.png")
    sections = [
        results_page.opening(board),
        *(results_page.by_generator(board, condition) for condition in conditions),
        results_page.by_real_source(board),
        results_page.answers(board),
        quick_section(board, logits | quick, FAST_DETECTORS, SMALL_DETECTORS),
        results_page.trivial_baselines(board, store, args.cache),
        results_page.on_check_rows(samples, shipped, names),
    ]
    for name in names:
        results_page.note_in_card(board, name)
    write_page(args.out / "first-light.md", "\n".join(sections))
    return 0
