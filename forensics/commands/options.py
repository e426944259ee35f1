"""Turns the `Options` of plugins into flags, and the flags back into `Options`."""

import argparse
import dataclasses
from collections.abc import Mapping
from typing import Any, get_type_hints

from forensics.errors import BrokenPlugin, InvalidOption
from forensics.plugins import entries, plugin_class

_PREFIX = "option_"
_TRUTHS = {"true": True, "false": False, "1": True, "0": False}


def add_option_flags(parser: argparse.ArgumentParser, kind: str) -> None:
    """Add one flag for every field of the `Options` of every plugin of `kind`.

    Plugins may share a flag where its type is the same; its help names each one's default.

    Raises:
        BrokenPlugin: two plugins give one flag different types.
    """
    types: dict[str, type[Any]] = {}
    meanings: dict[str, list[str]] = {}
    for plugin in entries(kind):
        for name, (value_type, default) in _fields(kind, plugin).items():
            if types.setdefault(name, value_type) is not value_type:
                raise BrokenPlugin(f"the option {name!r} of {plugin} has a type of its own")
            meanings.setdefault(name, []).append(f"{plugin}: {default}")
    for name, value_type in types.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            dest=_PREFIX + name,
            default=argparse.SUPPRESS,
            help=f"default of {', '.join(meanings[name])}",
            **_reading(name, value_type),
        )


def chosen_options(args: argparse.Namespace, kind: str, plugin: str) -> object:
    """Build the `Options` of `plugin` from the flags that were given.

    Raises:
        ValueError: a flag that this plugin has not, or a value that it refuses.
    """
    given = {
        name.removeprefix(_PREFIX): value
        for name, value in vars(args).items()
        if name.startswith(_PREFIX)
    }
    foreign = sorted(given.keys() - _fields(kind, plugin).keys())
    if foreign:
        raise ValueError(f"{plugin} has no option --{foreign[0].replace('_', '-')}")
    return plugin_class(kind, plugin).Options(**given)


def with_fields(recipe: Any, assignments: list[str]) -> Any:
    """Replace fields of a recipe, "penalty=0.3" or "head.penalty=0.3", keeping their types.

    All of them at once: a recipe may refuse some of them without the others.

    Raises:
        InvalidOption: a field does not exist, or the recipe refuses a value.
    """
    split = (assignment.partition("=") for assignment in assignments)
    return _replaced(recipe, {tuple(name.split(".")): value for name, _, value in split})


def _replaced(recipe: Any, values: Mapping[tuple[str, ...], str]) -> Any:
    """The recipe with the fields at these paths set."""
    known = {field.name: getattr(recipe, field.name) for field in dataclasses.fields(recipe)}
    inner: dict[str, dict[tuple[str, ...], str]] = {}
    for (name, *rest), value in values.items():
        if name not in known:
            raise InvalidOption(f"the recipe has no field {name!r}; there are {', '.join(known)}")
        inner.setdefault(name, {})[tuple(rest)] = value
    changes = {
        name: _read_like(known[name], name, paths[()]) if () in paths
        else _replaced(known[name], paths)
        for name, paths in inner.items()
    }  # fmt: skip
    try:
        return dataclasses.replace(recipe, **changes)
    except ValueError as error:
        raise InvalidOption(f"the recipe is refused: {error}") from error


def _read_like(old: Any, name: str, value: str) -> Any:
    """A value of the type of `old`."""
    try:
        return _TRUTHS[value.lower()] if isinstance(old, bool) else type(old)(value)
    except (KeyError, ValueError) as error:
        raise InvalidOption(f"{name} must be like {old!r}, got {value!r}") from error


def _fields(kind: str, plugin: str) -> dict[str, tuple[type[Any], object]]:
    """Type and default of each field of the plugin's `Options`."""
    options = plugin_class(kind, plugin).Options
    types = get_type_hints(options)
    return {field.name: (types[field.name], field.default) for field in dataclasses.fields(options)}


def _reading(name: str, value_type: type[Any]) -> dict[str, Any]:
    if value_type is bool:
        return {"action": argparse.BooleanOptionalAction}
    return {"type": value_type, "metavar": name.upper()}
