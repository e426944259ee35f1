"""Makes the weights of a training run those that ship: copies the file, notes it in the card."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forensics.benchmark.card_file import update_card
from forensics.errors import InvalidOption, OutputFailed
from forensics.plugins import entries
from forensics.schema import ModelCard
from forensics.weights import file_sha256


def adopt_generator(name: str, run: Path, card: ModelCard | None = None) -> Path:
    """Copy `RUN/NAME.safetensors` beside the generator's card and note recipe and SHA-256 in it.

    Args:
        name: the generator.
        run: the folder of its training run, finished or not.
        card: where it is noted; the generator's own by default.

    Returns:
        The weights file that ships now.

    Raises:
        InvalidOption: the run has no weights or no recipe.
        OutputFailed: the weights or the card cannot be written.
    """
    card = card or entries("generator")[name].card
    made, facts = run / f"{name}.safetensors", run / "recipe.json"
    if not made.is_file() or not facts.is_file():
        raise InvalidOption(f"{run.name} holds no trained {name}: train it with --out {run.name}")
    told = json.loads(facts.read_text(encoding="utf-8"))
    recipe = {"seed": told["seed"], "pictures": told["pictures"], **told["recipe"]}
    shipped = card.folder / "weights" / made.name
    try:
        shipped.parent.mkdir(exist_ok=True)
        shipped.write_bytes(made.read_bytes())
        row = {"file": f"weights/{made.name}", "sha256": file_sha256(shipped)}
        path = card.folder / f"{name}.toml"
        update_card(path, recipe=recipe | images_seen(run / "log.csv", recipe), weights=[row])
    except OSError as error:
        raise OutputFailed(f"{shipped.name} cannot be adopted: {error}") from error
    return shipped


def images_seen(log: Path, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """How many pictures a run's weights have seen: fewer than planned if it was stopped.

    Returns:
        The entry for the card, by the log and how often weights are saved; empty where the log
        does not say.
    """
    if not log.is_file() or not {"images", "save_every"} <= set(recipe):
        return {}
    with log.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or "images" not in rows[0]:
        return {}
    seen = int(float(rows[-1]["images"]))
    planned = recipe["images"] // recipe["batch"] * recipe["batch"]
    return {"images_seen": seen if seen >= planned else seen - seen % max(recipe["save_every"], 1)}
