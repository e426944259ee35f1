import numpy as np
import pytest

from forensics.faces import vectors as blocks
from forensics.faces.vectors import VectorBlocks, unit_rows
from forensics.schema import Floats


def unit_vectors(count: int, seed: int = 0) -> Floats:
    rows = np.random.default_rng(seed).standard_normal((count, 16))
    return unit_rows(rows.astype(np.float32))


@pytest.mark.parametrize("count", [1, 7, 8, 9, 50])
@pytest.mark.parametrize("top", [1, 5, 100])
def test_nearest_agrees_with_sorting_everything(
    count: int, top: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "ROWS", 8)
    monkeypatch.setattr(blocks, "PIECE", 3)
    rows, probe = unit_vectors(count), unit_vectors(1, seed=9)[0]
    index = VectorBlocks()
    for start in range(0, count, 3):
        index.append(np.arange(start, min(start + 3, count)) + 100, rows[start : start + 3])
    ids, cosines = index.nearest(probe, top)
    slow = sorted(((float(row @ probe), -i - 100) for i, row in enumerate(rows)), reverse=True)
    assert ids.tolist() == [-number for _, number in slow[:top]]
    assert cosines == pytest.approx([cosine for cosine, _ in slow[:top]], abs=1e-6)


def test_equals_come_in_the_order_they_were_added() -> None:
    index = VectorBlocks()
    index.append(np.array([3, 5, 9]), np.repeat(unit_vectors(1), 3, axis=0))
    assert index.nearest(unit_vectors(1)[0], 3)[0].tolist() == [3, 5, 9]


def test_of_many_equals_the_first_ones_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "ROWS", 8)
    index = VectorBlocks()
    for start in range(0, 40, 10):
        index.append(np.arange(start, start + 10), np.repeat(unit_vectors(1), 10, axis=0))
    assert index.nearest(unit_vectors(1)[0], 3)[0].tolist() == [0, 1, 2]


def test_vectors_are_given_back_by_their_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "ROWS", 8)
    rows, ids, index = unit_vectors(20), np.arange(20) ** 2 + 5, VectorBlocks()
    for start, end in ((0, 3), (3, 8), (8, 16), (16, 20)):
        index.append(ids[start:end], rows[start:end])
    chosen = np.array([19, 0, 8, 7])
    assert np.array_equal(index.rows(ids[chosen]), rows[chosen])


def test_nothing_is_nearest_among_nothing() -> None:
    ids, cosines = VectorBlocks().nearest(unit_vectors(1)[0], 5)
    assert not ids.size
    assert not cosines.size


@pytest.mark.parametrize("wrong", [0.5, 1.1, np.nan])
def test_a_vector_of_another_length_than_1_is_refused(wrong: float) -> None:
    rows = unit_vectors(3)
    rows[1] *= wrong
    with pytest.raises(ValueError, match="id 8 has not length 1"):
        VectorBlocks().append(np.array([7, 8, 9]), rows)


def test_a_vector_of_other_dimensions_is_refused() -> None:
    index = VectorBlocks()
    index.append(np.array([1]), unit_vectors(1))
    with pytest.raises(ValueError, match="must be"):
        index.append(np.array([2]), np.eye(1, 8, dtype=np.float32))
