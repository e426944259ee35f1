"""The table of commands. Only the module of the chosen one is imported."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import forensics
from forensics.blas import start_one_blas_thread
from forensics.errors import ForensicsError
from forensics.installation import check_own_packages

COMMANDS = {
    "examine": ("forensics.commands.examine", "say what pictures show traces of, and how sure"),
    "generate": ("forensics.commands.generate", "make fakes that carry their provenance"),
    "swap": ("forensics.commands.swap", "put one face in another's place, with consent"),
    "train": ("forensics.commands.train", "train a detector under the fold protocol"),
    "calibrate": ("forensics.commands.calibrate", "fit fusion and thresholds to the detectors"),
    "benchmark": (
        "forensics.commands.benchmark",
        "score detectors across generators and degradations, or compare two such runs",
    ),
    "faces": ("forensics.commands.faces", "keep a gallery of faces, look up whom a face is like"),
    "camera": ("forensics.commands.camera", "keep fingerprints of cameras, to look for them"),
    "zoo": ("forensics.commands.zoo", "show our generators, and search those of others"),
    "project": ("forensics.commands.project", "find a generator's nearest picture to a given one"),
    "cards": ("forensics.commands.cards", "list plugins and weights with their licences"),
    "weights": ("forensics.commands.weights", "fetch and verify weights"),
    "app": ("forensics.commands.app", "open the local page"),
    "demo": ("forensics.commands.demo", "examine a photograph and a fake made from it"),
    "first-light": ("forensics.commands.first_light", "measure the detectors out of fold"),
    "subgroups": ("forensics.commands.subgroups", "measure error rates by what pictures show"),
    "robustness": (
        "forensics.commands.robustness",
        "measure laundering, attacks and cameras never seen",
    ),
    "attribution": (
        "forensics.commands.attribution",
        "learn which family of generators left traces, and measure how often that holds",
    ),
    "familiarity": (
        "forensics.commands.familiarity",
        "choose the reference pictures that others are compared with",
    ),
    "fuel": ("forensics.commands.fuel", "measure trace makers, and what detectors learn from them"),
    "trace-rates": ("forensics.commands.trace_rates", "measure what the analyses find, how often"),
    "swap-sheets": ("forensics.commands.swap_sheets", "write contact sheets of the face swaps"),
    "export-mtcnn": ("forensics.commands.export_mtcnn", "export the face detector to ONNX"),
    "export-dlib-resnet": (
        "forensics.commands.export_dlib_resnet",
        "convert the face matcher to ONNX",
    ),
    "export-landmarks": (
        "forensics.commands.export_landmarks",
        "convert the landmark network to ONNX",
    ),
}
SUBCOMMANDS = {"benchmark compare": "forensics.commands.benchmark_compare"}
INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 + SIGINT, as shells have it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0 done, 1 failed with a message on stderr, 2 wrong usage, 130 interrupted; commands may add
    their own.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    name = _front_parser().parse_args(arguments[:1]).command
    try:
        check_own_packages()
        status = _run(name, arguments[1:])
        sys.stdout.flush()
    except ForensicsError as error:
        print(f"forensics: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) left; without this, Python complains again while it shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def console() -> NoReturn:
    """Run one command as a program, and end it.

    An examination is not taken apart at its end, which takes .15 s where CLIP was read: the system
    takes its memory back at once.
    """
    examining = sys.argv[1:2] == ["examine"]
    if examining:
        start_one_blas_thread()
    status = main()
    if examining:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(status)
    sys.exit(status)


def _run(name: str, arguments: Sequence[str]) -> int:
    from forensics.allocation import keep_freed_memory
    from forensics.commands.common import run_command

    keep_freed_memory()
    longer = " ".join([name, *arguments[:1]])
    if longer in SUBCOMMANDS:
        return run_command(longer, importlib.import_module(SUBCOMMANDS[longer]), arguments[1:])
    return run_command(name, importlib.import_module(COMMANDS[name][0]), arguments)


def _front_parser() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {line}" for name, (_, line) in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog="forensics",
        description=forensics.__doc__,
        epilog="\n".join(
            ["commands:", *lines, "", "`forensics COMMAND --help` explains each, with an example."]
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=forensics.__version__)
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="one of those below")
    return parser


if __name__ == "__main__":
    console()
