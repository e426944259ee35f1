import numpy as np
import pytest
from sklearn import metrics as reference

from forensics.benchmark.metrics import (
    auc,
    average_precision,
    brier,
    cluster_bootstrap,
    ece,
    eer,
    group_mean_bootstrap,
    roc,
    tpr_at_fpr,
)
from forensics.statistics import (
    Labels,
    Reals,
    clopper_pearson,
    effective_size,
    equal_weights,
    rate_interval,
    sigmoid,
)


def rows(count: int = 400, seed: int = 0) -> tuple[Labels, Reals, Reals]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    # Rounded, so that many scores are equal.
    scores = np.round(sigmoid(rng.normal(labels)), 1)
    return labels, scores, rng.uniform(0.1, 3, count)


def test_auc_is_the_share_of_ordered_pairs() -> None:
    labels, scores, weights = rows(60)
    real, fake = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    wins = mass = 0.0
    for i in fake:
        for j in real:
            pair = weights[i] * weights[j]
            wins += pair * (0.5 * (scores[i] == scores[j]) + (scores[i] > scores[j]))
            mass += pair
    assert auc(labels, scores, weights) == pytest.approx(wins / mass)


def test_auc_and_average_precision_agree_with_scikit_learn() -> None:
    labels, scores, weights = rows()
    assert auc(labels, scores, weights) == pytest.approx(
        reference.roc_auc_score(labels, scores, sample_weight=weights)
    )
    assert average_precision(labels, scores, weights) == pytest.approx(
        reference.average_precision_score(labels, scores, sample_weight=weights)
    )


def test_brier_agrees_with_scikit_learn() -> None:
    labels, scores, weights = rows()
    expected = reference.brier_score_loss(labels, scores, sample_weight=weights)
    assert brier(labels, scores, weights) == pytest.approx(expected)


def test_real_is_zero_and_fake_is_one() -> None:
    assert auc(np.asarray([0, 0, 1]), np.asarray([0.1, 0.2, 0.9])) == 1
    assert auc(np.asarray([1, 1, 0]), np.asarray([0.1, 0.2, 0.9])) == 0


def test_constant_scores_know_nothing() -> None:
    labels, scores = np.asarray([0, 1, 0, 1]), np.full(4, 0.5)
    assert auc(labels, scores) == 0.5
    assert eer(labels, scores) == 0.5
    assert tpr_at_fpr(labels, scores, 0.01) == 0


def test_curve_runs_from_zero_to_one() -> None:
    curve = roc(*rows())
    for shares in (curve.false_positive, curve.true_positive):
        assert (shares[0], shares[-1]) == pytest.approx((0, 1))
        assert np.all(np.diff(shares) >= 0)


def test_tpr_at_fpr_is_reached_by_a_real_threshold() -> None:
    labels, scores, _ = rows()
    best = max(
        np.mean(scores[labels == 1] >= t)
        for t in [*np.unique(scores), 2.0]
        if np.mean(scores[labels == 0] >= t) <= 0.05
    )
    assert tpr_at_fpr(labels, scores, 0.05) == pytest.approx(best)


def test_error_rates_are_equal_at_the_eer() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 50_000)
    # Two normals one unit apart err alike at the middle: Phi(-1/2) = .3085.
    assert eer(labels, rng.normal(labels)) == pytest.approx(0.3085, abs=0.005)


def test_calibrated_scores_have_no_calibration_error() -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(size=100_000)
    labels = (rng.uniform(size=100_000) < scores).astype(int)
    assert ece(labels, scores) < 0.01
    assert ece(labels, np.clip(scores + 0.2, 0, 1)) > 0.15


def test_calibration_error_equals_its_slow_twin() -> None:
    rng = np.random.default_rng(3)
    scores, labels = rng.permutation(np.linspace(0, 1, 60)), rng.integers(0, 2, 60)
    order = np.argsort(scores)
    gaps = [abs(np.mean(scores[part] - labels[part])) for part in np.split(order, 6)]
    assert ece(labels, scores, bins=6) == pytest.approx(np.mean(gaps))


def test_whole_weights_equal_repeated_rows() -> None:
    labels, scores, _ = rows(80)
    times = np.random.default_rng(1).integers(1, 4, 80)
    repeated = np.repeat(labels, times), np.repeat(scores, times)
    for metric in (auc, average_precision, eer, brier):
        assert metric(labels, scores, times.astype(float)) == pytest.approx(metric(*repeated))


