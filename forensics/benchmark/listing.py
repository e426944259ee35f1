"""Finds the files of a set, and reads the lists that came with it, whatever they hold."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from forensics.benchmark.collection import CLIPS, PICTURES
from forensics.errors import InvalidManifest

_LARGEST_LIST = 200_000_000


def files_below(root: Path, *folders: str) -> Iterator[tuple[str, ...]]:
    """Pictures and clips below folders of `root`, each as the parts of its path from `root`."""
    for folder in folders or (".",):
        for path in sorted((root / folder).rglob("*")):
            parts = path.relative_to(root).parts
            if path.suffix.lower() not in PICTURES | CLIPS or not path.is_file():
                continue
            if not any(part.startswith(".") for part in parts):
                yield parts


def clip_name(parts: tuple[str, ...]) -> str:
    """The clip that a file is or belongs to: a clip's own name, a frame's folder."""
    own = Path(parts[-1]).suffix.lower() in CLIPS or len(parts) == 1
    return Path(parts[-1]).stem if own else parts[-2]


def text_of(path: Path) -> str:
    """The text of a list.

    Raises:
        InvalidManifest: it is too large, or not UTF-8.
    """
    try:
        if path.stat().st_size > _LARGEST_LIST:
            raise InvalidManifest(f"{path.name} is too large for a list of files")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidManifest(f"{path.name} cannot be read as UTF-8: {error}") from error


def json_of(path: Path, kind: type[Any]) -> Any:
    """The JSON of a list, a `dict` or a `list`.

    Raises:
        InvalidManifest: it is no JSON, or of another kind.
    """
    try:
        found = json.loads(text_of(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise InvalidManifest(f"{path.name} is no JSON: {error}") from error
    if not isinstance(found, kind):
        raise InvalidManifest(f"{path.name} must hold a {kind.__name__}, not this")
    return found
