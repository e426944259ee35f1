"""List detectors, generators, analyses and backbones with their licences.

Says what each looks at, the licences of its code and of its weights, and whether the weights are at
hand. With NAME, everything its card says.
"""

import argparse
import dataclasses
import json
from typing import Any

from forensics.commands.common import every_card
from forensics.plugins import find_card, fingerprint
from forensics.schema import ModelCard
from forensics.weights import find_file

EXAMPLE = "forensics cards clip_vit_b16"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    parser.add_argument("name", nargs="?", help="only this card, in full")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Print the cards."""
    chosen = [find_card(args.name)] if args.name else list(every_card().values())
    for card in sorted(chosen, key=lambda card: (card.kind, card.name)):
        if args.json:
            print(json.dumps(facts(card), ensure_ascii=False))
        else:
            print(full_text(card) if args.name else summary(card))
    return 0


def facts(card: ModelCard) -> dict[str, Any]:
    """All fields of a card, its fingerprint, and for each weights file whether it is at hand."""
    told = dataclasses.asdict(card)
    del told["folder"]
    told["fingerprint"] = fingerprint(card)
    for row, file in zip(told["weights"], card.weights, strict=True):
        row["present"] = find_file(card, file) is not None
    return told


def summary(card: ModelCard) -> str:
    """Three lines: what it is, its licences, its weights."""
    weights = card.licence_weights or "no weights"
    return (
        f"{card.name} ({card.kind}): {card.title}\n"
        f"    {card.looks_at}\n"
        f"    code {card.licence_code}; weights {weights}{_presence(card)}"
    )


def full_text(card: ModelCard) -> str:
    """Every field that is not empty, a line or a list each."""
    lines = []
    for name, value in facts(card).items():
        if isinstance(value, (list, tuple)) and value:
            lines += [f"{name}:", *(f"  - {_row(item)}" for item in value)]
        elif value not in ("", (), [], {}):
            lines.append(f"{name}: {_row(value)}")
    return "\n".join(lines)


def _row(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    return str(value)


def _presence(card: ModelCard) -> str:
    missing = [file.file for file in card.weights if find_file(card, file) is None]
    if not card.weights:
        return ""
    return f" (not at hand: {', '.join(missing)})" if missing else " (at hand)"
