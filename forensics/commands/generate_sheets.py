"""What `forensics generate` shows beside single files: grids, contact sheets, mixes, walks."""

import argparse
import math
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from tqdm import tqdm

from forensics.clip_writing import join, piece
from forensics.clips import Timeline
from forensics.generator import Interpolator, Mixer
from forensics.schema import Image
from forensics.sheets import contact_sheet, tiled
from forensics.writing import Provenance, write_picture

RATE = 24
"""Frames a second of a walk."""
STRETCH = 36
"""Frames from one key picture to the next."""
KEYS = 6
MIXED = (4, 6)
"""Rows and columns of a mix."""
LARGEST = 4096
"""Pictures that a grid holds at most."""


def add_sheet_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --grid, --contact-sheet, --mix and --interpolate."""
    parser.add_argument("--grid", action="store_true", help="also grid.png: the bare pictures")
    parser.add_argument(
        "--contact-sheet", action="store_true", help="also contact-sheet.png: each with its name"
    )
    parser.add_argument(
        "--mix",
        action="store_true",
        help=f"also mix.png: {MIXED[0]} x {MIXED[1]} mixtures of styles",
    )
    parser.add_argument(
        "--interpolate",
        action="store_true",
        help=f"also walk.mp4: a closed walk through {KEYS} pictures",
    )


def check_sheets(args: argparse.Namespace, plugin: Any) -> None:
    """Refuse at once what this generator cannot show.

    Raises:
        ValueError: it has no styles to mix, or no continuous space to walk through.
    """
    if args.mix and not isinstance(plugin, Mixer):
        raise ValueError(f"{args.name} has no styles to mix: leave --mix out")
    if args.interpolate and not isinstance(plugin, Interpolator):
        raise ValueError(f"{args.name} has no space to walk through: leave --interpolate out")


def write_sheets(
    args: argparse.Namespace, plugin: Any, pictures: Sequence[tuple[str, Image]], mark: Provenance
) -> list[str]:
    """Write what was asked for into `args.out`; return the names of the files.

    Args:
        args: the flags of `add_sheet_arguments`, and name, seed, out and sign.
        plugin: the generator.
        pictures: name and pixels of what was made.
        mark: provenance of every file.
    """
    written = []
    images = [image for _, image in pictures[:LARGEST]]
    columns = math.ceil(math.sqrt(len(images)))
    if args.grid:
        if len({image.shape for image in images}) > 1:
            raise ValueError("a grid needs pictures of one size: take --contact-sheet")
        written.append(_written(args, "grid.png", tiled(images, columns), mark))
    if args.contact_sheet:
        sheet = contact_sheet(images, [name for name, _ in pictures[:LARGEST]], columns)
        written.append(_written(args, "contact-sheet.png", sheet, mark))
    if args.mix:
        table = plugin.mix(*MIXED, args.seed)
        cells = [image for row in table for image in row]
        written.append(_written(args, "mix.png", tiled(cells, len(table[0])), mark))
    if args.interpolate:
        written.append(_walk(args, plugin, mark))
    return written


def _written(args: argparse.Namespace, name: str, image: Image, mark: Provenance) -> str:
    write_picture(args.out / name, image, mark, certificate=args.sign)
    return name


def _walk(args: argparse.Namespace, plugin: Interpolator, mark: Provenance) -> str:
    path: Path = args.out / "walk.mp4"
    count = KEYS * STRETCH
    frames = tqdm(
        plugin.walk(KEYS, STRETCH, args.seed), path.name, count, unit="frame", disable=None
    )
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        only = Path(folder) / "walk.mp4"
        with piece(only, Fraction(RATE)) as write:
            for frame in frames:
                write(frame)
        timeline = Timeline(tuple(range(count)), Fraction(1, RATE), 0, None)
        join(path, [only], timeline, sound=None, provenance=mark, certificate=args.sign)
    return path.name
