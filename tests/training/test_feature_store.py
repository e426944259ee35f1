"""Laws of the store: what was acknowledged is there again, and nothing is computed twice."""

from collections.abc import Sequence
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


def test_a_row_without_its_key_is_dropped(tmp_path: Path) -> None:
    FeatureStore(tmp_path / "store", 2).append(["a"], np.ones((1, 2)))
    with (tmp_path / "store.f16").open("ab") as file:
        file.write(b"torn")
    again = FeatureStore(tmp_path / "store", 2)
    again.append(["b"], np.full((1, 2), 7.0))
    assert again.rows(["a", "b"]).tolist() == [[1, 1], [7, 7]]


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
