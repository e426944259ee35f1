"""Keeps feature vectors on disk, so that a fold trains in seconds and a killed run goes on."""

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats, Image

TABLE = "CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, row BLOB)"
PATIENCE = 60.0
"""Seconds that a process waits while another one writes."""


class FeatureStore:
    """Feature vectors by key in one SQLite file that several processes may share.

    A killed run loses at most its last batch; what two processes compute at once is kept once.
    """

    def __init__(self, path: Path, width: int, kind: type[np.floating] = np.float16) -> None:
        """Open or create `path`.sqlite; `width` is a vector's length, `kind` how it is kept."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._width, self._kind = width, kind
        self._base = sqlite3.connect(path.with_suffix(".sqlite"), timeout=PATIENCE)
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("PRAGMA synchronous=NORMAL")
        with self._base:
            self._base.execute(TABLE)

    def __contains__(self, key: str) -> bool:
        return self._row(key) is not None

    def append(self, keys: Sequence[str], rows: NDArray[np.floating]) -> None:
        """Add (N, width) rows under N keys; a key that is there keeps its row.

        Raises:
            ValueError: the rows are not as many as the keys, or of another width.
        """
        if rows.shape != (len(keys), self._width):
            raise ValueError(f"{len(keys)} keys of width {self._width}, but rows {rows.shape}")
        stored = [row.tobytes() for row in rows.astype(self._kind)]
        with self._base:
            self._base.executemany(
                "INSERT OR IGNORE INTO vectors VALUES (?, ?)", zip(keys, stored, strict=True)
            )

    def rows(self, keys: Sequence[str]) -> Floats:
        """Return the (N, width) float32 rows of N keys; an unknown one raises KeyError."""
        found = np.empty((len(keys), self._width), np.float32)
        for place, key in enumerate(keys):
            row = self._row(key)
            if row is None:
                raise KeyError(key)
            found[place] = np.frombuffer(row, self._kind)
        return found

    def _row(self, key: str) -> bytes | None:
        answer = self._base.execute("SELECT row FROM vectors WHERE key = ?", (key,)).fetchone()
        return None if answer is None else answer[0]


def pixel_key(crop: Image) -> str:
    """Under which a crop's features are kept: its size and its pixels decide, nothing else."""
    return hashlib.sha256(repr(crop.shape).encode() + crop.tobytes()).hexdigest()


def stored_features(
    store: FeatureStore, crops: Sequence[Image], compute: Callable[[Sequence[Image]], Floats]
) -> Floats:
    """Return (N, width) features of crops, computing only those whose pixels are new.

    Values pass through the store's precision whether they are new or not, so that a score does not
    depend on what the store held before.
    """
    keys = [pixel_key(crop) for crop in crops]
    missing = {key: crop for key, crop in zip(keys, crops, strict=True) if key not in store}
    if missing:
        store.append(list(missing), compute(list(missing.values())))
    return store.rows(keys)
