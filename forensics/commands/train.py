"""Train a detector under the fold protocol: everything but one fold, or all but the check rows.

Weights, log and recipe go into --out; features and twins that depend on pictures alone go into
--cache and serve every fold. A run that was stopped goes on where it was.
"""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from tqdm import tqdm

from forensics.benchmark.datasets import PictureStore, capped, read_samples, without_fold
from forensics.benchmark.out_of_fold import options_with_cache
from forensics.commands.common import add_data_arguments
from forensics.errors import InvalidOption, UnknownPlugin
from forensics.plugins import load, plugin_class
from forensics.training import TrainingData, logged

EXAMPLE = (
    "forensics train clip_pairs --data data/manifest.csv --folds data/folds.csv --without A"
    " --out runs/clip_pairs-A"
)
FOLDS = ("A", "B", "C", "D")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    add_data_arguments(parser)
    parser.add_argument("name", metavar="NAME", help="the detector")
    parser.add_argument("--without", choices=FOLDS, help="default: all folds, less check rows")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    parser.add_argument(
        "--recipe", nargs="*", default=[], metavar="NAME=VALUE", help="fields of the recipe"
    )


def run(args: argparse.Namespace) -> int:
    """Train, with a progress bar; return 0."""
    detector_class = plugin_class("detector", args.name)
    if not hasattr(detector_class, "Recipe"):
        raise UnknownPlugin(f"{args.name} cannot be trained; it has no recipe")
    recipe = with_fields(detector_class.Recipe(), args.recipe)
    samples = capped(read_samples(args.folds, args.data), args.per_group)
    store = PictureStore(args.data.parent, args.cache)
    for _ in tqdm(store.find_boxes(samples), "faces", len(samples), disable=None):
        pass
    data = TrainingData(
        samples=tuple(without_fold(samples, args.without)),
        read=store.read,
        twin=store.twin(load("generator", "reconstruction")),
        folder=args.out,
        cache=args.cache,
    )
    detector = load("detector", args.name, options_with_cache(args.name, args.cache))
    args.out.mkdir(parents=True, exist_ok=True)
    facts = {
        "without": args.without,
        "per_group": args.per_group,
        "seed": args.seed,
        "recipe": dataclasses.asdict(recipe),
    }
    (args.out / "recipe.json").write_text(json.dumps(facts, indent=2), encoding="utf-8")
    steps = logged(detector.train(data, recipe, args.seed), args.out / "log.csv")
    with tqdm(desc=args.name, unit="step", disable=None) as bar:
        for step in steps:
            bar.total = step.total
            bar.n = step.step
            bar.set_postfix({name: f"{value:.4g}" for name, value in step.figures.items()})
    return 0


def with_fields(recipe: Any, assignments: list[str]) -> Any:
    """Replace fields of a recipe, "penalty=0.3" or "head.penalty=0.3", keeping their types.

    Raises:
        InvalidOption: a field does not exist.
    """
    for assignment in assignments:
        name, _, value = assignment.partition("=")
        recipe = _with_field(recipe, name.split("."), value)
    return recipe


def _with_field(recipe: Any, path: list[str], value: str) -> Any:
    known = {field.name: getattr(recipe, field.name) for field in dataclasses.fields(recipe)}
    if path[0] not in known:
        raise InvalidOption(f"the recipe has no field {path[0]!r}; there are {', '.join(known)}")
    old = known[path[0]]
    try:
        new = _with_field(old, path[1:], value) if path[1:] else type(old)(value)
    except ValueError as error:
        raise InvalidOption(f"{path[0]} must be like {old!r}, got {value!r}") from error
    return dataclasses.replace(recipe, **{path[0]: new})
