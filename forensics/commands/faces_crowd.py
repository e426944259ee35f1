"""The action that makes a matcher's crowd: averages of look-alikes, for how typical a face is."""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

from forensics.commands.faces_gallery import matcher_argument
from forensics.errors import InvalidManifest

if TYPE_CHECKING:
    from forensics.faces.embed import Matcher
    from forensics.schema import Floats, Image

LARGE = 192
"""Pictures whose shorter side is less px are enlarged to it, so that small faces are found."""


def add_actions(actions: Any) -> None:
    """Declare the action of this file."""
    parser = actions.add_parser(
        "crowd",
        help="make the averages by which a matcher knows typical faces",
        description=(
            "Embed pictures of many people, one face a picture, and average the look-alikes. "
            "Write NAME_crowd.safetensors; its SHA-256 belongs into NAME_crowd.toml. "
            "Afterwards the distributions of strangers must be measured again (calibrate)."
        ),
        epilog=(
            "example: forensics faces crowd faces64.csv --pictures faces64.zip --without pairs.csv"
        ),
    )
    parser.add_argument("list", type=Path, metavar="LIST.csv", help="columns file, identity")
    parser.add_argument("--pictures", type=Path, required=True, metavar="DIR|FILE.zip")
    parser.add_argument(
        "--without", type=Path, metavar="PAIRS.csv", help="leave out the people of these pairs"
    )
    parser.add_argument("--at-most", type=int, default=10_000, metavar="N", help="default 10000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="default: with the matcher's weights"
    )
    matcher_argument(parser)
    parser.set_defaults(act=_crowd)


def _crowd(args: argparse.Namespace) -> int:
    import numpy as np
    from tqdm import tqdm

    from forensics.faces.crowd import CENTRES, made_crowd, save_crowd
    from forensics.faces.embed import load_matcher
    from forensics.plugins import fingerprint
    from forensics.weights import file_sha256

    matcher = load_matcher(args.matcher)
    names = _chosen(args)
    found = _vectors(names, args.pictures, matcher)
    rows = [row for row in tqdm(found, "embedding", len(names), disable=None) if row is not None]
    if len(rows) < CENTRES:
        raise InvalidManifest(
            f"{args.list} gives {len(rows)} faces, too few for averages of {CENTRES} looks"
        )
    crowd = made_crowd(np.stack(rows), seed=args.seed)
    folder = args.out or matcher.card.folder / "weights"
    path = folder / f"{args.matcher}_crowd.safetensors"
    save_crowd(crowd, path, fingerprint(matcher.card))
    print(
        f"{len(crowd.centres)} averages of {len(rows)} pictures ({len(names) - len(rows)} without"
    )
    print(f"a face), a usual face's typicality {crowd.usual:.4f}: {path}")
    print(f"sha256 {file_sha256(path)}")
    return 0


def _chosen(args: argparse.Namespace) -> list[str]:
    """Files of the list whose people are in none of the pairs, at most so many, drawn by seed."""
    import numpy as np

    from forensics.benchmark.face_verification import person_of, pictures_of, read_pairs

    pairs = read_pairs(args.without) if args.without else []
    known = {person_of(name) for name in pictures_of(pairs)}
    try:
        with args.list.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidManifest(f"{args.list} cannot be read: {error}") from error
    if not rows or not {"file", "identity"} <= set(rows[0]):
        raise InvalidManifest(f"{args.list} must have rows, and the columns file and identity")
    files = [row["file"] for row in rows if row["identity"].replace(" ", "_") not in known]
    order = np.random.default_rng(args.seed).permutation(len(files))[: args.at_most]
    return [files[place] for place in sorted(order)]


def _vectors(names: list[str], place: Path, matcher: "Matcher") -> "Iterator[Floats | None]":
    from forensics.benchmark.face_verification import most_central
    from forensics.faces.cascade import resized
    from forensics.faces.detect import find_faces

    for image in _pictures(names, place):
        height, width = image.shape[:2]
        scale = max(1.0, LARGE / min(height, width))
        large = resized(image, round(width * scale), round(height * scale))
        faces = find_faces(large, turns=False)
        face = most_central(faces, *large.shape[:2]) if faces else None
        yield None if face is None else matcher.embed(large, [face])[0]


def _pictures(names: list[str], place: Path) -> "Iterator[Image]":
    from forensics.media import decode, open_media

    for name, data in _files(names, place):
        yield decode(open_media(Path(name), data), data).image


def _files(names: list[str], place: Path) -> Iterator[tuple[str, bytes]]:
    try:
        if place.is_dir():
            yield from ((name, (place / name).read_bytes()) for name in names)
            return
        with ZipFile(place) as archive:
            known = {Path(name).name: name for name in archive.namelist()}
            yield from ((name, archive.read(known[name])) for name in names)
    except (OSError, BadZipFile, KeyError) as error:
        raise InvalidManifest(f"{place} cannot be read: {error}") from error
