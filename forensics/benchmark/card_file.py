"""Writes what was measured into a card, below a line that says so; what people wrote stays."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MARK = "# Below: written by `forensics calibrate --adopt` and `forensics first-light`.\n"
RATES_MARK = "# Below: written by `forensics trace-rates`.\n"
FAMILIES_MARK = "# Below: written by `forensics attribution --adopt`.\n"
REFERENCES_MARK = "# Below: written by `forensics familiarity --adopt`.\n"
_MARKS = (MARK, RATES_MARK, FAMILIES_MARK, REFERENCES_MARK)
_BARE = re.compile(r"[A-Za-z0-9_-]+")


_NAMES = ("measured_on", "figures", "rates", "recipe", "weights")


def update_card(path: Path, **changed: Any) -> None:
    """Replace `measured_on`, `figures`, `rates`, `recipe` or `weights` of a card; keep the others.

    What people wrote above the line stays theirs: a name that they use cannot be replaced.

    Args:
        path: the card's TOML file.
        changed: `measured_on` a string; `figures` and `recipe` mappings; `rates` a mapping of
            mappings; `weights` a list of mappings with `file` and `sha256`.

    Raises:
        ValueError: one of the names stands above the line.
    """
    text = path.read_text(encoding="utf-8")
    mark = next(
        (each for each in _MARKS if each in text), RATES_MARK if "rates" in changed else MARK
    )
    above, known = text.partition(mark)[0], tomllib.loads(text)
    by_hand = tomllib.loads(above)
    if both := sorted(set(by_hand) & set(changed)):
        raise ValueError(f"{path.name} has {', '.join(both)} above the line that commands write")
    names = [name for name in _NAMES if name not in by_hand]
    fields: dict[str, Any] = {name: changed.get(name, known.get(name)) for name in names}
    written = [above.rstrip("\n") + "\n", mark]
    if fields.get("measured_on"):
        written.append(f"measured_on = {_value(fields['measured_on'])}\n")
    for name in ("figures", "recipe"):
        if fields.get(name):
            written += [f"\n[{name}]\n", *_lines(fields[name])]
    for code, counts in (fields.get("rates") or {}).items():
        written += [f"\n[rates.{_key(code)}]\n", *_lines(counts)]
    for row in fields.get("weights") or ():
        written += ["\n[[weights]]\n", *_lines(row)]
    path.write_text("".join(written), encoding="utf-8")


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(name)} = {_value(value)}\n" for name, value in table.items()]


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    """A TOML value: text, truth, number, array or inline table."""
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        rows = (f"{_key(name)} = {_value(each)}" for name, each in value.items())
        return "{ " + ", ".join(rows) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return repr(value)
