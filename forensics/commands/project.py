"""Find the picture of a generator that is nearest to a given one: evidence for who made it.

What a generator made itself it can nearly reproduce. The distance left over is shown beside that
of pictures which this generator did make (fresh samples, found in the same way) and, with --real,
of real pictures. A small distance among those of its own samples fits this generator; a larger one
speaks against it, or for a picture that was changed since. It is no proof of either.

A picture of another size than the generator's is cut: around its face as FFHQ's are, else to its
central square.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import forensics
from forensics.errors import InvalidOption
from forensics.faces.align import ffhq_crop
from forensics.faces.detect import find_faces
from forensics.generator import Generator, Projection, Projector
from forensics.holding_out import square
from forensics.media import load_image
from forensics.perceptual import NAME
from forensics.plugins import load
from forensics.schema import Image
from forensics.sheets import contact_sheet
from forensics.weights import file_sha256
from forensics.writing import Provenance, write_picture

EXAMPLE = "forensics project portrait.png --generator stylegan2 --out projected"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    parser.add_argument("image", type=Path, metavar="IMAGE")
    parser.add_argument("--generator", default="stylegan2", metavar="NAME")
    parser.add_argument("--steps", type=int, default=200, help="default 200")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    parser.add_argument("--own", type=int, default=6, help="fresh samples beside it; default 6")
    parser.add_argument("--real", nargs="*", type=Path, default=[], metavar="PHOTO")
    parser.add_argument("--out", type=Path, metavar="DIR", help="writes projection.png there")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(args: argparse.Namespace) -> int:
    """Project, report and return 0."""
    plugin: Any = load("generator", args.generator)
    searched = isinstance(plugin, Projector)
    if not searched:
        raise InvalidOption(f"{args.generator} has no space to search")
    if args.steps < 1 or args.own < 1:
        raise InvalidOption("--steps and --own must be 1 or more")
    own = plugin.sample(args.own, args.seed + 1)
    side = own[0].shape[0]
    given, cut = fitted(load_image(args.image), side)
    reals = [fitted(load_image(path), side)[0] for path in args.real]
    images = [given, *own, *reals]
    last = _searched(plugin, images, args.steps, args.seed)
    facts = {
        "path": str(args.image),
        "sha256": file_sha256(args.image),
        "generator": args.generator,
        "cut": cut,
        "distance": float(last.distances[0]),
        "own": [float(distance) for distance in last.distances[1 : 1 + args.own]],
        "real": [float(distance) for distance in last.distances[1 + args.own :]],
        "measure": NAME,
    }
    if args.out is not None:
        _write(args, plugin, images, last)
    print(json.dumps(facts) if args.json else "\n".join(_lines(facts)))
    return 0


def fitted(image: Image, side: int) -> tuple[Image, str]:
    """Bring a picture to (side, side, 3), and say how: as it is, around its face, or its middle.

    Raises:
        InvalidOption: it is smaller than that, and shows no face.
    """
    if image.shape[:2] == (side, side):
        return image, "as it is"
    faces = find_faces(image)
    if faces:
        largest = max(faces, key=lambda face: float(np.prod(face.box[2:] - face.box[:2])))
        return ffhq_crop(image, largest, side), "around its face"
    try:
        return square(image, side), "its central square"
    except ValueError as error:
        raise InvalidOption(str(error)) from error


def _searched(plugin: Projector, images: list[Image], steps: int, seed: int) -> Projection:
    bar = tqdm(plugin.project(images, steps, seed), "search", steps, unit="step", disable=None)
    for found in bar:
        bar.set_postfix(distance=f"{found.distances[0]:.4f}")
    return found


def _lines(facts: dict[str, Any]) -> list[str]:
    own = facts["own"]
    farther = sum(distance >= facts["distance"] for distance in own)
    lines = [
        f"{facts['path']} ({facts['cut']}): the nearest picture of {facts['generator']} is"
        f" {facts['distance']:.4f} away.",
        f"{len(own)} pictures which {facts['generator']} did make: {min(own):.4f} to"
        f" {max(own):.4f}, {farther} of them as far or farther.",
    ]
    if facts["real"]:
        real = facts["real"]
        nearer = sum(distance <= facts["distance"] for distance in real)
        lines.append(
            f"{len(real)} pictures given as real: {min(real):.4f} to {max(real):.4f}, {nearer} of"
            " them as near or nearer."
        )
    return [*lines, f"Distance: {facts['measure']}."]


def _write(
    args: argparse.Namespace, plugin: Generator, images: list[Image], last: Projection
) -> None:
    args.out.mkdir(parents=True, exist_ok=True)
    mark = Provenance(
        args.generator,
        forensics.__version__,
        args.seed,
        plugin.weights_sha256,
        parent_sha256=file_sha256(args.image),
        composite=True,
    )
    kinds = ["given", *["own"] * args.own, *["real"] * len(args.real)]
    pictures, lines = [], []
    for image, found, kind, distance in zip(
        images, last.pictures, kinds, last.distances, strict=True
    ):
        pictures.append(np.concatenate([image, found], axis=1))
        lines.append(f"{kind}: {distance:.3f}")
    write_picture(args.out / "projection.png", contact_sheet(pictures, lines, 3), mark)
