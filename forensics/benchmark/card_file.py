"""Writes what was measured into a card, below a line that says so; what people wrote stays."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MARK = "# Below: written by `forensics calibrate --adopt` and `forensics first-light`.\n"


def update_card(path: Path, **changed: Any) -> None:
    """Replace `measured_on`, `figures`, `recipe` or `weights` of a card, and keep the others.

    Args:
        path: the card's TOML file.
        changed: `measured_on` a string; `figures` and `recipe` mappings; `weights` a list of
            mappings with `file` and `sha256`.
    """
    text = path.read_text(encoding="utf-8")
    known = tomllib.loads(text)
    names = ("measured_on", "figures", "recipe", "weights")
    fields: dict[str, Any] = {name: changed.get(name, known.get(name)) for name in names}
    written = [text.partition(MARK)[0].rstrip("\n") + "\n", MARK]
    if fields["measured_on"]:
        written.append(f"measured_on = {_value(fields['measured_on'])}\n")
    for name in ("figures", "recipe"):
        if fields[name]:
            written += [f"\n[{name}]\n", *_lines(fields[name])]
    for row in fields["weights"] or ():
        written += ["\n[[weights]]\n", *_lines(row)]
    path.write_text("".join(written), encoding="utf-8")


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {_value(value)}\n" for name, value in table.items()]


def _value(value: Any) -> str:
    """A TOML value: text, truth, number, array or inline table."""
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_value(each)}" for name, each in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return repr(value)
