"""The options of `forensics benchmark`, and whom they let compete."""

import argparse
import os
import sys
from pathlib import Path

from forensics.benchmark.contestants import (
    FUSED,
    METADATA,
    PLUGIN,
    Contestant,
    contestant_of,
    fused_of,
    loaded,
    table_of_scores,
)
from forensics.benchmark.degrade import STEPS
from forensics.benchmark.duels import AGAINST
from forensics.benchmark.engines import ENGINES
from forensics.benchmark.layouts import LAYOUTS
from forensics.benchmark.viewing import LEVELS, SIDE
from forensics.benchmark.zoo_set import HELD_OUT
from forensics.errors import InvalidOption, WeightsUnavailable
from forensics.plugins import default_detectors


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    parser.add_argument("set", type=Path, metavar="SET", help="MANIFEST.csv or a folder")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the results")
    parser.add_argument("--page", type=Path, metavar="FILE.md", help="also write report.md here")
    parser.add_argument("--note", nargs="*", default=[], help="sentences for the top of the page")
    _add_contestants(parser)
    _add_showing(parser)
    parser.add_argument("--layout", choices=sorted(LAYOUTS), help="default: recognised")
    parser.add_argument("--per-group", type=int, metavar="N", help="cap on a group's files")
    parser.add_argument(
        "--against",
        nargs="+",
        choices=AGAINST,
        help="the real files that fakes are scored with; default: those of their own pipeline "
        "where the layout knows them, else all; with --runs all, fold and matched",
    )
    parser.add_argument(
        "--allow-confounded", action="store_true", help="score a set that the audit refuses"
    )
    parser.add_argument("--engine", choices=ENGINES, default="local", help="default local")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes, default all"
    )
    group = parser.add_argument_group("scores left out by fold")
    group.add_argument("--folds", type=Path, metavar="FOLDS.csv", help="of the training data")
    group.add_argument("--runs", type=Path, metavar="DIR", help="holds NAME-A to NAME-D")
    group.add_argument(
        "--cache", type=Path, default=Path("runs/cache"), metavar="DIR", help="as of training"
    )
    zoo = parser.add_argument_group("fakes of our own zoo")
    zoo.add_argument(
        "--zoo",
        nargs="+",
        default=[],
        metavar="MAKER",
        help="instead of the set's fakes, what these generators make of its real check rows; "
        f"{HELD_OUT} are the decoders that never train a detector",
    )
    zoo.add_argument(
        "--zoo-per-group", type=int, default=4, metavar="N", help="pictures of a group, default 4"
    )


def _add_contestants(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--detector",
        action="append",
        metavar="NAME|FILE.py",
        help="may be repeated; default: those that examine uses",
    )
    parser.add_argument(
        "--scores",
        action="append",
        default=[],
        metavar="NAME=FILE.csv",
        help="somebody else's scores: columns path, and score in [0, 1] or logit",
    )
    parser.add_argument("--no-fused", action="store_true", help="without the fused verdict")
    parser.add_argument("--no-metadata", action="store_true", help="without what files say")
    parser.add_argument(
        "--reference", metavar="NAME", help="whom all others are compared with; default fused"
    )


def _add_showing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--degrade",
        nargs="+",
        action="extend",
        default=[],
        metavar="SPEC",
        help=f"chains of {', '.join(STEPS)}: jpeg:75,50 are two, resize:0.5+jpeg:75 is one",
    )
    parser.add_argument("--equalise", action="store_true", help="cut and encode all files alike")
    parser.add_argument(
        "--side", type=int, metavar="PX", help=f"of equalised pictures, default {SIDE}"
    )
    parser.add_argument(
        "--no-original", action="store_true", help="with --equalise: not the files as they are too"
    )
    parser.add_argument("--level", choices=LEVELS, default="image", help="default image")
    parser.add_argument("--frames", type=int, default=8, metavar="N", help="of a clip, default 8")


def contestants(args: argparse.Namespace) -> list[Contestant]:
    """Whom the options let compete; says on stderr which of the default ones cannot."""
    chosen = args.detector or ([] if args.scores else list(default_detectors()))
    found = [contestant_of(text) for text in dict.fromkeys(chosen)]
    if args.runs is None:
        found = [each for each in found if _ready(each, by_name=args.detector is not None)]
    fused = None if args.no_fused else _fused(args, found)
    found += [table_of_scores(text) for text in args.scores]
    found += [fused] if fused else []
    found += [] if args.no_metadata else [Contestant(METADATA, METADATA)]
    names = [each.name for each in found]
    if len(set(names)) < len(names):
        raise InvalidOption(f"names must differ, got {', '.join(names)}")
    return found


def _ready(contestant: Contestant, *, by_name: bool) -> bool:
    """Whether it can be loaded; one asked for by name must."""
    try:
        loaded(contestant)
    except WeightsUnavailable as error:
        if by_name:
            raise
        print(f"forensics: without {contestant.name}: {error}", file=sys.stderr)
        return False
    return True


def _fused(args: argparse.Namespace, found: list[Contestant]) -> Contestant | None:
    if args.runs is None:
        return fused_of(found) if args.level == "image" else None
    # Those that are there to be compared have no vote.
    voting = set(default_detectors())
    names = tuple(each.name for each in found if each.kind == PLUGIN and each.name in voting)
    return Contestant(FUSED, FUSED, members=names) if len(names) > 1 else None
