"""An append-only book of JSON lines: what is in it is not computed again, even after a kill."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Book:
    """Values by key; each counts as soon as its line is on disk."""

    def __init__(self, path: Path) -> None:
        """Open or create the book. A line that a kill cut short is not read."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._known: dict[tuple[str, ...], Any] = {}
        self._torn = False
        if path.exists():
            self._load()

    def get(self, key: Sequence[str]) -> Any | None:
        """The value under a key, or None."""
        return self._known.get(tuple(key))

    def add(self, key: Sequence[str], value: Any) -> None:
        """Write one value, any JSON."""
        line = json.dumps([list(key), value]) + "\n"
        with self.path.open("a", encoding="utf-8") as file:
            file.write("\n" * self._torn + line)
        self._torn = False
        self._known[tuple(key)] = value

    def _load(self) -> None:
        with self.path.open("rb") as file:
            for line in file:
                self._torn = not line.endswith(b"\n")
                try:
                    key, value = json.loads(line)
                    self._known[tuple(key)] = value
                except (ValueError, TypeError):
                    continue
