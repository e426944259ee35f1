"""A checked copy of a gallery's vectors that opens many times faster than SQLite reads its rows.

Beside the tables lies one file of whole blocks, each `ROWS` ids and then their vectors. The tables
keep the SHA-256 of every block, so that a block which is not what was written is never used, and
the tables stay the only truth: whoever deletes the file loses nothing but time.

The file is written and wiped under SQLite's write lock only. Wiping overwrites before it deletes,
and comes before a removal is committed, so that no copy outlives what was removed.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path

import numpy as np

from forensics.faces.sqlite_schema import writing
from forensics.faces.storage import Ids
from forensics.faces.vectors import ROWS
from forensics.schema import Floats

NAME = "faces.vectors"
_CHUNK = 1 << 22


class VectorCopy:
    """The file of one gallery, and the table `copy` that vouches for it."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        """Read nothing yet."""
        self.path = folder / NAME
        self._connection = connection
        self._damaged = False

    def blocks(self) -> Iterator[tuple[Ids, Floats]]:
        """Yield ids and (ROWS, D) vectors of every block, until one is not as it was written."""
        query = "SELECT dimensions, sha256 FROM copy ORDER BY block"
        vouched = self._connection.execute(query).fetchall()
        self._damaged = bool(vouched)
        with suppress(OSError), self.path.open("rb", buffering=0) as stream:
            for dimensions, sha256 in vouched:
                found = _read_block(stream, dimensions)
                if found is None or _sha256(*found) != sha256:
                    return
                yield found
            self._damaged = False

    def repair(self) -> None:
        """Drop a copy that `blocks` found damaged, and write what whole blocks are missing.

        What cannot be written (another process writes, the disk is full) is done without.
        """
        (patience,) = self._connection.execute("PRAGMA busy_timeout").fetchone()
        self._connection.execute("PRAGMA busy_timeout = 0")
        with suppress(sqlite3.Error, OSError):
            if self._damaged:
                with writing(self._connection):
                    self.wipe()
            while self._lacks_a_block() and self._append_next():
                pass
        self._connection.execute(f"PRAGMA busy_timeout = {patience}")

    def wipe(self) -> None:
        """Overwrite and delete the file, and vouch for nothing; the caller holds the write lock."""
        self._connection.execute("DELETE FROM copy")
        self._damaged = False
        if not self.path.is_file():
            return
        with self.path.open("r+b") as stream:
            length = self.path.stat().st_size
            for start in range(0, length, _CHUNK):
                stream.write(bytes(min(_CHUNK, length - start)))
            stream.flush()
            os.fsync(stream.fileno())
        # Windows deletes no file that another process reads; it holds nothing but zeros by now.
        with suppress(PermissionError):
            self.path.unlink()

    def _lacks_a_block(self) -> bool:
        query = "SELECT (SELECT MAX(id) FROM vector), (SELECT MAX(last) FROM copy)"
        highest, last = self._connection.execute(query).fetchone()
        return (highest or 0) - (last or 0) >= ROWS

    def _append_next(self) -> bool:
        """Copy and vouch for the next whole block; whether the tables had one."""
        with writing(self._connection) as cursor:
            query = "SELECT COUNT(*), COALESCE(MAX(last), 0) FROM copy"
            block, last = cursor.execute(query).fetchone()
            found = self._next_rows(cursor, last)
            if found is None:
                return False
            ids, vectors = found
            self._write(block, ids, vectors)
            facts = (block, int(ids[-1]), vectors.shape[1], _sha256(ids, vectors))
            cursor.execute("INSERT INTO copy VALUES (?, ?, ?, ?)", facts)
        return True

    def _next_rows(self, cursor: sqlite3.Cursor, last: int) -> tuple[Ids, Floats] | None:
        query = "SELECT id, vector FROM vector WHERE id > ? ORDER BY id LIMIT ?"
        rows = cursor.execute(query, (last, ROWS)).fetchall()
        if len(rows) < ROWS or len({len(blob) for _, blob in rows}) > 1:
            return None
        vectors = np.frombuffer(b"".join(blob for _, blob in rows), "<f4").reshape(ROWS, -1)
        return np.asarray([number for number, _ in rows], "<i8"), vectors

    def _write(self, block: int, ids: Ids, vectors: Floats) -> None:
        with suppress(FileExistsError):
            self.path.touch(mode=0o600, exist_ok=False)
        with self.path.open("r+b") as stream:
            # What a killed process wrote behind the last block vouched for is overwritten.
            stream.seek(block * (ids.nbytes + vectors.nbytes))
            stream.write(ids.tobytes())
            stream.write(vectors.tobytes())
            stream.flush()
            os.fsync(stream.fileno())


def _read_block(stream: FileIO, dimensions: int) -> tuple[Ids, Floats] | None:
    ids, vectors = np.empty(ROWS, "<i8"), np.empty((ROWS, dimensions), "<f4")
    for values in (ids, vectors):
        if stream.readinto(values.data.cast("B")) != values.nbytes:
            return None
    return ids, vectors


def _sha256(ids: Ids, vectors: Floats) -> str:
    digest = hashlib.sha256(ids.data)
    digest.update(vectors.data)
    return digest.hexdigest()
