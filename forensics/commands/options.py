"""Turns the `Options` of plugins into flags, and the flags back into `Options`."""

import argparse
import dataclasses
from typing import Any, get_type_hints

from forensics.errors import BrokenPlugin, InvalidOption
from forensics.plugins import entries, plugin_class

_PREFIX = "option_"


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


def _fields(kind: str, plugin: str) -> dict[str, tuple[type[Any], object]]:
    """Type and default of each field of the plugin's `Options`."""
    options = plugin_class(kind, plugin).Options
    types = get_type_hints(options)
    return {field.name: (types[field.name], field.default) for field in dataclasses.fields(options)}


def _reading(name: str, value_type: type[Any]) -> dict[str, Any]:
    if value_type is bool:
        return {"action": argparse.BooleanOptionalAction}
    return {"type": value_type, "metavar": name.upper()}
