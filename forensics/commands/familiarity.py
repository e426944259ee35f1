"""Choose the reference pictures that others are compared with, and the least similarity.

Reads class tokens of all pictures (kept in --cache, where `clip_pairs` keeps them too), sets the
limit on folds left out, measures it on check rows, photographs and drawings that no detector knows,
and writes `familiarity.md`. With --adopt the references become those that ship. A run that was
stopped goes on where it was.
"""

import argparse

from safetensors.numpy import save
from tqdm import tqdm

from forensics.benchmark.card_file import update_card
from forensics.benchmark.datasets import capped, read_samples
from forensics.benchmark.out_of_fold import CONDITIONS
from forensics.benchmark.reference_fit import SHIPPED
from forensics.benchmark.reference_page import CLEAN, Found, find, forms, page, share, wholes
from forensics.benchmark.token_rows import Stranger, TokenReader, TokenRows, Whole, large, rows_of
from forensics.benchmark.unseen import photographs
from forensics.commands.common import (
    add_data_arguments,
    add_page_arguments,
    add_unseen_arguments,
    write_page,
)
from forensics.commands.picture_stores import picture_store
from forensics.plugins import backbones, entries, fingerprint
from forensics.training import whole_output
from forensics.weights import file_sha256

EXAMPLE = (
    "forensics familiarity --data data/manifest.csv --folds data/folds.csv --out docs/results"
    " --adopt"
)
NAME = "familiarity"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    add_data_arguments(parser)
    parser.set_defaults(per_group=150)
    add_page_arguments(parser)
    add_unseen_arguments(parser, unseen=200, small=20, drawn=30)
    parser.add_argument(
        "--large", type=int, default=12, metavar="N", help="whole pictures of a group (default 12)"
    )
    parser.add_argument("--adopt", action="store_true", help="make the references those that ship")


def run(args: argparse.Namespace) -> int:
    """Read, choose, measure, write `familiarity.md`, adopt where that is asked; return 0."""
    rows, strangers, shown = _read(args)
    learned = rows.where(~rows.checks)
    found = find(learned)
    more = wholes(found, learned, shown), forms(learned, strangers)
    text = page(found, rows, strangers, *more)
    write_page(args.out / f"{NAME}.md", text)
    if args.adopt:
        _adopt(found, learned, args.per_group)
    return 0


def _read(args: argparse.Namespace) -> tuple[TokenRows, list[Stranger], list[Whole]]:
    """The rows of all samples, the pictures that are in no fold, and some that are large."""
    everything = read_samples(args.folds, args.data)
    samples = capped(everything, args.per_group)
    store, reader = picture_store(args.data, args.cache, samples), TokenReader(args.cache)
    total = len(samples) * len(CONDITIONS)
    tokens = list(tqdm(reader.shown(store, samples), "reading", total, disable=None))
    unseen = photographs(args.data.parent, args.unseen, args.small)
    strangers = [
        *tqdm(reader.photographs(unseen), "never seen", len(unseen), disable=None),
        *tqdm(reader.drawings(args.drawn), "drawings", disable=None),
    ]
    chosen = large(store, everything, args.large)
    shown = list(tqdm(reader.whole(store, chosen), "whole", len(chosen), disable=None))
    return rows_of(samples, tokens), strangers, shown


def _adopt(found: Found, learned: TokenRows, per_group: int) -> None:
    """Put the references beside their card, and note there what was measured."""
    card = entries("analysis")[NAME].card
    shipped = card.folder / "weights" / f"{NAME}.safetensors"
    with whole_output(shipped) as part:
        part.write_bytes(save(found.references.tensors))
    clean = learned.conditions == CLEAN
    below = share(found.below[clean], learned.clusters[clean])
    update_card(
        card.folder / f"{NAME}.toml",
        figures={
            "left_out_below": below.value,
            "left_out_below_interval": (below.low, below.high),
            "left_out_pictures": int(clean.sum()),
        },
        measured_on=f"pictures of folds left out, clean; docs/results/{NAME}.md",
        recipe={
            "per_group": per_group,
            **vars(SHIPPED),
            "backbone": fingerprint(backbones()["clip_vit_b16"]),
        },
        weights=[{"file": f"weights/{shipped.name}", "sha256": file_sha256(shipped)}],
    )
    print(f"adopted {shipped.name}")
