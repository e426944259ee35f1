"""Fit fusion, calibration and thresholds to out-of-fold logits, and write `fusion.json`.

Needs the runs that `forensics train` left: RUNS/NAME-A to NAME-D for every detector. Scores are
kept in RUNS/scores-NAME.jsonl; a stopped calibration goes on where it was. With --adopt, the
weights of RUNS/NAME-all are copied beside the detectors' cards, whose hashes are brought up to
date. Sets of the default detectors are calibrated, and what `forensics examine --fast` asks.
"""

import argparse
import json
import shutil
from pathlib import Path

from tqdm import tqdm

from forensics.benchmark.card_file import update_card
from forensics.benchmark.datasets import PictureStore, capped, read_samples
from forensics.benchmark.evaluation import Runs, table_of
from forensics.benchmark.out_of_fold import CONDITIONS, SHIPPED
from forensics.choosing import FAST_DETECTORS
from forensics.commands.common import add_data_arguments
from forensics.errors import WeightsUnavailable
from forensics.fitting import fit_all
from forensics.plugins import default_detectors, entries, fingerprint, read_card
from forensics.schema import ModelCard
from forensics.weights import file_sha256

EXAMPLE = "forensics calibrate --data data/manifest.csv --folds data/folds.csv --runs runs --adopt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    add_data_arguments(parser)
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR")
    parser.add_argument("--adopt", action="store_true", help="ship the weights of RUNS/NAME-all")
    parser.add_argument(
        "--out", type=Path, default=Path("detectors/fusion.json"), metavar="FILE.json"
    )


def run(args: argparse.Namespace) -> int:
    """Score, fit, write; return 0."""
    full, quick = sorted(default_detectors()), sorted(FAST_DETECTORS)
    names = sorted({*full, *quick})
    cards = {name: entries("detector")[name].card for name in names}
    if args.adopt:
        cards |= {name: adopt(cards[name], args.runs / f"{name}-{SHIPPED}") for name in full}
        cards |= {name: hashed_anew(cards[name]) for name in quick if name not in full}
    samples = capped(read_samples(args.folds, args.data), args.per_group)
    runs = Runs(args.runs, PictureStore(args.data.parent, args.cache), args.cache)
    conditions = tuple(CONDITIONS)
    total = len(names) * len(samples) * len(conditions)
    scores = tqdm(runs.scores(names, samples, conditions), "scoring", total, disable=None)
    logits = dict(scores)
    fitted = [
        fit_all(
            table_of(samples, logits, members, conditions),
            {name: fingerprint(cards[name]) for name in members},
            measured_on=f"{len(samples)} pictures out of fold, each equalised and degraded",
        )
        for members in (quick, full)
    ]
    fused = fitted[1] | {"sets": fitted[0]["sets"] | fitted[1]["sets"]}
    args.out.write_text(json.dumps(fused, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {args.out}: {len(fused['sets'])} sets of detectors")
    return 0


def hashed_anew(card: ModelCard) -> ModelCard:
    """Bring the hashes of a card up to date whose files another detector's training gives."""
    path = card.folder / f"{card.name}.toml"
    rows = [
        {"file": each.file, "sha256": file_sha256(card.folder / each.file)} for each in card.weights
    ]
    update_card(path, weights=rows)
    return read_card(path)


def adopt(card: ModelCard, run: Path) -> ModelCard:
    """Copy a run's weights beside the card, and write their hashes and the recipe into it.

    Raises:
        WeightsUnavailable: the run has left no weights.
    """
    files = sorted(run.glob(f"{card.name}.*"))
    if not files:
        raise WeightsUnavailable(f"{run} holds no weights of {card.name}: `forensics train` first")
    target = card.folder / "weights"
    target.mkdir(exist_ok=True)
    for file in files:
        shutil.copyfile(file, target / file.name)
    path = card.folder / f"{card.name}.toml"
    facts = json.loads((run / "recipe.json").read_text(encoding="utf-8"))
    given = {name: facts[name] for name in ("seed", "per_group", "makers") if name in facts}
    recipe = {**given, **facts["recipe"]}
    rows = [{"file": f"weights/{file.name}", "sha256": file_sha256(file)} for file in files]
    update_card(path, recipe=recipe, weights=rows)
    return read_card(path)
