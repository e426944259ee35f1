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


def every_card() -> dict[str, ModelCard]:
    """The cards of all plugins and backbones, by name."""
    from forensics.plugins import PACKAGES, backbones, cards

    known = dict(backbones())
    for kind in PACKAGES:
        known.update(cards(kind))
    return known
