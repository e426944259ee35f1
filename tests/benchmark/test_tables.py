"""Laws of the figures on a results page."""

from dataclasses import replace

import numpy as np
import pytest

from forensics.benchmark.evaluation import Judged
from forensics.benchmark.tables import (
    Rows,
    false_positives,
    generator_auc,
    markdown,
    mean_auc,
    mean_auc_gap,
    reliability,
    summary,
)


def rows(count: int = 200) -> Rows:
    labels = np.arange(count) % 2
    generators = np.where(labels == 1, np.where(np.arange(count) % 4 == 1, "gan", "swap"), "")
    groups = np.where(labels == 1, generators, "camera")
    folds = np.where(np.arange(count) < count // 2, "A", "B")
    return Rows(labels, generators, groups, np.arange(count).astype(str), folds)


def judged(scores: np.ndarray, call: float = 0.8, clear: float = 0.2) -> Judged:
    return Judged(scores, scores, scores >= call, scores <= clear)


def test_a_perfect_ranking_scores_one_and_a_constant_a_half() -> None:
    given = rows()
    assert generator_auc(given, given.labels.astype(float), "gan").value == 1
    assert mean_auc(given, np.zeros(200)).value == pytest.approx(0.5)


def test_intervals_hold_their_value_and_narrow_with_more_pictures() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for count in (80, 2000):
        given = rows(count)
        figure = generator_auc(given, rng.standard_normal(count) + given.labels, "gan")
        assert figure.low <= figure.value <= figure.high
        widths.append(figure.high - figure.low)
    assert widths[1] < widths[0] / 2


def test_mean_auc_weighs_generators_alike() -> None:
    given = rows()
    scores = np.where(given.generators == "gan", 1.0, 0.0)
    assert mean_auc(given, scores).value == pytest.approx((1 + 0.5) / 2)


def test_a_gap_is_nothing_to_itself_and_is_drawn_in_pairs() -> None:
    given, rng = rows(400), np.random.default_rng(0)
    scores = rng.standard_normal(400) + given.labels
    nothing = mean_auc_gap(given, scores, scores)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)
    worse = scores + 0.3 * rng.standard_normal(400)
    gap, alone = mean_auc_gap(given, scores, worse), mean_auc(given, scores)
    assert gap.value == pytest.approx(alone.value - mean_auc(given, worse).value)
    assert gap.high - gap.low < (alone.high - alone.low) / 2


def test_own_fold_leaves_the_other_folds_reals_out() -> None:
    given = rows()
    # In fold B everything scores higher; only A's gap separates fakes from reals.
    scores = given.labels + 10.0 * (given.folds == "B")
    assert generator_auc(given, scores, "gan", own_fold=True).value == pytest.approx(0.75)
    only_a = np.where(given.folds == "A", "gan", "late")
    apart = replace(given, generators=np.where(given.labels == 1, only_a, ""))
    assert generator_auc(apart, scores, "gan", own_fold=True).value == 1
    assert generator_auc(apart, scores, "gan").value == pytest.approx(0.5)


def test_false_positives_are_counted_by_source() -> None:
    given = rows()
    called = (given.labels == 0) & (np.arange(200) < 20)
    figure = false_positives(given, called)["camera"]
    assert (figure.value, figure.reals) == (0.1, 100)
    assert figure.low < 0.1 < figure.high


def test_what_lies_between_the_thresholds_is_not_answered() -> None:
    given = rows()
    scores = np.where(given.labels == 1, 0.9, 0.5)
    figures = summary(given, judged(scores))
    assert figures["share answered"] == pytest.approx(0.5)
    assert figures["accuracy of answers"] == pytest.approx(1)
    assert figures["fakes called"] == pytest.approx(1)


def test_a_calibrated_score_lies_on_the_diagonal() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random(20_000)
    labels = (rng.random(20_000) < scores).astype(int)
    given = Rows(
        labels,
        np.where(labels == 1, "gan", ""),
        np.where(labels == 1, "gan", "camera"),
        np.arange(20_000).astype(str),
        np.full(20_000, "A"),
    )
    assert all(abs(mean - share) < 0.05 for mean, share, _ in reliability(given, scores))


def test_a_table_has_one_line_a_row() -> None:
    assert markdown(["a", "b"], [[1, 2], [3, 4]]).splitlines()[2:] == ["| 1 | 2 |", "| 3 | 4 |"]
