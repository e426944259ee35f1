"""Laws of the store: what was acknowledged is there again, and nothing is computed twice."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from forensics.feature_store import FeatureStore, stored_features
from forensics.schema import Floats, Image


def test_rows_come_back_by_key_in_the_order_asked(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store", width=3)
    store.append(["a", "b"], np.asarray([[1, 2, 3], [4, 5, 6]], np.float32))
    assert store.rows(["b", "a"]).tolist() == [[4, 5, 6], [1, 2, 3]]


def test_a_store_opened_again_goes_on(tmp_path: Path) -> None:
    FeatureStore(tmp_path / "store", 2).append(["a"], np.ones((1, 2)))
    again = FeatureStore(tmp_path / "store", 2)
    again.append(["b"], np.zeros((1, 2)))
    assert again.rows(["b", "a"]).tolist() == [[0, 0], [1, 1]]


def test_two_writers_keep_each_others_rows_under_their_own_keys(tmp_path: Path) -> None:
    stores = [FeatureStore(tmp_path / "store", 1) for _ in range(2)]
    for number in range(20):
        stores[number % 2].append([str(number)], np.full((1, 1), number))
    for store in (*stores, FeatureStore(tmp_path / "store", 1)):
        assert store.rows([str(number) for number in range(20)]).ravel().tolist() == [*range(20)]


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        list(pool.map(_write, [tmp_path / "store"] * 2, (0, 1)))
    store = FeatureStore(tmp_path / "store", 1)
    assert store.rows([str(number) for number in range(100)]).ravel().tolist() == [*range(100)]


def _write(path: Path, first: int) -> None:
    store = FeatureStore(path, 1)
    for number in range(first, 100, 2):
        store.append([str(number)], np.full((1, 1), number))


def test_the_first_row_of_a_key_stays(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store", 1)
    store.append(["a"], np.ones((1, 1)))
    store.append(["a", "b"], np.zeros((2, 1)))
    assert store.rows(["a", "b"]).ravel().tolist() == [1, 0]


@pytest.mark.parametrize("shape", [(2, 3), (1, 4), (1,)])
def test_rows_of_another_shape_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="width 3"):
        FeatureStore(tmp_path / "store", 3).append(["a"], np.zeros(shape))


def test_an_unknown_key_is_an_error(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store", 2)
    store.append(["a"], np.ones((1, 2)))
    with pytest.raises(KeyError):
        store.rows(["b"])


def test_the_same_pixels_are_computed_once(tmp_path: Path) -> None:
    asked: list[int] = []

    def brightness(crops: Sequence[Image]) -> Floats:
        asked.append(len(crops))
        return np.asarray([[crop.mean()] for crop in crops], np.float32)

    store = FeatureStore(tmp_path / "store", 1)
    crops = [np.full((4, 4, 3), value, np.uint8) for value in (3, 9, 3)]
    assert stored_features(store, crops, brightness).ravel().tolist() == [3, 9, 3]
    stored_features(store, crops[::-1], brightness)
    assert asked == [2]


def test_a_store_of_single_precision_gives_back_what_it_got(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    store = FeatureStore(tmp_path / "exact", 3, np.float32)
    store.append(["a", "b", "c", "d"], rows)
    assert (store.rows(["d", "a"]) == rows[[3, 0]]).all()
