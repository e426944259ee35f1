"""Laws of the head: its gradient is right, pairs pull, and content that both share is ignored."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from scipy.optimize import check_grad

from forensics import linear_head
from forensics.benchmark.metrics import auc
from forensics.detector import fake_logit
from forensics.linear_head import HeadRecipe, HeadRows, LinearHead, fit_head


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


@pytest.mark.parametrize("fake", [(False, True, True), (False, False, True)])
def test_the_gradient_of_the_pair_loss_is_that_of_finite_differences(fake: tuple[bool]) -> None:
    pairs = np.asarray([[0, 1], [2, 3]])

    def loss(flat: np.ndarray, gradient: np.ndarray | None = None) -> float:
        into = np.zeros((4, 3), np.float32) if gradient is None else gradient
        logits = flat.reshape(4, 3).astype(np.float32)
        return linear_head._pair_loss(logits, np.asarray(fake), pairs, 1.0, into)

    def slope(flat: np.ndarray) -> np.ndarray:
        gradient = np.zeros((4, 3), np.float32)
        loss(flat, gradient)
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


def by_source(which: int = 1, **changes: object) -> LinearHead:
    given = rows(count=90, pairs=0)
    sources = [f"maker {place % 3}" for place in range(90)]
    named = replace(given, sources=sources, **changes)  # type: ignore[arg-type]
    return fit_head(named, HeadRecipe(penalty=0.01, content=0, by_source=which))


@pytest.mark.parametrize(("which", "real"), [(1, [0]), (2, [0, 0, 0])])
def test_every_source_gets_a_class_and_the_logits_stay_three(which: int, real: list[int]) -> None:
    head = by_source(which)
    assert head.kinds.tolist() == [*real, 1, 1, 1, 2, 2, 2]
    features = rows(count=90, pairs=0).features
    logits = head.class_logits(features)
    chances = np.exp(features @ head.weight + head.bias)
    chances /= chances.sum(axis=1, keepdims=True)
    summed = np.stack([chances[:, head.kinds == kind].sum(axis=1) for kind in range(3)], axis=1)
    found = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.allclose(found, summed, atol=1e-5)


def test_a_kind_without_a_class_is_never_chosen() -> None:
    given = rows(count=90, pairs=0)
    head = by_source(kinds=np.minimum(given.kinds, 1))
    assert head.class_logits(given.features)[:, 2].tolist() == [linear_head.ABSENT] * 90


def test_sources_apart_in_many_ways_are_ranked_better_with_a_class_each() -> None:
    rng = np.random.default_rng(0)
    features = rng.standard_normal((400, 4)).astype(np.float32)
    kinds = np.repeat([0, 1], 200)
    side = np.where(np.arange(400) % 2, 3.0, -3.0)
    features[200:, 0] += side[200:].astype(np.float32)
    sources = [f"maker {place % 2}" for place in range(400)]
    given = HeadRows(features, kinds, np.full(400, 1 / 400), np.empty((0, 2), np.intp), sources)
    aucs = []
    for each in (0, 1):
        head = fit_head(given, HeadRecipe(penalty=0.01, content=0, by_source=each))
        aucs.append(auc(kinds, fake_logit(head.class_logits(features)).astype(np.float64)))
    assert aucs[0] < 0.65
    assert aucs[1] > 0.9


def test_a_head_with_classes_by_source_comes_back_from_its_file(tmp_path: Path) -> None:
    head, features = by_source(), rows(count=90, pairs=0).features
    save_file(head.tensors, tmp_path / "head.safetensors")
    again = LinearHead.read(load_file(tmp_path / "head.safetensors"))
    assert (again.class_logits(features) == head.class_logits(features)).all()


def test_classes_by_source_need_the_sources() -> None:
    with pytest.raises(ValueError, match="sources"):
        fit_head(rows(), HeadRecipe(by_source=1))
