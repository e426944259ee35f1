"""A gallery in one folder: SQLite with a write-ahead log, nothing to install, nothing to run.

Vectors lie in a table of their own, so that loading them reads nothing else. Removing overwrites
(`secure_delete`), rewrites the file (VACUUM: what was moved between pages leaves no copy) and
empties the log. A removal that was interrupted before that is finished when the gallery is opened.
"""

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from forensics.errors import GalleryUnusable
from forensics.faces.sqlite_schema import migrate, prepare, writing
from forensics.faces.storage import Ids, Record, State, Storage
from forensics.schema import Floats

NAME = "faces.sqlite"
FILES = (NAME, f"{NAME}-wal", f"{NAME}-shm", f"{NAME}-journal")
PATIENCE = 30.0
"""Seconds to wait for another process that is writing or, when removing, reading."""
BLOCK = 8_192
"""Vectors read at once."""
_FIELDS = "label, source, sha256, face, consent, added_at"


class SqliteStorage(Storage):
    """A gallery's folder. Several processes may have it open at once."""

    def __init__(self, folder: Path, matcher: str, *, create: bool = False) -> None:
        """Open the gallery in `folder`, or make one.

        Args:
            folder: made with rights for its owner only.
            matcher: the matcher's name and fingerprint; a gallery of another is refused.
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
            migrate(self._connection, self.path, create=create)
            self._check_matcher(matcher, create)
            if self.writable and self._fact("purge") == "due":
                # Interrupted, or another process was reading: it stays due where one still is.
                self._purge(patience=0)

    def add(self, records: Sequence[Record], vectors: Floats) -> list[int]:
        """As `Storage.add`; one transaction, on the disk when it returns."""
        insert = f"INSERT OR IGNORE INTO face ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?)"
        ids = []
        with self._explained("written"), writing(self._connection) as cursor:
            for record, vector in zip(records, vectors, strict=True):
                cursor.execute(insert, _row(record))
                if cursor.rowcount == 1:
                    ids.append(int(cursor.lastrowid or 0))
                    blob = np.ascontiguousarray(vector, "<f4").tobytes()
                    cursor.execute("INSERT INTO vector VALUES (?, ?)", (ids[-1], blob))
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
                cursor.execute(f"DELETE FROM vector WHERE id IN ({chosen})", values)
                cursor.execute(f"DELETE FROM face WHERE {where}", values)
                count = cursor.rowcount
                if count:
                    self._note_removal(cursor)
            if count:
                self._purge_or_say()
        return count

    def vectors(self, after: int = 0) -> Iterator[tuple[Ids, Floats]]:
        """As `Storage.vectors`."""
        with self._explained("read"):
            cursor = self._connection.execute(
                "SELECT id, vector FROM vector WHERE id > ? ORDER BY id", (after,)
            )
            while rows := cursor.fetchmany(BLOCK):
                ids, blobs = zip(*rows, strict=True)
                values = np.frombuffer(b"".join(blobs), "<f4")
                if values.size % len(ids):
                    raise GalleryUnusable(f"{self.path} is damaged: vectors of different lengths")
                yield np.asarray(ids, np.int64), values.reshape(len(ids), -1)

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
                cursor.execute("DELETE FROM vector")
                cursor.execute("DELETE FROM face")
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

    def _check_matcher(self, matcher: str, create: bool) -> None:
        if create:
            with writing(self._connection) as cursor:
                cursor.execute("INSERT OR IGNORE INTO gallery VALUES ('matcher', ?)", (matcher,))
        found = self._fact("matcher")
        if found != matcher:
            raise GalleryUnusable(
                f"{self.folder} holds vectors of the matcher {found}, not of {matcher}; "
                f"vectors of two matchers do not compare: make a new gallery from the pictures"
            )

    def _fact(self, key: str) -> str:
        query = "SELECT value FROM gallery WHERE key = ?"
        row = self._connection.execute(query, (key,)).fetchone()
        return str(row[0]) if row else "unknown"

    def _note_removal(self, cursor: sqlite3.Cursor) -> None:
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


def _row(record: Record) -> tuple[str | int, ...]:
    return (
        *(record.label, record.source, record.sha256),
        *(record.face, record.consent, record.added_at),
    )
