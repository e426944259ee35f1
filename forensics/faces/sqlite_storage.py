"""A gallery in one folder: SQLite with a write-ahead log, nothing to install, nothing to run.

Vectors lie in a table of their own, so that loading them reads nothing else. Removing overwrites
(`secure_delete`), rewrites the file (VACUUM: what was moved between pages leaves no copy) and
empties the log. A removal that was interrupted before that is finished when the gallery is opened.
Large galleries get a checked copy of their vectors beside (`vector_copy`), wiped by any removal.
"""

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from forensics.errors import GalleryUnusable
from forensics.faces import vector_copy
from forensics.faces.sqlite_rows import blob_of, row_of, stacked
from forensics.faces.sqlite_schema import migrate, prepare, writing
from forensics.faces.storage import Ids, Record, State, Storage
from forensics.faces.vector_copy import VectorCopy
from forensics.schema import Floats

NAME = "faces.sqlite"
FILES = (NAME, f"{NAME}-wal", f"{NAME}-shm", f"{NAME}-journal", vector_copy.NAME)
PATIENCE = 30.0
"""Seconds to wait for another process that is writing or, when removing, reading."""
BLOCK = 512
"""Vectors read at once: more are hardly faster, and leave memory in pieces."""
_FIELDS = "label, source, sha256, face, consent, added_at"


