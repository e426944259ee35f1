"""What the commands share: how their arguments are read, and which cards there are."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from forensics.schema import ModelCard


def run_command(name: str, module: ModuleType, arguments: Sequence[str]) -> int:
    """Read `arguments` as the command line of `module`, run it, return its exit status.

    Args:
        name: what follows `forensics` on the command line.
        module: has a docstring, EXAMPLE, `add_arguments(parser)` and `run(args) -> int`.
        arguments: the command line after `name`.
    """
    parser = argparse.ArgumentParser(
        prog=f"forensics {name}",
        description=module.__doc__,
        epilog=f"example: {module.EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    return int(module.run(parser.parse_args(arguments)))


def add_data_arguments(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Declare what every command on training data needs."""
    parser.add_argument("--data", type=Path, required=required, metavar="MANIFEST.csv")
    parser.add_argument("--folds", type=Path, required=required, metavar="FOLDS.csv")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("runs/cache"),
        metavar="DIR",
        help="keeps features and twins, for every run (default runs/cache)",
    )
    parser.add_argument(
        "--per-group", type=int, default=10_000, help="cap on a group's pictures (default 10000)"
    )


def add_page_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where a page of results goes."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("docs/results"),
        metavar="DIR",
        help="for the page (default docs/results)",
    )


def add_unseen_arguments(
    parser: argparse.ArgumentParser, *, unseen: int, small: int, drawn: int
) -> None:
    """Declare how much is judged of what no detector learned from; the numbers are defaults."""
    for name, default, what in (
        ("--unseen", unseen, "photographs of LFW"),
        ("--small", small, "faces of 64 px of each source"),
        ("--drawn", drawn, "drawings of each kind"),
    ):
        words = f"{what} (default {default:,})"
        parser.add_argument(name, type=int, default=default, metavar="N", help=words)


def write_page(page: Path, text: str) -> None:
    """Write a page of results, its folder made where it is missing, and say where."""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, encoding="utf-8")
    print(f"wrote {page}")


def every_card() -> dict[str, ModelCard]:
    """The cards of all plugins and backbones, by name."""
    from forensics.plugins import PACKAGES, backbones, cards

    known = dict(backbones())
    for kind in PACKAGES:
        known.update(cards(kind))
    return known
