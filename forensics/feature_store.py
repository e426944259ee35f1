"""Keeps feature vectors on disk, so that a fold trains in seconds and a killed run goes on."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats, Image


class FeatureStore:
    """Append-only store of feature vectors by key: a killed run loses at most its last batch.

    Two files: `NAME.f16` holds rows of float16, `NAME.keys` one key a line. Rows are written
    before keys, so that a key always has its row.
    """

    def __init__(self, path: Path, width: int) -> None:
        """Open or create the store; `width` is the length of a vector."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._rows, self._keys = path.with_suffix(".f16"), path.with_suffix(".keys")
        self._width = width
        known = self._keys.read_text(encoding="utf-8").split() if self._keys.exists() else []
        self._index = {key: row for row, key in enumerate(known)}
        if self._rows.exists():
            with self._rows.open("r+b") as file:
                file.truncate(len(known) * width * 2)

    def __contains__(self, key: str) -> bool:
        return key in self._index

    def append(self, keys: Sequence[str], rows: NDArray[np.floating]) -> None:
        """Add (N, width) rows under N new keys (no blanks in a key)."""
        with self._rows.open("ab") as file:
            file.write(rows.astype(np.float16).tobytes())
        with self._keys.open("a", encoding="utf-8") as file:
            file.writelines(f"{key}\n" for key in keys)
        for key in keys:
            self._index[key] = len(self._index)

    def rows(self, keys: Sequence[str]) -> Floats:
        """Return the (N, width) float32 rows of N keys; an unknown one raises KeyError."""
        stored = np.memmap(self._rows, np.float16, "r").reshape(-1, self._width)
        return stored[[self._index[key] for key in keys]].astype(np.float32)


def stored_features(
    store: FeatureStore, crops: Sequence[Image], compute: Callable[[Sequence[Image]], Floats]
) -> Floats:
    """Return (N, width) features of crops, computing only those whose pixels are new.

    Values pass through float16 whether they are new or not, so that a score does not depend on
    what the store held before.
    """
    keys = [
        hashlib.sha256(repr(crop.shape).encode() + crop.tobytes()).hexdigest() for crop in crops
    ]
    missing = {key: crop for key, crop in zip(keys, crops, strict=True) if key not in store}
    if missing:
        store.append(list(missing), compute(list(missing.values())))
    return store.rows(keys)
