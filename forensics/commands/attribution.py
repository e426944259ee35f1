"""Learn which family of generators left the traces of a picture, and measure how often that holds.

Computes features that --cache lacks, fits the space of families to all but the check rows, measures
it on held-out pictures, on families and generators left out, on photographs and on the check rows,
and writes `attribution.md`. With --adopt the weights and the figures that findings state become
those that ship. A run that was stopped goes on where it was.
"""

import argparse
from pathlib import Path

from safetensors.numpy import save_file
from tqdm import tqdm

from forensics.benchmark.card_file import update_card
from forensics.benchmark.datasets import PictureStore, read_samples
from forensics.benchmark.family_fit import principal
from forensics.benchmark.family_measures import (
    figures,
    learn,
    left_out_families,
    left_out_generators,
    said,
)
from forensics.benchmark.family_page import page
from forensics.benchmark.family_rows import MAKERS, STRONG, TWINS, FamilyPictures, first_of_groups
from forensics.benchmark.out_of_fold import CONDITIONS
from forensics.commands.common import add_data_arguments, add_page_arguments, write_page
from forensics.families import FamilySpace
from forensics.plugins import entries
from forensics.training import Sample, whole_output
from forensics.weights import file_sha256

EXAMPLE = (
    "forensics attribution --data data/manifest.csv --folds data/folds.csv"
    " --cache runs/cache-attribution --out docs/results --adopt"
)
NAME = "attribution"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    add_data_arguments(parser)
    parser.set_defaults(per_group=100)
    parser.add_argument(
        "--per-check", type=int, default=100, help="cap on a group's check rows (default 100)"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/attribution"), metavar="DIR")
    add_page_arguments(parser)
    parser.add_argument(
        "--adopt", action="store_true", help="make weights and figures those that ship"
    )


def run(args: argparse.Namespace) -> int:
    """Fit, measure, write `attribution.md`, and adopt where that is asked; return 0."""
    samples = read_samples(args.folds, args.data)
    learned = [one for one in first_of_groups(samples, args.per_group) if not one.check]
    checked = first_of_groups([one for one in samples if one.check], args.per_check)
    pictures = _filled(args, learned, checked)
    rows = pictures.learned(learned)
    basis = principal(rows.features)
    rows = rows.seen_through(basis)
    space, held = learn(rows)
    left = [*left_out_families(rows, space), *left_out_generators(rows, space)]
    space = space.after(basis)
    on_check = [said(space, pictures.checked(checked, condition)) for condition in CONDITIONS]
    write_page(args.out / f"{NAME}.md", page(space, held, left, on_check))
    weights = _saved(space, args.runs)
    if args.adopt:
        _adopt(weights, figures(held, left), args)
    return 0


def _filled(
    args: argparse.Namespace, learned: list[Sample], checked: list[Sample]
) -> FamilyPictures:
    """The pictures, all features of which are in the cache."""
    pictures = FamilyPictures(PictureStore(args.data.parent, args.cache), args.cache)
    for steps, title in ((pictures.learn(learned), "learned"), (pictures.check(checked), "check")):
        with tqdm(desc=title, unit="left", disable=None) as bar:
            for left in steps:
                bar.n = left
                bar.refresh()
    return pictures


def _saved(space: FamilySpace, folder: Path) -> Path:
    path = folder / f"{NAME}.safetensors"
    with whole_output(path) as part:
        save_file(space.tensors, part)
    return path


def _adopt(weights: Path, counted: dict[str, object], args: argparse.Namespace) -> None:
    """Copy the weights beside the card, and note there what they are and what was measured."""
    card = entries("analysis")[NAME].card
    shipped = card.folder / "weights" / weights.name
    with whole_output(shipped) as part:
        part.write_bytes(weights.read_bytes())
    update_card(
        card.folder / f"{NAME}.toml",
        figures=counted,
        measured_on=f"held-out and left-out pictures, clean; docs/results/{NAME}.md",
        recipe={
            "per_group": args.per_group,
            "makers": [name for name in MAKERS if name != "self_blended"],
            "strong": STRONG,
            "twins": TWINS,
        },
        weights=[{"file": f"weights/{weights.name}", "sha256": file_sha256(shipped)}],
    )
    print(f"adopted {shipped.name}")
