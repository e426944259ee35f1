"""Laws of the head: its gradient is right, pairs pull, and content that both share is ignored."""

import numpy as np
import pytest
from scipy.optimize import check_grad

from forensics import linear_head
from forensics.detector import fake_logit
from forensics.linear_head import HeadRecipe, HeadRows, fit_head


def rows(count: int = 60, pairs: int = 20, seed: int = 0) -> HeadRows:
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((count, 5)).astype(np.float32)
    kinds = rng.integers(0, 3, count)
    kinds[: 2 * pairs : 2], kinds[1 : 2 * pairs : 2] = 0, 1
    return HeadRows(
        features=features,
        kinds=kinds,
        weights=np.full(count, 1 / count),
        pairs=np.arange(2 * pairs).reshape(pairs, 2),
    )


def test_the_gradient_of_the_pair_loss_is_that_of_finite_differences() -> None:
    pairs = np.asarray([[0, 1], [2, 3]])

    def loss(flat: np.ndarray) -> float:
        logits = flat.reshape(4, 3).astype(np.float32)
        return linear_head._pair_loss(logits, pairs, 1.0, np.zeros((4, 3), np.float32))

    def slope(flat: np.ndarray) -> np.ndarray:
        gradient = np.zeros((4, 3), np.float32)
        linear_head._pair_loss(flat.reshape(4, 3).astype(np.float32), pairs, 1.0, gradient)
        return gradient.ravel().astype(np.float64)

    start = np.random.default_rng(0).standard_normal(12)
    assert check_grad(loss, slope, start, epsilon=1e-2) < 1e-2


def test_the_order_of_rows_does_not_matter() -> None:
    given = rows(pairs=0)
    turned = HeadRows(given.features[::-1], given.kinds[::-1], given.weights, given.pairs[:0])
    plain = HeadRows(given.features, given.kinds, given.weights, given.pairs[:0])
    first, second = (fit_head(each, HeadRecipe(content=1)) for each in (plain, turned))
    assert np.allclose(first.weight, second.weight, atol=1e-3)


def test_pairs_make_the_head_rank_the_fake_of_each_pair_higher() -> None:
    given = rows()
    given.features[1:40:2] = given.features[0:40:2]
    given.features[1:40:2, 4] += 1.0
    head = fit_head(given, HeadRecipe(penalty=0.01, pairs=3, content=0))
    gaps = fake_logit(head.class_logits(given.features))
    assert (gaps[1:40:2] > gaps[0:40:2]).all()


def test_what_real_pictures_differ_in_most_has_no_say() -> None:
    given = rows(count=400, pairs=0)
    # The fourth feature is content: it varies most, together with the fifth, and gives it away.
    given.features[:, 3] = given.features[:, 4] = 5 * given.features[:, 4] + (given.kinds > 0)
    head = fit_head(given, HeadRecipe(content=1))
    shown = np.zeros((2, 5), np.float32)
    shown[1, 3:] = 1
    gap = np.diff(head.class_logits(shown), axis=0)
    assert np.abs(gap).max() < 0.05


def test_one_class_is_refused() -> None:
    given = rows(pairs=0)
    with pytest.raises(ValueError, match="real and fake"):
        fit_head(
            HeadRows(given.features, given.kinds * 0, given.weights, given.pairs),
            HeadRecipe(),
        )
