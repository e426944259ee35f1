"""The tables of a gallery in SQLite, how older versions of them become newer ones, transactions."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forensics.errors import GalleryUnusable

OWNER_ONLY = 0o700
APPLICATION = 0x46414345
"""SQLite's application id of our files: "FACE"."""
MIGRATIONS = (
    """
    CREATE TABLE gallery (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE face (
        id INTEGER PRIMARY KEY AUTOINCREMENT, label TEXT NOT NULL, source TEXT NOT NULL,
        sha256 TEXT NOT NULL, face INTEGER NOT NULL, consent TEXT NOT NULL,
        added_at TEXT NOT NULL, UNIQUE (sha256, face));
    CREATE TABLE vector (id INTEGER PRIMARY KEY, vector BLOB NOT NULL);
    INSERT INTO gallery VALUES ('removals', '0'), ('purge', 'done');
    """,
    """
    CREATE INDEX face_of_label ON face (label);
    CREATE INDEX face_of_source ON face (source);
    """,
    """
    CREATE TABLE second (id INTEGER PRIMARY KEY, vector BLOB NOT NULL);
    CREATE TABLE copy (block INTEGER PRIMARY KEY, last INTEGER NOT NULL,
        dimensions INTEGER NOT NULL, sha256 TEXT NOT NULL);
    """,
)
"""How version n becomes version n + 1; `user_version` of the file counts them."""


def prepare(folder: Path, name: str) -> None:
    """Make the folder of a gallery whose file is called `name`, for its owner only.

    Raises:
        GalleryUnusable: it cannot be made, or holds other files.
    """
    try:
        folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
        names = {path.name for path in folder.iterdir()}
        if name not in names and names:
            raise GalleryUnusable(f"{folder} holds other files; give a gallery a folder of its own")
        if name not in names:
            folder.chmod(OWNER_ONLY)
    except OSError as error:
        raise GalleryUnusable(f"no gallery can be made in {folder}: {error}") from error


def migrate(connection: sqlite3.Connection, path: Path, *, create: bool) -> None:
    """Bring the tables to the newest version, or make them where `create`.

    Raises:
        GalleryUnusable: the file is no gallery, or of a newer version.
    """
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    kind = connection.execute("PRAGMA application_id").fetchone()[0]
    if found == 0 and not create:
        raise GalleryUnusable(f"{path} is no gallery of this suite")
    if found and kind != APPLICATION:
        raise GalleryUnusable(f"{path} is a database of something else")
    if found > len(MIGRATIONS):
        raise GalleryUnusable(
            f"{path} has version {found}, this suite knows {len(MIGRATIONS)}; update it"
        )
    if found < len(MIGRATIONS):
        _run_migrations(connection)


def _run_migrations(connection: sqlite3.Connection) -> None:
    with writing(connection) as cursor:
        # Read again inside the transaction: another process may have been faster.
        found = cursor.execute("PRAGMA user_version").fetchone()[0]
        for script in MIGRATIONS[found:]:
            for statement in script.split(";"):
                cursor.execute(statement)
        cursor.execute(f"PRAGMA application_id = {APPLICATION}")
        cursor.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[sqlite3.Cursor]:
    """One transaction, begun with the write lock; undone where anything is raised."""
    cursor = connection.cursor()
    cursor.execute("BEGIN IMMEDIATE")
    try:
        yield cursor
        cursor.execute("COMMIT")
    except BaseException:
        # A full disk may have undone it already.
        if connection.in_transaction:
            cursor.execute("ROLLBACK")
        raise
