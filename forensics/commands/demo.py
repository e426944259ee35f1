"""Examine a real photograph and a fake made from it on the spot, and write a picture report.

The photograph is the public-domain portrait that comes with matplotlib; the fake is its
reconstruction by the tiny autoencoder that comes with this package.
"""

import argparse
import importlib
from importlib.util import find_spec
from pathlib import Path

from forensics.commands.common import run_command
from forensics.errors import ForensicsError

EXAMPLE = "forensics demo --out demo"
PORTRAIT = Path("mpl-data", "sample_data", "grace_hopper.jpg")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder, default demo")


def run(args: argparse.Namespace) -> int:
    """Make the fake and examine both, which prints where the report lies."""
    photograph, fakes = portrait(), args.out / "fakes"
    report = (args.out / "report.html").resolve()
    args.out.mkdir(parents=True, exist_ok=True)
    print(f"1. Making a fake from {photograph.name}", flush=True)
    status = _run(
        "generate", "reconstruction", "--input", photograph, "--count", 1, "--seed", 1,
        "--out", fakes,
    )  # fmt: skip
    if status:
        return status
    print("2. Examining the photograph and the fake", flush=True)
    return _run("examine", photograph, *sorted(fakes.glob("*.png")), "--report", report)


def portrait() -> Path:
    """The path of the demonstration photograph, found without importing matplotlib.

    Raises:
        ForensicsError: matplotlib or its sample data is not installed.
    """
    spec = find_spec("matplotlib")
    path = Path(spec.origin if spec and spec.origin else "").parent / PORTRAIT
    if not path.is_file():
        raise ForensicsError(f"the demo needs matplotlib's sample picture, missing at {path}")
    return path


def _run(name: str, *arguments: object) -> int:
    module = importlib.import_module(f"forensics.commands.{name}")
    return run_command(name, module, [str(argument) for argument in arguments])