@pytest.mark.parametrize("scores", [[0.1], [0.1, np.nan]])
def test_scores_that_do_not_fit_are_refused(scores: list[float]) -> None:
    with pytest.raises(ValueError, match=r"lengths differ|finite"):
        auc(np.asarray([0, 1]), np.asarray(scores))


def test_one_class_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="both classes"):
        auc(np.zeros(3, dtype=int), np.zeros(3))


def test_bootstrap_holds_its_figure_and_repeats_with_its_seed() -> None:
    labels, scores, _ = rows()
    clusters = np.arange(400).astype(str)

    def figure(drawn: np.ndarray) -> float:
        return auc(labels[drawn], scores[drawn])

    low, high = cluster_bootstrap(clusters, figure, count=200, seed=1)
    assert low < figure(np.arange(400)) < high
    assert (low, high) == cluster_bootstrap(clusters, figure, count=200, seed=1)


def test_bootstrap_of_a_mean_has_the_width_of_theory() -> None:
    values = np.random.default_rng(0).normal(size=400)
    low, high = cluster_bootstrap(
        np.arange(400).astype(str), lambda drawn: float(values[drawn].mean()), seed=0
    )
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.1)


def test_near_duplicates_do_not_narrow_the_interval() -> None:
    values = np.repeat(np.random.default_rng(0).normal(size=100), 4)
    clusters = np.repeat(np.arange(100), 4).astype(str)
    alone = np.arange(400).astype(str)
    widths = [
        np.diff(cluster_bootstrap(names, lambda drawn: float(values[drawn].mean()), seed=0))[0]
        for names in (clusters, alone)
    ]
    assert widths[0] == pytest.approx(2 * widths[1], rel=0.2)


def test_few_groups_widen_the_interval_of_their_mean() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat([f"g{i}" for i in range(5)], 200)
    values = rng.normal(size=1000) + np.repeat(rng.normal(0, 2, 5), 200)
    rows_alone = np.arange(1000).astype(str)

    def mean(drawn: np.ndarray) -> float:
        return float(values[drawn].mean())

    inside = np.diff(cluster_bootstrap(rows_alone, mean, count=200, seed=0))[0]
    over_groups = np.diff(group_mean_bootstrap(groups, rows_alone, mean, count=200, seed=0))[0]
    assert over_groups > 5 * inside


def test_clopper_pearson_agrees_with_published_values() -> None:
    # The rule of three: no error among 100 is compatible with up to 3.6 % (two-sided 95 %).
    assert clopper_pearson(0, 100) == pytest.approx((0, 0.0362), abs=1e-4)
    assert clopper_pearson(10, 100) == pytest.approx((0.0490, 0.1762), abs=1e-4)
    assert clopper_pearson(100, 100) == pytest.approx((0.9638, 1), abs=1e-4)


def test_clopper_pearson_is_mirrored() -> None:
    low, high = clopper_pearson(3, 40)
    assert clopper_pearson(37, 40) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(("errors", "count"), [(-1, 5), (6, 5), (0, 0)])
def test_impossible_counts_are_refused(errors: float, count: float) -> None:
    with pytest.raises(ValueError, match="errors"):
        clopper_pearson(errors, count)


def test_effective_size_counts_clusters() -> None:
    assert effective_size(np.ones(6), np.asarray(list("aabbcc"))) == pytest.approx(3)
    assert effective_size(np.asarray([1.0, 0.0]), np.asarray(["a", "b"])) == pytest.approx(1)


def test_rate_interval_of_equal_rows_is_clopper_pearsons() -> None:
    hits = np.arange(50) < 5
    expected = (0.1, *clopper_pearson(5, 50))
    assert rate_interval(hits, np.ones(50), np.arange(50).astype(str)) == pytest.approx(expected)


def test_equal_weights_need_both_classes() -> None:
    with pytest.raises(ValueError, match="both classes"):
        equal_weights(np.ones(3, dtype=int), np.asarray(["a", "b", "c"]))


def test_sigmoid_neither_overflows_nor_bends() -> None:
    with np.errstate(all="raise"):
        assert sigmoid([-1e4, 0.0, 1e4]) == pytest.approx([0, 0.5, 1])
    assert sigmoid(1.0) == pytest.approx(1 / (1 + np.exp(-1)))