class SqliteStorage(Storage):
    """A gallery's folder. Several processes may have it open at once."""

    def __init__(
        self,
        folder: Path,
        matcher: str | None = None,
        *,
        second: str | None = None,
        create: bool = False,
    ) -> None:
        """Open the gallery in `folder`, or make one.

        Args:
            folder: made with rights for its owner only.
            matcher: the matcher's name and fingerprint; a gallery of another is refused. None
                takes the gallery's own, so there must be one.
            second: the same of a second matcher, "" for none; None takes the gallery's own.
            create: make a gallery where there is none yet.

        Raises:
            GalleryUnusable: there is none, it is damaged, newer, of another matcher or locked.
        """
        self.folder = folder
        self.path = folder / NAME
        if create:
            prepare(folder, NAME)
        elif not self.path.is_file():
            raise GalleryUnusable(
                f"there is no gallery in {folder}; `forensics faces add` makes one"
            )
        self.writable = os.access(folder, os.W_OK) and os.access(self.path, os.W_OK | os.F_OK)
        if not self.path.exists():
            self.writable = True
        with self._explained("opened"):
            self._connection = self._connect()
            self._copy = VectorCopy(folder, self._connection)
            migrate(self._connection, self.path, create=create)
            if create:
                self._bind(matcher, second)
            self._check_matchers(matcher, second)
            if self.writable and self._fact("purge") == "due":
                # Interrupted, or another process was reading: it stays due where one still is.
                self._purge(patience=0)

    def add(
        self, records: Sequence[Record], vectors: Floats, second: Floats | None = None
    ) -> list[int]:
        """As `Storage.add`; one transaction, on the disk when it returns."""
        insert = f"INSERT OR IGNORE INTO face ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?)"
        ids = []
        with self._explained("written"), writing(self._connection) as cursor:
            for place, (record, vector) in enumerate(zip(records, vectors, strict=True)):
                cursor.execute(insert, row_of(record))
                if cursor.rowcount == 1:
                    ids.append(int(cursor.lastrowid or 0))
                    cursor.execute("INSERT INTO vector VALUES (?, ?)", (ids[-1], blob_of(vector)))
                    if second is not None:
                        values = (ids[-1], blob_of(second[place]))
                        cursor.execute("INSERT INTO second VALUES (?, ?)", values)
        return ids

    def remove(self, *, label: str | None = None, source: str | None = None) -> int:
        """As `Storage.remove`; needs as much memory as the gallery's file is large."""
        if (label is None) == (source is None):
            raise ValueError("give either a label or a source")
        where, values = ("label = ?", [label])
        if source is not None:
            where, values = "source = ? OR sha256 = ?", [source, source]
        with self._explained("written"):
            with writing(self._connection) as cursor:
                chosen = f"SELECT id FROM face WHERE {where}"
                for table in ("vector", "second"):
                    cursor.execute(f"DELETE FROM {table} WHERE id IN ({chosen})", values)
                cursor.execute(f"DELETE FROM face WHERE {where}", values)
                count = cursor.rowcount
                if count:
                    self._note_removal(cursor)
            if count:
                self._purge_or_say()
        return count

    def vectors(self, after: int = 0) -> Iterator[tuple[Ids, Floats]]:
        """As `Storage.vectors`; from the copy as far as it goes, from the tables beyond."""
        with self._explained("read"):
            if after == 0:
                if self.writable:
                    self._copy.repair()
                for ids, vectors in self._copy.blocks():
                    after = int(ids[-1])
                    yield ids, vectors
            cursor = self._connection.execute(
                "SELECT id, vector FROM vector WHERE id > ? ORDER BY id", (after,)
            )
            while rows := cursor.fetchmany(BLOCK):
                yield stacked(rows)

    def second_vectors(self, ids: Sequence[int]) -> dict[int, Floats]:
        """As `Storage.second_vectors`."""
        query = "SELECT vector FROM second WHERE id = ?"
        with self._explained("read"):
            rows = [
                (number, self._connection.execute(query, (number,)).fetchone()) for number in ids
            ]
        return {number: np.frombuffer(row[0], "<f4") for number, row in rows if row}

    def matchers(self) -> tuple[str, str]:
        """As `Storage.matchers`."""
        with self._explained("read"):
            return self._fact("matcher"), self._fact("second", "")

    def records(self, ids: Sequence[int] | None = None) -> Iterator[tuple[int, Record]]:
        """As `Storage.records`; those asked for come in the order of `ids`."""
        select = f"SELECT id, {_FIELDS} FROM face"
        with self._explained("read"):
            if ids is None:
                for number, *row in self._connection.execute(f"{select} ORDER BY id"):
                    yield number, Record(*row)
                return
            for wanted in ids:
                for number, *row in self._connection.execute(f"{select} WHERE id = ?", (wanted,)):
                    yield number, Record(*row)

    def holds(self, sha256: str) -> bool:
        """As `Storage.holds`."""
        with self._explained("read"):
            query = "SELECT 1 FROM face WHERE sha256 = ? LIMIT 1"
            return self._connection.execute(query, (sha256,)).fetchone() is not None

    def people(self) -> int:
        """As `Storage.people`."""
        with self._explained("read"):
            query = "SELECT COUNT(DISTINCT label) FROM face"
            return int(self._connection.execute(query).fetchone()[0])

    def state(self) -> State:
        """As `Storage.state`."""
        with self._explained("read"):
            query = "SELECT (SELECT COALESCE(MAX(id), 0) FROM vector), value FROM gallery"
            last, removals = self._connection.execute(f"{query} WHERE key = 'removals'").fetchone()
            return State(last, int(removals))

    def check(self) -> None:
        """As `Storage.check`: SQLite's own check, and a vector to every record."""
        with self._explained("read"):
            said = [row[0] for row in self._connection.execute("PRAGMA integrity_check(3)")]
            query = "SELECT COUNT(*) FROM face LEFT JOIN vector USING (id) WHERE vector IS NULL"
            lacking = self._connection.execute(query).fetchone()[0]
        if said != ["ok"]:
            raise GalleryUnusable(f"{self.path} is damaged: {'; '.join(said)}")
        if lacking:
            raise GalleryUnusable(f"{self.path} is damaged: {lacking} faces have no vector")

    def destroy(self) -> None:
        """As `Storage.destroy`: overwrite, then delete our files, and the folder if that is all."""
        with self._explained("written"):
            with writing(self._connection) as cursor:
                for table in ("vector", "second", "face"):
                    cursor.execute(f"DELETE FROM {table}")
                self._note_removal(cursor)
            self._purge_or_say()
        self.close()
        for name in FILES:
            (self.folder / name).unlink(missing_ok=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    def close(self) -> None:
        """As `Storage.close`."""
        self._connection.close()

    def _connect(self) -> sqlite3.Connection:
        address = self.path.absolute().as_uri()
        if not self.writable:
            # Nobody can write there, and a write-ahead log could not be opened.
            address += "?immutable=1" if not self._log_is_filled() else "?mode=ro"
        connection = sqlite3.connect(
            address, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        if self.writable:
            self.path.chmod(0o600)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        # What VACUUM sets aside would otherwise lie in a temporary file outside the folder.
        connection.execute("PRAGMA temp_store = MEMORY")
        return connection

    def _log_is_filled(self) -> bool:
        log = self.folder / FILES[1]
        return log.exists() and log.stat().st_size > 0

    def _bind(self, matcher: str | None, second: str | None) -> None:
        """Write into a new gallery whose vectors it holds; one that knows is left as it is."""
        if matcher is None:
            return
        with writing(self._connection) as cursor:
            cursor.execute("INSERT OR IGNORE INTO gallery VALUES ('matcher', ?)", (matcher,))
            if cursor.rowcount == 1 and second:
                cursor.execute("INSERT INTO gallery VALUES ('second', ?)", (second,))

    def _check_matchers(self, matcher: str | None, second: str | None) -> None:
        for found, wanted in zip(self.matchers(), (matcher, second), strict=True):
            if wanted is not None and found != wanted:
                raise GalleryUnusable(
                    f"{self.folder} holds vectors of the matcher {found or 'none'}, not of "
                    f"{wanted or 'none'}; vectors of two matchers do not compare: make a new "
                    "gallery from the pictures"
                )

    def _fact(self, key: str, missing: str = "unknown") -> str:
        query = "SELECT value FROM gallery WHERE key = ?"
        row = self._connection.execute(query, (key,)).fetchone()
        return str(row[0]) if row else missing

    def _note_removal(self, cursor: sqlite3.Cursor) -> None:
        # Before the commit: a copy must not outlive what was removed.
        self._copy.wipe()
        cursor.execute("UPDATE gallery SET value = value + 1 WHERE key = 'removals'")
        cursor.execute("UPDATE gallery SET value = 'due' WHERE key = 'purge'")

    def _purge(self, *, patience: float = PATIENCE) -> bool:
        """Leave no copy of what was removed: rewrite the file, empty the log. Whether it worked."""
        self._connection.execute("VACUUM")
        if not self._emptied_log(patience):
            return False
        self._connection.execute("UPDATE gallery SET value = 'done' WHERE key = 'purge'")
        return self._emptied_log(patience)

    def _purge_or_say(self) -> None:
        if not self._purge():
            raise GalleryUnusable(
                f"the faces are removed, but another process reads {self.path}, so that copies "
                "remain in its log; they go when the gallery is next opened without it"
            )

    def _emptied_log(self, patience: float) -> bool:
        until = time.monotonic() + patience
        while self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn SQLite's errors into one sentence; what was acknowledged before is not touched."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise GalleryUnusable(
                f"the gallery {self.path} could not be {what} ({error}); "
                "what was added before is not lost"
            ) from error
