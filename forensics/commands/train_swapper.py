"""Trains a swapper on the faces of two people, out of clips or folders of pictures."""

import argparse
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

import forensics
from forensics.commands.options import with_fields
from forensics.errors import InvalidOption, UnreadableMedia
from forensics.face_pairs import SwapData, portraits
from forensics.faces.portrait import Portrait
from forensics.plugins import load
from forensics.schema import Step
from forensics.training import logged

MOST_PICTURES = 600
"""Frames or pictures of one person; more of a short clip are alike."""


def add_pair_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what training on two people needs."""
    group = parser.add_argument_group("a swapper, from two people who agreed to it")
    group.add_argument("--source", type=Path, metavar="VIDEO|DIR", help="whose face will be put in")
    group.add_argument(
        "--target", type=Path, metavar="VIDEO|DIR", help="whose face will be replaced"
    )


def swapper_steps(args: argparse.Namespace) -> Iterator[Step]:
    """Train the swapper `args.name` into `args.out`, yielding its steps.

    Raises:
        InvalidOption: it cannot be trained, or one of the two people is missing.
        UnreadableMedia: a clip or a folder is not there.
    """
    swapper = load("generator", args.name)
    if not hasattr(swapper, "Recipe"):
        raise InvalidOption(f"{args.name} cannot be trained; it has no recipe")
    if args.source is None or args.target is None:
        raise InvalidOption(f"{args.name} learns two people: give --source and --target")
    for path in (args.source, args.target):
        if not path.exists():
            raise UnreadableMedia(f"{path.name} does not exist; check the path")
    recipe = with_fields(swapper.Recipe(), args.recipe)
    args.out.mkdir(parents=True, exist_ok=True)
    facts = {
        "version": forensics.__version__,
        "seed": args.seed,
        "recipe": dataclasses.asdict(recipe),
    }
    (args.out / "recipe.json").write_text(json.dumps(facts, indent=2), encoding="utf-8")
    data = SwapData(
        source=lambda: _seen(args.source, "source"),
        target=lambda: _seen(args.target, "target"),
        folder=args.out,
    )
    yield from logged(swapper.train(data, recipe, args.seed), args.out / "log.csv")


def _seen(path: Path, name: str) -> Iterator[Portrait]:
    found = portraits(path, at_most=MOST_PICTURES)
    return iter(tqdm(found, f"{name} faces", unit="face", disable=None))
