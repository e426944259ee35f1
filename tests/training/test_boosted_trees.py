"""Trees read out as arrays say what scikit-learn says."""

import numpy as np
import pytest
from safetensors.numpy import load, save
from sklearn.ensemble import HistGradientBoostingClassifier

from forensics.boosted_trees import Forest, read_out


@pytest.fixture(scope="module")
def fitted() -> tuple[HistGradientBoostingClassifier, np.ndarray]:
    rng = np.random.default_rng(0)
    features = rng.standard_normal((400, 7)).astype(np.float32)
    kinds = (features[:, 0] > 0).astype(int) + (features[:, 1] * features[:, 2] > 0.3)
    model = HistGradientBoostingClassifier(max_iter=12, max_leaf_nodes=9, early_stopping=False)
    return model.fit(features, kinds), features


def test_raw_scores_equal_scikit_learns(
    fitted: tuple[HistGradientBoostingClassifier, np.ndarray],
) -> None:
    model, features = fitted
    assert (
        np.abs(read_out(model).raw_scores(features) - model.decision_function(features)).max()
        < 1e-5
    )


def test_a_forest_survives_safetensors(
    fitted: tuple[HistGradientBoostingClassifier, np.ndarray],
) -> None:
    model, features = fitted
    forest = read_out(model)
    again = Forest.from_tensors(load(save(forest.tensors())))
    assert (again.raw_scores(features) == forest.raw_scores(features)).all()


def test_a_row_does_not_depend_on_its_neighbours(
    fitted: tuple[HistGradientBoostingClassifier, np.ndarray],
) -> None:
    model, features = fitted
    forest = read_out(model)
    alone = np.concatenate([forest.raw_scores(row[None]) for row in features[:9]])
    assert (alone == forest.raw_scores(features[:9])).all()
