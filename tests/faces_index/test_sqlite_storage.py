import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from forensics.errors import GalleryUnusable
from forensics.faces.sqlite_schema import APPLICATION, MIGRATIONS
from forensics.faces.sqlite_storage import NAME, SqliteStorage
from forensics.faces.storage import Record
from forensics.schema import Floats

MATCHER = "colours 1"
VECTORS: Floats = np.eye(16, dtype=np.float32) * 0.8 + 0.0123


def record(number: int, label: str = "Ada") -> Record:
    return Record(label, f"{number}.jpg", f"{number:064x}", 0, "asked", "2026-01-01T00:00:00")


def interrupted(storage: SqliteStorage) -> None:
    raise KeyboardInterrupt


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    return tmp_path / "gallery"


@pytest.fixture
def storage(gallery: Path) -> Iterator[SqliteStorage]:
    made = SqliteStorage(gallery, MATCHER, create=True)
    yield made
    made.close()


def test_what_was_added_is_there_for_everybody(storage: SqliteStorage, gallery: Path) -> None:
    ids = storage.add([record(0), record(1, "Bob")], VECTORS[:2])
    other = SqliteStorage(gallery, MATCHER)
    assert [row for _, row in other.records()] == [record(0), record(1, "Bob")]
    assert [values.tolist() for values in next(other.vectors())] == [ids, VECTORS[:2].tolist()]


def test_a_face_of_a_known_file_is_left_out(storage: SqliteStorage) -> None:
    assert len(storage.add([record(0)], VECTORS[:1])) == 1
    assert len(storage.add([record(0, "Bob"), record(1)], VECTORS[:2])) == 1
    assert [row for _, row in storage.records()] == [record(0), record(1)]


@pytest.mark.parametrize("chosen", [{"label": "Bob"}, {"source": "1.jpg"}, {"source": f"{1:064x}"}])
def test_what_was_removed_is_in_no_file(
    storage: SqliteStorage, gallery: Path, chosen: dict[str, str]
) -> None:
    storage.add([record(0), record(1, "Bob"), record(2)], VECTORS[:3])
    assert VECTORS[1].tobytes() in contents(gallery)
    assert storage.remove(**chosen) == 1
    assert VECTORS[1].tobytes() not in contents(gallery)
    assert b"Bob" not in contents(gallery)
    assert VECTORS[2].tobytes() in contents(gallery)


