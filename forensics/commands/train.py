"""Train a detector under the fold protocol, or a generator from pictures without labels.

A detector learns from everything but one fold, or from all but the check rows. A generator takes
its pictures from a manifest (real rows that are not check rows), a folder, or a zip. A swapper
learns two people from clips or folders: --source and --target.

Weights, log and recipe go into --out; features and twins that depend on pictures alone go into
--cache and serve every fold. A run that was stopped goes on where it was.
"""

import argparse
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from forensics.benchmark.adopting import adopt_generator
from forensics.benchmark.datasets import capped, read_samples, without_fold
from forensics.benchmark.out_of_fold import options_with_cache
from forensics.commands.common import add_data_arguments
from forensics.commands.options import with_fields
from forensics.commands.picture_stores import picture_store
from forensics.commands.train_generator import draws_its_own, generator_steps
from forensics.commands.train_swapper import add_pair_arguments, swapper_steps
from forensics.errors import InvalidOption, UnknownPlugin
from forensics.generator import Manipulator
from forensics.plugins import entries, load, plugin_class
from forensics.schema import Step
from forensics.training import TrainingData, logged

EXAMPLE = (
    "forensics train clip_pairs --data data/manifest.csv --folds data/folds.csv --without A"
    " --out runs/clip_pairs-A"
)
FOLDS = ("A", "B", "C", "D")
TWINS = "reconstruction"
"""Its twins are in every mix."""
ZOO = ("decoders", "super_resolution", "self_blended", "inpainting")
"""What else `--with-zoo` mixes in: the trace makers that helped (docs/results/fuel.md)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    add_data_arguments(parser, required=False)
    add_pair_arguments(parser)
    parser.add_argument("name", metavar="NAME", help="the detector or generator")
    parser.add_argument("--without", choices=FOLDS, help="default: all folds, less check rows")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    parser.add_argument(
        "--with-zoo",
        nargs="*",
        metavar="MAKER",
        help=f"also pair real pictures with what these trace makers do (default {', '.join(ZOO)})",
    )
    parser.add_argument(
        "--adopt",
        action="store_true",
        help="make the generator's weights those that ship; without --data, those of the run in"
        " --out as it stands",
    )
    parser.add_argument(
        "--recipe", nargs="*", default=[], metavar="NAME=VALUE", help="fields of the recipe"
    )
    parser.add_argument(
        "--resolution", type=int, metavar="PX", help="short for --recipe resolution=PX"
    )


def run(args: argparse.Namespace) -> int:
    """Train, with a progress bar, and adopt the weights where that is asked; return 0."""
    if args.resolution is not None:
        args.recipe = [*args.recipe, f"resolution={args.resolution}"]
    if args.adopt and args.name not in entries("generator"):
        raise InvalidOption("--adopt is for generators; detectors: forensics calibrate --adopt")
    if not (args.adopt and args.data is None and (args.out / "recipe.json").is_file()):
        _train(args)
    if args.adopt:
        print(f"adopted {adopt_generator(args.name, args.out)}")
    return 0


def _train(args: argparse.Namespace) -> None:
    with tqdm(desc=args.name, unit="step", disable=None) as bar:
        for step in _steps(args):
            bar.total = step.total
            bar.n = step.step
            bar.set_postfix({name: f"{value:.4g}" for name, value in step.figures.items()})


def _steps(args: argparse.Namespace) -> Iterator[Step]:
    generator = args.name in entries("generator")
    if generator and (args.source or args.target):
        return swapper_steps(args)
    if args.data is None and not (generator and draws_its_own(args.name)):
        raise InvalidOption("give --data, or --source and --target for a swapper")
    if not generator and args.folds is None:
        raise InvalidOption("a detector is trained under the fold protocol: give --folds")
    return generator_steps(args) if generator else train_detector(args)


def pictures_with_twins(args: argparse.Namespace, folder: Path) -> TrainingData:
    """The capped pictures of all folds, with twins by the default mix; runs go into `folder`."""
    samples = capped(read_samples(args.folds, args.data), args.per_group)
    store = picture_store(args.data, args.cache, samples)
    makers = {name: store.twin(load("generator", name)) for name in (TWINS, *ZOO)}
    return TrainingData(tuple(samples), store.read, makers, folder, args.cache)


def train_detector(args: argparse.Namespace) -> Iterator[Step]:
    """Train the detector `args.name` into `args.out`, yielding its steps."""
    detector_class = plugin_class("detector", args.name)
    if not hasattr(detector_class, "Recipe"):
        raise UnknownPlugin(f"{args.name} cannot be trained; it has no recipe")
    recipe = with_fields(detector_class.Recipe(), args.recipe)
    samples = capped(read_samples(args.folds, args.data), args.per_group)
    store = picture_store(args.data, args.cache, samples)
    makers = (TWINS, *zoo_makers(args.with_zoo))
    data = TrainingData(
        samples=tuple(without_fold(samples, args.without)),
        read=store.read,
        makers={name: store.twin(load("generator", name)) for name in makers},
        folder=args.out,
        cache=args.cache,
        large=store.large(tqdm(samples, "sizes", disable=None)),
        whole=store.original,
    )
    detector = load("detector", args.name, options_with_cache(args.name, args.cache))
    args.out.mkdir(parents=True, exist_ok=True)
    facts = {
        "without": args.without,
        "per_group": args.per_group,
        "makers": makers,
        "seed": args.seed,
        "recipe": dataclasses.asdict(recipe),
    }
    (args.out / "recipe.json").write_text(json.dumps(facts, indent=2), encoding="utf-8")
    yield from logged(detector.train(data, recipe, args.seed), args.out / "log.csv")


def zoo_makers(given: list[str] | None) -> tuple[str, ...]:
    """The trace makers beside `reconstruction`: none, those named, or the default mix.

    given: None without the flag, empty with the flag alone.

    Raises:
        InvalidOption: a name is no generator that changes pictures, or comes twice.
    """
    if given is None:
        return ()
    for name in given:
        maker = entries("generator").get(name)
        if maker is None or not issubclass(plugin_class("generator", name), Manipulator):
            raise InvalidOption(f"--with-zoo takes generators that change pictures, not {name!r}")
    if len({TWINS, *given}) <= len(given):
        raise InvalidOption(f"--with-zoo names a maker twice ({TWINS} is always in)")
    return tuple(given) or ZOO
