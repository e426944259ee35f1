import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from forensics.faces import vector_copy, vectors
from forensics.faces.sqlite_storage import SqliteStorage
from forensics.faces.storage import Record
from forensics.schema import Floats

MATCHER, ROWS = "colours 1", 8
VECTORS: Floats = np.random.default_rng(0).standard_normal((20, 16)).astype(np.float32)


def record(number: int, label: str = "Ada") -> Record:
    return Record(label, f"{number}.jpg", f"{number:064x}", 0, "asked", "2026-01-01T00:00:00")


def kept(storage: SqliteStorage) -> Floats:
    return np.concatenate([rows for _, rows in storage.vectors()])


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    return tmp_path / "gallery"


@pytest.fixture
def storage(gallery: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteStorage]:
    """20 vectors of three people in blocks of 8, copied by the first look."""
    monkeypatch.setattr(vector_copy, "ROWS", ROWS)
    monkeypatch.setattr(vectors, "ROWS", ROWS)
    made = SqliteStorage(gallery, MATCHER, create=True)
    made.add([record(n, ("Ada", "Bob", "Eve")[n % 3]) for n in range(20)], VECTORS)
    assert np.array_equal(kept(made), VECTORS)
    yield made
    made.close()


@pytest.fixture
def copy(storage: SqliteStorage, gallery: Path) -> Path:
    return gallery / vector_copy.NAME


def test_whole_blocks_are_copied_for_the_owner_only(copy: Path) -> None:
    assert copy.stat().st_size == 2 * ROWS * (8 + 4 * 16)
    assert copy.stat().st_mode & 0o077 == 0


def test_what_is_copied_is_not_read_from_the_tables(storage: SqliteStorage, copy: Path) -> None:
    asked: list[str] = []
    storage._connection.set_trace_callback(asked.append)
    assert np.array_equal(kept(storage), VECTORS)
    assert [line for line in asked if "vector WHERE" in line] == [
        "SELECT id, vector FROM vector WHERE id > 16 ORDER BY id"
    ]


@pytest.mark.parametrize("at", [0, 70, 8 * 72 - 1, 8 * 72, 2 * 8 * 72 - 1])
def test_a_changed_byte_is_never_read(storage: SqliteStorage, copy: Path, at: int) -> None:
    data = bytearray(copy.read_bytes())
    data[at] ^= 1
    copy.write_bytes(data)
    assert np.array_equal(kept(storage), VECTORS)


@pytest.mark.parametrize("length", [0, 5, 8 * 72, 9 * 72])
def test_a_short_copy_is_done_without_and_made_again(
    storage: SqliteStorage, copy: Path, length: int
) -> None:
    whole = copy.read_bytes()
    copy.write_bytes(whole[:length])
    for _ in range(3):
        assert np.array_equal(kept(storage), VECTORS)
    assert copy.read_bytes() == whole


def test_a_lost_copy_is_made_again(storage: SqliteStorage, copy: Path) -> None:
    whole = copy.read_bytes()
    copy.unlink()
    for _ in range(3):
        assert np.array_equal(kept(storage), VECTORS)
    assert copy.read_bytes() == whole


def test_a_copy_grows_by_whole_blocks(storage: SqliteStorage, copy: Path) -> None:
    storage.add([record(n) for n in range(20, 25)], VECTORS[:5] + 1)
    assert np.array_equal(kept(storage), np.concatenate([VECTORS, VECTORS[:5] + 1]))
    assert copy.stat().st_size == 3 * ROWS * 72


def test_nobody_who_was_removed_is_left_in_any_file(storage: SqliteStorage, gallery: Path) -> None:
    assert contents(gallery).count(VECTORS[1].tobytes()) == 2
    storage.remove(label="Bob")
    assert not any(row.tobytes() in contents(gallery) for row in VECTORS[1::3])
    assert np.array_equal(kept(storage), np.delete(VECTORS, np.s_[1::3], axis=0))
    assert not any(row.tobytes() in contents(gallery) for row in VECTORS[1::3])


def test_a_copy_is_overwritten_before_it_is_deleted(
    storage: SqliteStorage, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda self: None)
        storage.remove(label="Bob")
    assert copy.read_bytes() == bytes(2 * ROWS * 72)


def test_no_copy_outlives_a_removal_that_is_interrupted(
    storage: SqliteStorage, gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: SqliteStorage) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(SqliteStorage, "_purge", interrupted)
        with pytest.raises(KeyboardInterrupt):
            storage.remove(label="Bob")
    assert not (gallery / vector_copy.NAME).exists()


def test_destroy_leaves_no_copy(storage: SqliteStorage, gallery: Path) -> None:
    storage.destroy()
    assert not gallery.exists()


def test_a_copy_that_cannot_be_written_is_done_without(
    storage: SqliteStorage, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    copy.unlink()
    monkeypatch.setattr(vector_copy.VectorCopy, "_write", full)
    for _ in range(2):
        assert np.array_equal(kept(storage), VECTORS)


def test_a_writer_elsewhere_does_not_hold_up_reading(
    storage: SqliteStorage, gallery: Path, copy: Path
) -> None:
    copy.unlink()
    writer = sqlite3.connect(gallery / "faces.sqlite", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert np.array_equal(kept(storage), VECTORS)
    assert not copy.exists()
    writer.close()


def test_ids_with_gaps_are_kept(storage: SqliteStorage) -> None:
    storage.remove(label="Bob")
    storage.add([record(n) for n in range(30, 36)], VECTORS[:6])
    for _ in range(2):
        ids = np.concatenate([ids for ids, _ in storage.vectors()])
        assert np.array_equal(ids, [*np.delete(np.arange(1, 21), np.s_[1::3]), *range(21, 27)])