def test_of_many_removed_none_is_left_in_a_file(storage: SqliteStorage, gallery: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((400, 16)).astype(np.float32)
    labels = [f"person-{number % 7}-" for number in range(400)]
    storage.add([record(number, label) for number, label in enumerate(labels)], vectors)
    storage.remove(label="person-3-")
    kept = contents(gallery)
    gone = [vectors[n].tobytes() in kept for n in range(400) if labels[n] == "person-3-"]
    assert len(gone) == 57
    assert not any(gone)
    assert b"person-3-" not in kept


def test_destroy_leaves_no_folder(storage: SqliteStorage, gallery: Path) -> None:
    storage.add([record(0)], VECTORS[:1])
    storage.destroy()
    assert not gallery.exists()


def test_destroy_spares_files_of_others(storage: SqliteStorage, gallery: Path) -> None:
    (gallery / "notes.txt").write_text("mine")
    storage.destroy()
    assert [path.name for path in gallery.iterdir()] == ["notes.txt"]


def test_a_removal_that_was_interrupted_is_finished_at_the_next_opening(
    storage: SqliteStorage, gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.add([record(0, "Bob")], VECTORS[:1])
    with monkeypatch.context() as patch:
        patch.setattr(
            SqliteStorage, "_purge", lambda self: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            storage.remove(label="Bob")
    assert b"Bob" in contents(gallery)
    SqliteStorage(gallery, MATCHER).close()
    assert b"Bob" not in contents(gallery)


def test_a_removal_beside_a_reader_is_said_and_finished_later(
    storage: SqliteStorage, gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage._connection.execute("PRAGMA busy_timeout = 100")
    monkeypatch.setattr(SqliteStorage._purge, "__kwdefaults__", {"patience": 0.1})
    storage.add([record(0, "Bob"), record(1)], VECTORS[:2])
    reader = sqlite3.connect(gallery / NAME, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM face").fetchone()
    with pytest.raises(GalleryUnusable, match="removed, but another process reads"):
        storage.remove(label="Bob")
    reader.close()
    SqliteStorage(gallery, MATCHER).close()
    assert b"Bob" not in contents(gallery)


def test_vectors_of_another_matcher_are_refused(storage: SqliteStorage, gallery: Path) -> None:
    with pytest.raises(GalleryUnusable, match="holds vectors of the matcher colours 1, not of net"):
        SqliteStorage(gallery, "net 2")


def test_a_gallery_of_version_1_is_taken_over_whole(gallery: Path) -> None:
    gallery.mkdir()
    old = sqlite3.connect(gallery / NAME)
    old.executescript(MIGRATIONS[0])
    old.execute("INSERT INTO gallery VALUES ('matcher', ?)", (MATCHER,))
    old.execute("INSERT INTO face VALUES (1, 'Ada', '0.jpg', 'aa', 0, 'asked', 'then')")
    old.execute("INSERT INTO vector VALUES (1, ?)", (VECTORS[0].tobytes(),))
    old.executescript(f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 1")
    old.close()
    storage = SqliteStorage(gallery, MATCHER)
    assert [row.label for _, row in storage.records()] == ["Ada"]
    assert storage._connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)


def test_a_newer_gallery_is_refused(storage: SqliteStorage, gallery: Path) -> None:
    storage._connection.execute("PRAGMA user_version = 99")
    with pytest.raises(GalleryUnusable, match="has version 99"):
        SqliteStorage(gallery, MATCHER)


def test_a_database_of_something_else_is_refused(gallery: Path) -> None:
    gallery.mkdir()
    other = sqlite3.connect(gallery / NAME)
    other.executescript("CREATE TABLE face (id); PRAGMA user_version = 1")
    other.close()
    with pytest.raises(GalleryUnusable, match="something else"):
        SqliteStorage(gallery, MATCHER, create=True)


def test_a_missing_gallery_is_not_made_by_looking(gallery: Path) -> None:
    with pytest.raises(GalleryUnusable, match="there is no gallery"):
        SqliteStorage(gallery, MATCHER)
    assert not gallery.exists()


def test_a_folder_of_other_files_becomes_no_gallery(gallery: Path) -> None:
    gallery.mkdir()
    (gallery / "notes.txt").write_text("mine")
    with pytest.raises(GalleryUnusable, match="a folder of its own"):
        SqliteStorage(gallery, MATCHER, create=True)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights another way")
def test_only_the_owner_may_look(storage: SqliteStorage, gallery: Path) -> None:
    rights = [stat.S_IMODE(path.stat().st_mode) for path in (gallery, *gallery.iterdir())]
    assert rights == [0o700, *[0o600] * (len(rights) - 1)]


def test_a_full_disk_is_said_and_loses_nothing(storage: SqliteStorage, gallery: Path) -> None:
    storage.add([record(0)], VECTORS[:1])
    pages = storage._connection.execute("PRAGMA page_count").fetchone()[0]
    storage._connection.execute(f"PRAGMA max_page_count = {pages}")
    many = [record(number, "x" * 300) for number in range(1, 200)]
    with pytest.raises(GalleryUnusable, match=r"full.*what was added before is not lost"):
        storage.add(many, np.repeat(VECTORS[:1], 199, axis=0))
    assert [row for _, row in SqliteStorage(gallery, MATCHER).records()] == [record(0)]


def test_a_gallery_that_may_only_be_read_is_searched_and_not_changed(
    storage: SqliteStorage, gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.add([record(0)], VECTORS[:1])
    storage.close()
    # Rights do not bind root, so the question about them is answered here.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    only_read = SqliteStorage(gallery, MATCHER)
    assert [row for _, row in only_read.records()] == [record(0)]
    with pytest.raises(GalleryUnusable, match=r"readonly.*not lost"):
        only_read.add([record(1)], VECTORS[1:2])


@pytest.mark.parametrize("at", [0, 30, 4096, 2 * 4096])
def test_a_damaged_file_is_said(storage: SqliteStorage, gallery: Path, at: int) -> None:
    storage.add([record(number) for number in range(16)], VECTORS)
    storage._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    storage.close()
    data = bytearray((gallery / NAME).read_bytes())
    data[at : at + 60] = b"\xa5" * 60
    (gallery / NAME).write_bytes(data)
    with pytest.raises(GalleryUnusable):
        SqliteStorage(gallery, MATCHER).check()


def test_a_record_without_its_vector_is_damage(storage: SqliteStorage) -> None:
    storage.add([record(0)], VECTORS[:1])
    storage._connection.execute("DELETE FROM vector")
    with pytest.raises(GalleryUnusable, match="1 faces have no vector"):
        storage.check()


def test_two_processes_add_at_once_and_nothing_is_lost(gallery: Path) -> None:
    code = """
import sys
import numpy as np
from pathlib import Path
from forensics.faces.sqlite_storage import SqliteStorage
from forensics.faces.storage import Record
storage = SqliteStorage(Path(sys.argv[1]), "colours 1", create=True)
for number in range(20):
    name = f"{sys.argv[2]}-{number}"
    storage.add([Record(name, name, name, 0, "asked", "now")], np.ones((1, 16), np.float32))
"""
    command = [sys.executable, "-c", code, str(gallery)]
    running = [subprocess.Popen([*command, name]) for name in "ab"]
    assert [process.wait(120) for process in running] == [0, 0]
    storage = SqliteStorage(gallery, MATCHER)
    assert len(list(storage.records())) == 40
    storage.check()
