"""Measure the analyses: how often each finding appears, where maps are right, what JPEG tells.

Runs every analysis over untouched real pictures, over simulated innocent processing and over
alterations made for the measurement; writes how often each kind of finding appears into the cards
of the analyses, and all figures into `traces.md`; `copies` and `cameras` measure one analysis each.
Parts that are not measured this time keep their last figures, in the runs folder and in the cards.
"""

import argparse
import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.commands import trace_parts
from forensics.commands.common import add_data_arguments, add_page_arguments, write_page

if TYPE_CHECKING:
    from forensics.analysis import Analysis

EXAMPLE = (
    "forensics trace-rates --data data/manifest.csv --folds data/folds.csv --out docs/results"
    " --part rates --analysis jpeg_grid"
)
PARTS = ("rates", "localisation", "jpeg", "copies", "cameras")
PAGE, COPY_WEIGHTS = "page", "copy-weights"
HEAD = """# Traces: what the analyses find, how often, and where

Written by `forensics trace-rates` and by nothing else.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    add_data_arguments(parser)
    parser.set_defaults(per_group=25)
    parser.add_argument("--runs", type=Path, default=Path("runs/traces"), metavar="DIR")
    add_page_arguments(parser)
    parser.add_argument(
        "--analysis", action="append", metavar="NAME", help="this analysis only; repeatable"
    )
    parser.add_argument(
        "--part",
        action="append",
        choices=(*PARTS, COPY_WEIGHTS, PAGE),
        help="measure this part only; repeatable; "
        f"{PAGE} writes the page from what is known, {COPY_WEIGHTS} fits what copies are told by",
    )
    parser.add_argument(
        "--maker",
        action="append",
        metavar="NAME",
        help="of the zoo's manipulators, localise this one's changes only; repeatable",
    )
    parser.add_argument(
        "--collection",
        action="append",
        metavar="NAME",
        help="localise in these pictures only, called as the page calls them; repeatable",
    )
    parser.add_argument(
        "--made-of",
        type=int,
        default=40,
        metavar="N",
        help="of how many pictures each processing and alteration is made (default 40)",
    )


def run(args: argparse.Namespace) -> int:
    """Measure the parts, write the cards and the page; return 0."""
    measure = {
        "rates": _rates,
        "localisation": _localisation,
        "jpeg": trace_parts.jpeg,
        "copies": trace_parts.copies,
        "cameras": trace_parts.cameras,
        COPY_WEIGHTS: trace_parts.copy_weights,
    }
    args.runs.mkdir(parents=True, exist_ok=True)
    for part in args.part or PARTS:
        if part != PAGE:
            measure[part](args)
    write_page(args.out / "traces.md", "\n".join([HEAD, *_sections(args.runs)]))
    return 0


def _analyses(args: argparse.Namespace) -> "dict[str, Analysis]":
    from forensics.plugins import entries, load

    return {name: load("analysis", name) for name in args.analysis or entries("analysis")}


def _rates(args: argparse.Namespace) -> None:
    from tqdm import tqdm

    from forensics.benchmark.datasets import PictureStore, read_samples
    from forensics.benchmark.trace_pictures import real_pictures, shown_pictures
    from forensics.benchmark.trace_rates import (
        Tally,
        count_findings,
        count_foreign_tables,
        note_in_cards,
        tables_of_sources,
    )
    from forensics.plugins import cards

    store = PictureStore(args.data.parent, args.cache)
    by_source = real_pictures(read_samples(args.folds, args.data), args.per_group)
    pictures = shown_pictures(by_source, store, made_of=args.made_of)
    tally = Tally()
    for _ in tqdm(count_findings(_analyses(args), pictures, tally), "examining", disable=None):
        pass
    if "prnu" in tally.hits:
        shown = shown_pictures(by_source, store, made_of=args.made_of)
        count_foreign_tables(shown, tables_of_sources(by_source, store), tally)
    note_in_cards(cards("analysis"), tally)
    for (stage, name), count in tally.failures.items():
        print(f"{count} pictures could not be read: {stage}, {name}")


def _localisation(args: argparse.Namespace) -> None:
    from tqdm import tqdm

    from forensics.benchmark import map_duels
    from forensics.benchmark.datasets import PictureStore, read_samples
    from forensics.benchmark.localisation import (
        Score,
        collected,
        made,
        made_of_faces,
        merged,
        scores,
        section,
    )
    from forensics.benchmark.trace_pictures import in_turn, real_pictures

    store = PictureStore(args.data.parent, args.cache)
    with args.data.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    by_source = real_pictures(read_samples(args.folds, args.data), args.per_group)
    samples, several = (in_turn(by_source, count) for count in (args.made_of, 20 * args.made_of))
    pictures = [
        *collected(args.data.parent, rows, args.collection),
        *made(samples, store, args.maker, args.collection),
        *made_of_faces(several, store, args.maker, args.collection, count=args.made_of),
    ]
    rows_of = tqdm(scores(_analyses(args), pictures), "maps", len(pictures), disable=None)
    found = [score for some in rows_of for score in some]
    kept = args.runs / "localisation.json"
    if (args.analysis or args.collection) and kept.exists():
        before = [Score(**row) for row in json.loads(kept.read_text(encoding="utf-8"))]
        found = merged(before, found)
    kept.write_text(json.dumps([asdict(score) for score in found]), encoding="utf-8")
    page = f"{section(found)}\n{map_duels.section(found)}"
    (args.runs / "localisation.md").write_text(page, encoding="utf-8")


def _sections(runs: Path) -> list[str]:
    """The sections that have been measured: rates from the cards, the others from the runs."""
    from forensics.benchmark.trace_rates import section
    from forensics.plugins import cards, read_card

    known = cards("analysis")
    # The cards on disk: what this run wrote is newer than what was loaded at its start.
    fresh = {name: read_card(card.folder / f"{name}.toml").rates for name, card in known.items()}
    parts = [section(known, fresh)] if any(fresh.values()) else []
    files = [runs / f"{part}.md" for part in PARTS if part != "rates"]
    return parts + [path.read_text(encoding="utf-8") for path in files if path.exists()]
