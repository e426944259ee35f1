"""Compare two benchmarks on the files that both scored, and say what luck would not do.

A and B are --out folders, or copies of a run's scores.csv.gz: kept in a repository, such a copy is
a baseline for CI. The difference is B less A. Exit status 4 where a mean or a single generator is
significantly worse in B (after correction for the number of tests), else 0.
"""

import argparse
import json
from pathlib import Path

from forensics.benchmark.comparison import Comparison, compare
from forensics.benchmark.contestants import METADATA
from forensics.benchmark.duels import AGAINST
from forensics.benchmark.published import read_published
from forensics.benchmark.results import MEAN
from forensics.errors import InvalidOption

EXAMPLE = "forensics benchmark compare baseline.csv.gz results"
WORSE = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    parser.add_argument("first", type=Path, metavar="A")
    parser.add_argument("second", type=Path, metavar="B")
    parser.add_argument(
        "--detector",
        action="append",
        metavar="NAME|NAME_A=NAME_B",
        help="may be repeated; default: all that both have",
    )
    parser.add_argument("--against", choices=AGAINST, help="the real files; default as in the runs")
    parser.add_argument("--json", action="store_true", help="one object a line")


def run(args: argparse.Namespace) -> int:
    """Print the comparison; return 4 where B is worse, else 0."""
    first, second = read_published(args.first), read_published(args.second)
    both = [n for n in first.detectors if n in second.detectors and n != METADATA]
    pairs = [_pair(text) for text in args.detector or both]
    if not pairs:
        raise InvalidOption(
            f"no detector is in both ({first.detectors} and {second.detectors}); name a pair with "
            "--detector NAME_A=NAME_B"
        )
    found = compare(first, second, pairs, against=args.against)
    for each in found:
        print(json.dumps(_fields(each)) if args.json else _line(each))
    return WORSE if any(each.worse for each in found) else 0


def _pair(text: str) -> tuple[str, str]:
    first, equals, second = text.partition("=")
    return first, second if equals else first


def _line(each: Comparison) -> str:
    names = each.first if each.first == each.second else f"{each.first} -> {each.second}"
    source = "mean" if each.kind == MEAN else each.source
    change = each.difference
    word = "  WORSE" if each.worse else "  better" if each.better else ""
    rank = "" if each.rank_corrected is None else f", ranks {each.rank_corrected:.4f}"
    return (
        f"{names}, {' '.join(each.shown)}, {source} ({each.against}, {each.level}): "
        f"{each.areas[0]:.3f} -> {each.areas[1]:.3f}, {change.value:+.3f} "
        f"[{change.low:+.3f}, {change.high:+.3f}], p {each.corrected:.4f}{rank}{word}"
    )


def _fields(each: Comparison) -> dict[str, object]:
    return {
        "first": each.first,
        "second": each.second,
        "kind": each.kind,
        "source": each.source,
        "against": each.against,
        "level": each.level,
        "pixels": each.shown[0],
        "degradation": each.shown[1],
        "fakes": each.fakes,
        "reals": each.reals,
        "auc": list(each.areas),
        "difference": each.difference.value,
        "interval": [each.difference.low, each.difference.high],
        "p": each.difference.p,
        "p_corrected": each.corrected,
        "p_signed_rank": each.rank_p,
        "p_signed_rank_corrected": each.rank_corrected,
        "worse": each.worse,
        "better": each.better,
    }
