"""Show our generators: what each is, samples, the traces it leaves; and the GANs that came before.

Without options it lists them. --out DIR writes `zoo.md` with grids and mean residual spectra, and
with --measure how close to real pictures each is, how fast, and by which detectors it is caught.
--history searches 501 GANs that got a name between 2014 and 2018; with --out it draws how many
there were, month by month.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics.errors import ForensicsError, InvalidOption, OutputFailed, UnknownPlugin
from forensics.plugins import cards, load, plugin_class

if TYPE_CHECKING:
    from forensics.benchmark.zoo_measures import Measured, RealPictures
    from forensics.benchmark.zoo_page import Part
    from forensics.schema import Image

EXAMPLE = "forensics zoo --history face aging"
SAMPLES = 500
JUDGED = 60
ROUNDS = 200
FEWEST = 8
"""Samples below which neighbours and intervals say nothing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    parser.add_argument("name", nargs="*", metavar="NAME", help="these generators (default: all)")
    parser.add_argument(
        "--history", nargs="*", metavar="WORD", help="GANs whose name or title has every word"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the page goes")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="default OUT/../images")
    parser.add_argument("--input", nargs="+", type=Path, default=[], metavar="PHOTO")
    parser.add_argument("--measure", action="store_true", help="needs --data and --out")
    parser.add_argument(
        "--data", type=Path, metavar="ZIP|DIR", help="the pictures that they learned from"
    )
    parser.add_argument("--samples", type=int, default=SAMPLES, help=f"default {SAMPLES}")
    parser.add_argument(
        "--judged",
        type=int,
        default=JUDGED,
        help=f"of each class, by detectors; default {JUDGED}, 0 for none",
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR")
    parser.add_argument("--weights", type=Path, help="of the one generator that is named")


def run(args: argparse.Namespace) -> int:
    """List, search or write; return 0."""
    if args.history is not None:
        return _history(args.history, args.out)
    _check(args)
    if args.out is None:
        from forensics.benchmark.zoo_page import card_lines

        known = cards("generator")
        print("\n".join(card_lines({name: known[name] for name in _names(args)})))
        print("Samples, and what each leaves in the spectrum: forensics zoo --out DIR")
        return 0
    from forensics.benchmark.zoo_page import written

    pictures = args.pictures or args.out.parent / "images"
    try:
        page = written(list(_parts(args)), args.out, pictures, _command(args))
    except OSError as error:
        raise OutputFailed(f"the page cannot be written: {error}") from error
    print(f"wrote {page}, pictures in {pictures}")
    return 0


def _history(words: list[str], out: Path | None) -> int:
    from forensics.benchmark.gan_history import draw_growth, named_gans, search

    found = search(words)
    for gan in found:
        print(gan.line)
    print(f"{len(found)} of {len(named_gans())} named GANs, June 2014 to September 2018")
    if out is not None:
        draw_growth(out / "named-gans.svg")
        print(f"wrote {out / 'named-gans.svg'}")
    return 0


def _check(args: argparse.Namespace) -> None:
    unknown = sorted(set(args.name) - set(cards("generator")))
    if unknown:
        known = ", ".join(cards("generator"))
        raise UnknownPlugin(f"no generator is called {unknown[0]!r}; there are {known}")
    if args.measure and (args.data is None or args.out is None):
        raise InvalidOption("--measure needs --data (what they learned from) and --out")
    if args.weights and len(args.name) != 1:
        raise InvalidOption("--weights belong to one generator: name it")
    if args.samples < FEWEST or (args.judged and args.judged < FEWEST):
        raise InvalidOption(f"--samples and --judged must be {FEWEST} or more; --judged may be 0")


def _names(args: argparse.Namespace) -> list[str]:
    return list(args.name or cards("generator"))


def _command(args: argparse.Namespace) -> str:
    measured = " --measure --data ..." if args.measure else ""
    return f"forensics zoo{measured} --samples {args.samples} --judged {args.judged}"


def _parts(args: argparse.Namespace) -> Iterator["Part"]:
    from forensics.benchmark.zoo_measures import RealPictures
    from forensics.media import load_image

    photographs = [load_image(path) for path in args.input]
    reals = None
    if args.measure:
        from forensics.commands.train_generator import picture_data

        reals = RealPictures(picture_data(args.data, None, 0, args.out))
    for name in _names(args):
        print(name, flush=True)
        yield _part(name, args, photographs, reals)


def _part(
    name: str,
    args: argparse.Namespace,
    photographs: "list[Image]",
    reals: "RealPictures | None",
) -> "Part":
    from forensics.benchmark.zoo_measures import timed_samples
    from forensics.benchmark.zoo_page import Part
    from forensics.benchmark.zoo_traces import Trace, trace_of

    options = plugin_class("generator", name).Options
    plugin = load("generator", name, options(weights=str(args.weights)) if args.weights else None)
    made: list[Image] = []
    measured = None
    try:
        if hasattr(plugin, "sample"):
            made, speed = timed_samples(plugin, args.samples)
            if reals is not None:
                measured = _measured(plugin, made, speed, args, reals)
        trace = trace_of(plugin, made, photographs)
    except ForensicsError as error:
        trace = Trace(None, str(error))
    run = args.runs / name
    weights = plugin.weights_sha256 if made else ""
    return Part(plugin.card, weights, made, trace, measured, run)


def _measured(
    plugin: Any,
    made: "list[Image]",
    speed: float,
    args: argparse.Namespace,
    reals: "RealPictures",
) -> "Measured":
    from forensics.benchmark import zoo_measures as measures
    from forensics.benchmark.zoo_page import draw_copies

    own = hasattr(plugin, "own_pictures")
    if own:
        reals = measures.RealPictures(plugin.own_pictures(args.out))
    size = made[0].shape[0]
    learned, apart = reals.at(size)
    found = measures.Measured(size, speed)
    found.closeness = measures.closeness(made, apart, rounds=ROUNDS)
    found.step_seconds = measures.step_seconds(plugin, reals.data)
    if args.judged:
        found.catches = measures.catches(made[: args.judged], list(apart[: args.judged]))
    found.obeyed = measures.obedience(plugin, args.samples)
    if not own:
        found.copies = measures.copies(made, learned, apart)
        draw_copies(args.runs / "zoo" / f"{plugin.card.name}-nearest.png", found.copies)
    return found
