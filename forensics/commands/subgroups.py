"""Measure error rates by skin tone, face size, sharpness, brightness and source, out of fold.

Reads the same runs and scores as `forensics first-light`, measures every picture as the detectors
see it, and writes `subgroups.md`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

import forensics
from forensics.benchmark.book import Book
from forensics.benchmark.datasets import PictureStore, capped, read_samples
from forensics.benchmark.evaluation import Runs
from forensics.benchmark.out_of_fold import CONDITIONS
from forensics.benchmark.results_page import Board, build_board
from forensics.benchmark.subgroups import Traits, groupings, places, rates, traits_of
from forensics.benchmark.tables import markdown
from forensics.commands.common import add_data_arguments, add_page_arguments, write_page
from forensics.plugins import default_detectors
from forensics.training import Sample

EXAMPLE = (
    "forensics subgroups --data data/manifest.csv --folds data/folds.csv --runs runs"
    " --out docs/results"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    add_data_arguments(parser)
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR")
    add_page_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Score and measure what is not yet, write `subgroups.md`; return 0."""
    names = sorted(default_detectors())
    samples = capped(read_samples(args.folds, args.data), args.per_group)
    store = PictureStore(args.data.parent, args.cache)
    logits = dict(Runs(args.runs, store, args.cache).scores(names, samples, tuple(CONDITIONS)))
    board = build_board(samples, logits, names)
    traits = measured(samples, store, Book(args.cache / "traits.jsonl"))
    sections = [opening(board)]
    for condition in CONDITIONS:
        sections += [table(board, condition, *each) for each in divided(board, traits)]
    write_page(args.out / "subgroups.md", "\n".join(sections))
    return 0


def measured(samples: Sequence[Sample], store: PictureStore, book: Book) -> list[Traits]:
    """Traits of all samples; those in the book are not measured again."""
    found = []
    for sample in tqdm(samples, "traits", disable=None):
        known = book.get([sample.path])
        if known is None:
            known = traits_of(store.read(sample)).as_json()
            book.add([sample.path], known)
        found.append(Traits(**known))
    return found


def divided(board: Board, traits: Sequence[Traits]) -> list[tuple[str, list[str]]]:
    """The subgroups of all pictures; sources last."""
    found = groupings(traits, board.rows)
    return [*found.items(), ("source", [sample.source for sample in board.samples])]


def opening(board: Board) -> str:
    """What was measured, and how to read it."""
    return (
        f"# Subgroups\n\nVersion {forensics.__version__}; written by `forensics subgroups`."
        f" {len(board.samples)} pictures, fused score and calls left out by fold. *Mean place*: the"
        " share of the real pictures of the same fold that score lower, mean over the subgroup's"
        " real pictures; one half where a subgroup is treated like the rest. *Highest tenth*: the"
        " share of them among the tenth of their fold's real pictures that look most fake; *of its"
        " source*: the same within each source, which takes away what a subgroup owes to its"
        " sources alone (a tenth is fair). *AUC*: the mean place of the subgroup's fakes. Brackets:"
        " 95 % intervals, of means over clusters of near-duplicates, of shares by Clopper and"
        " Pearson. Fewer than 20 pictures give no figure.\n\n"
        "Skin tone is the individual typology angle of the cheeks of the largest face (Chardon et"
        " al. 1991; classes after Del Bino and Bernerd 2013): how light skin is in that picture"
        " under its light, not what a person's skin is. It is not measurable without a face of 32"
        " px and in grey pictures.\n"
    )


def table(board: Board, condition: str, title: str, names: Sequence[str]) -> str:
    """One row a subgroup."""
    rows, judged = board.rows, board.judged[condition]
    by_fold = places(judged.scores, rows, rows.folds)
    by_source = places(judged.scores, rows, rows.groups)
    members = np.asarray(names)
    body = []
    for name in sorted(set(names), key=lambda each: -int((members == each).sum())):
        chosen = members == name
        figures = rates(chosen, rows, by_fold, by_source, judged.called)
        counts = [int((chosen & (rows.labels == label)).sum()) for label in (0, 1)]
        body.append([name, *counts, *("" if v is None else v for v in figures.values())])
    header = [title, "reals", "fakes", *figures]
    return f"## By {title}, {condition}\n\n{markdown(header, body)}"
