"""Laws of who gets a weight in a fusion."""

from dataclasses import replace

import numpy as np
import pytest

from forensics.fitting import OutOfFold, earned, fit_set

NAMES = ("helper.mean", "leader.mean", "partial.mean")


def table(partial: dict[str, float], seed: int = 0) -> OutOfFold:
    """Four folds: one detector knows them all, one helps in all, one by its strength in each."""
    rng = np.random.default_rng(seed)
    size = 1600
    labels, folds = rng.integers(0, 2, size), np.asarray(list("ABCD"))[rng.integers(4, size=size)]
    strengths = np.asarray([partial[fold] for fold in folds.tolist()])
    inputs = {
        "leader.mean": rng.normal(size=size) + 1.5 * labels,
        "helper.mean": rng.normal(size=size) + 1.0 * labels,
        "partial.mean": rng.normal(size=size) + strengths * labels,
    }
    sources = np.char.add(folds, np.where(labels == 1, " fakes", " reals"))
    kinds = np.where(labels == 1, "synthetic", "real")
    return OutOfFold(inputs, labels, sources, np.arange(size).astype(str), kinds, folds)


MISLEADING = {"A": 1.5, "B": 1.5, "C": 1.5, "D": -3.0}


def test_who_helps_on_folds_left_out_gets_a_weight_and_who_misleads_there_none() -> None:
    assert earned(NAMES, table(MISLEADING)).tolist() == [True, True, False]
    assert earned(NAMES, table(dict.fromkeys("ABCD", 1.0))).tolist() == [True, True, True]


def test_the_fusion_gives_no_weight_to_who_did_not_earn_one() -> None:
    cards = dict.fromkeys(("helper", "leader", "partial"), "card")
    rows = table(MISLEADING)
    inputs = {f"{n[:-5]}.{a}": c for n, c in rows.inputs.items() for a in ("mean", "max")}
    shares = fit_set(replace(rows, inputs=inputs), cards, measured_on="made").fusion.shares()
    assert shares["partial"] == 0
    assert shares["leader"] > shares["helper"] > 0


@pytest.mark.parametrize("folds", [None, np.asarray(["A", "B"] * 800)])
def test_where_folds_cannot_tell_all_may_get_weight(folds: np.ndarray | None) -> None:
    assert earned(NAMES, replace(table(MISLEADING), folds=folds)).all()


def test_a_detector_alone_keeps_all_its_inputs() -> None:
    assert earned(("leader.mean", "leader.max"), with_max(table(MISLEADING))).all()


def with_max(rows: OutOfFold) -> OutOfFold:
    return replace(rows, inputs={**rows.inputs, "leader.max": rows.inputs["leader.mean"] + 1})
