"""Finds detectors, generators and analyses by name, without importing them.

A plugin is one file and its card: `detectors/NAME.py` (or a folder `detectors/NAME/`) defines a
class whose name is NAME in CamelCase (`error_level` -> `ErrorLevel`); `NAME.toml` beside it is the
card. Other distributions add theirs through the entry-point groups `forensics.detectors`,
`forensics.generators` and `forensics.analyses`; each entry's module has its card beside it.
"""

import dataclasses
import hashlib
import importlib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from forensics.errors import BrokenPlugin, UnknownPlugin
from forensics.schema import ModelCard, TrainingGroup, WeightFile

PACKAGES = {"detector": "detectors", "generator": "generators", "analysis": "forensics.evidence"}
ENTRY_POINTS = {
    "detector": "forensics.detectors",
    "generator": "forensics.generators",
    "analysis": "forensics.analyses",
}


@dataclass(frozen=True)
class NoOptions:
    """The options of a plugin that has none."""


class Plugin:
    """What every plugin is built from: its card and its options."""

    Options: ClassVar[type[Any]] = NoOptions

    def __init__(self, card: ModelCard, options: object | None = None) -> None:
        """Keep the card; options not given take their defaults."""
        self.card = card
        self.options: Any = self.Options() if options is None else options

    def prepare(self) -> None:
        """Read what the first use would read, weights and libraries; called on another thread.

        Whatever it raises is raised again at the first use.
        """


@dataclass(frozen=True)
class Entry:
    """Where a plugin lives: its card, and the module and class that load it."""

    card: ModelCard
    module: str
    class_name: str


def read_card(path: Path) -> ModelCard:
    """Read `NAME.toml`.

    Raises:
        BrokenPlugin: the file is not TOML, or a field is unknown or missing.
    """
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
        fields["weights"] = tuple(WeightFile(**row) for row in fields.get("weights", ()))
        fields["trained_on"] = tuple(TrainingGroup(**row) for row in fields.get("trained_on", ()))
        for name in ("requires", "known_failures"):
            fields[name] = tuple(fields.get(name, ()))
        return ModelCard(name=path.stem, folder=path.parent, **fields)
    except (tomllib.TOMLDecodeError, TypeError, OSError) as error:
        raise BrokenPlugin(f"the card {path.name} cannot be read: {error}") from error


@cache
def entries(kind: str) -> dict[str, Entry]:
    """All plugins of a kind ("detector", "generator", "analysis") by name; imports none of them."""
    if kind not in PACKAGES:
        raise UnknownPlugin(f"no plugin kind {kind!r}; there are {', '.join(PACKAGES)}")
    found = dict(_built_in(kind))
    for point in entry_points(group=ENTRY_POINTS[kind]):
        if point.name in found:
            raise BrokenPlugin(f"two plugins are called {point.name!r}; rename {point.value!r}")
        found[point.name] = _foreign(point)
    return dict(sorted(found.items()))


def cards(kind: str) -> dict[str, ModelCard]:
    """The cards of all plugins of a kind, by name."""
    return {name: entry.card for name, entry in entries(kind).items()}


def default_detectors() -> tuple[str, ...]:
    """Names of the detectors that are used where none is named; the others must be asked for."""
    return tuple(name for name, card in cards("detector").items() if card.by_default)


def find_card(name: str) -> ModelCard:
    """The card of a plugin of any kind, or of a backbone.

    Raises:
        UnknownPlugin: nothing has this name.
    """
    known = {**backbones()}
    for kind in PACKAGES:
        known.update(cards(kind))
    if name not in known:
        raise UnknownPlugin(f"nothing is called {name!r}; there are {', '.join(sorted(known))}")
    return known[name]


@cache
def backbones() -> dict[str, ModelCard]:
    """Cards of the weights that plugins share, by name (`forensics/backbones/NAME.toml`)."""
    folder = Path(str(files("forensics"))) / "backbones"
    return {path.stem: read_card(path) for path in sorted(folder.glob("*.toml"))}


def plugin_class(kind: str, name: str) -> type[Any]:
    """Import a plugin's module and return its class.

    Raises:
        UnknownPlugin: no plugin of this kind has this name.
        BrokenPlugin: the module lacks the class.
    """
    known = entries(kind)
    if name not in known:
        raise UnknownPlugin(f"no {kind} is called {name!r}; there are {', '.join(known)}")
    entry = known[name]
    loaded = getattr(importlib.import_module(entry.module), entry.class_name, None)
    if loaded is None:
        raise BrokenPlugin(f"{entry.module} must define the class {entry.class_name}")
    return loaded  # type: ignore[no-any-return]


def load(kind: str, name: str, options: object | None = None) -> Any:
    """Build a plugin with its card. `options` is an instance of its `Options`, or None."""
    return plugin_class(kind, name)(entries(kind)[name].card, options)


def fingerprint(card: ModelCard) -> str:
    """SHA-256 over what decides a plugin's scores: its weights, its backbones, `score_version`.

    Words in the card may change without making a calibration stale.
    """
    needed = {name: fingerprint(backbones()[name]) for name in card.requires}
    facts = {
        "name": card.name,
        "weights": [dataclasses.asdict(file) for file in card.weights],
        "requires": needed,
        "score_version": card.score_version,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _built_in(kind: str) -> Iterator[tuple[str, Entry]]:
    package = PACKAGES[kind]
    folder = Path(str(files(package)))
    for path in sorted(folder.glob("*.toml")):
        card = read_card(path)
        yield card.name, Entry(card, f"{package}.{card.name}", _camel_case(card.name))


def _foreign(point: EntryPoint) -> Entry:
    spec = find_spec(point.module)
    if spec is None or spec.origin is None:
        raise BrokenPlugin(f"the entry point {point.name!r} names no module: {point.value}")
    card = read_card(Path(spec.origin).with_name(f"{point.name}.toml"))
    return Entry(card, point.module, point.attr or _camel_case(point.name))


def _camel_case(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
