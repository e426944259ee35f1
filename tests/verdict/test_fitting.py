from dataclasses import replace

import numpy as np
import pytest

from forensics.calibrating import Scored, clear_threshold, fit_calibration
from forensics.fitting import OutOfFold, compose_views, fit_all, fit_fusion, fit_set
from forensics.fusion import FusedSet

CARDS = {"efficientnet_lite0": "a", "spectrum": "b"}


def simulated(count: int = 900, seed: int = 0) -> OutOfFold:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    names = [f"{'rf'[y]}{g}" for y, g in zip(labels, rng.integers(3, size=count), strict=True)]
    strengths = {"efficientnet_lite0.mean": 1.5, "spectrum.mean": 0.7, "liar.mean": -1.0}
    return OutOfFold(
        inputs={name: rng.normal(size=count) + 2 + s * labels for name, s in strengths.items()},
        labels=labels,
        sources=np.asarray(names),
        clusters=np.arange(count).astype(str),
        kinds=np.where(labels == 1, "synthetic", "real"),
    )


def reordered(table: OutOfFold, order: np.ndarray) -> OutOfFold:
    return OutOfFold(
        {name: column[order] for name, column in table.inputs.items()},
        table.labels[order],
        table.sources[order],
        table.clusters[order],
        table.kinds[order],
    )


@pytest.fixture(scope="module")
def fused() -> FusedSet:
    return fit_set(simulated(), CARDS, measured_on="simulated")


def test_order_of_rows_is_irrelevant() -> None:
    table = simulated(300)
    shuffled = reordered(table, np.random.default_rng(1).permutation(300))
    assert fit_all(table, CARDS, measured_on="s") == fit_all(shuffled, CARDS, measured_on="s")


def test_every_set_of_detectors_gets_its_own_calibration() -> None:
    sets = fit_all(simulated(300), CARDS, measured_on="simulated")["sets"]
    assert set(sets) == {"efficientnet_lite0", "spectrum", "efficientnet_lite0+spectrum"}
    assert sets["spectrum"]["cards"] == {"spectrum": "b"}


def test_fused_logit_never_falls_when_an_input_rises(fused: FusedSet) -> None:
    base = fused.fusion.logits(np.zeros((1, 2)))
    assert np.all(fused.fusion.logits(np.eye(2)) >= base)


def test_an_input_that_points_the_wrong_way_gets_no_weight() -> None:
    fused = fit_set(simulated(), {**CARDS, "liar": "c"}, measured_on="simulated")
    assert fused.fusion.weights[fused.fusion.inputs.index("liar.mean")] == 0


def test_a_better_input_weighs_more(fused: FusedSet) -> None:
    shares = fused.fusion.shares()
    assert shares["efficientnet_lite0"] > shares["spectrum"] > 0
    assert sum(shares.values()) == pytest.approx(1)


def test_copies_of_a_sources_rows_do_not_change_the_fusion() -> None:
    table = simulated()
    order = np.concatenate([np.arange(900), np.flatnonzero(table.sources == "r1")])
    names = list(table.inputs)
    once = fit_fusion(names, table)
    more = reordered(table, order)
    twice = fit_fusion(names, more)
    np.testing.assert_allclose(twice.weights, once.weights, atol=1e-5)


def test_a_constant_input_gets_no_weight_and_breaks_nothing() -> None:
    table = simulated(300)
    inputs = {"a.mean": table.inputs["spectrum.mean"], "b.mean": np.full(300, 3.0)}
    table = replace(table, inputs=inputs)
    rows = table.matrix(["a.mean", "b.mean"])
    fusion = fit_fusion(["a.mean", "b.mean"], table)
    assert fusion.weights[1] == pytest.approx(0, abs=1e-9)
    assert np.isfinite(fusion.logits(rows)).all()


def test_one_in_a_thousand_pictures_lies_outside_the_distribution() -> None:
    table = simulated(5000)
    names = list(table.inputs)
    fusion = fit_fusion(names, table)
    assert np.mean(fusion.distances(table.matrix(names)) > fusion.distance_limit) <= 0.001


def single(count: int = 2000) -> Scored:
    table = simulated(count)
    logits = table.inputs["efficientnet_lite0.mean"]
    return Scored(logits, table.labels, table.sources, table.clusters)


def test_one_face_changes_nothing() -> None:
    composed = compose_views(single(), 1, 1, np.random.default_rng(0))
    np.testing.assert_array_equal(composed.logits, single().logits)


def test_more_faces_never_lower_a_logit() -> None:
    composed = compose_views(single(), 2, 4, np.random.default_rng(0))
    assert np.all(composed.logits >= single().logits)
    np.testing.assert_array_equal(composed.labels, single().labels)


def test_real_companions_come_from_the_same_source() -> None:
    plain = single()
    apart = Scored(
        plain.logits + 100 * (plain.sources == "r2"), plain.labels, plain.sources, plain.clusters
    )
    composed = compose_views(apart, 5, 10, np.random.default_rng(0))
    assert composed.logits[(plain.labels == 0) & (plain.sources != "r2")].max() < 50


def test_composed_faces_come_from_reals_only() -> None:
    plain = single()
    hot = Scored(plain.logits + 100 * plain.labels, plain.labels, plain.sources, plain.clusters)
    composed = compose_views(hot, 5, 10, np.random.default_rng(0))
    assert composed.logits[plain.labels == 0].max() < 50


def test_largest_of_k_follows_the_law_of_maxima() -> None:
    # P(max of k <= x) = P(one <= x)^k within a source.
    plain, rng = single(20_000), np.random.default_rng(0)
    real = plain.labels == 0
    composed = compose_views(plain, 3, 3, rng)
    median = np.median(plain.logits[real])
    assert np.mean(composed.logits[real] <= median) == pytest.approx(0.5**3, abs=0.01)


def test_more_faces_need_a_higher_logit_to_be_called(fused: FusedSet) -> None:
    def logit_at_call(bucket: str) -> float:
        found = fused.calibrations[bucket]
        odds = found.call.threshold / (1 - found.call.threshold)
        return float((np.log(odds) - found.intercept) / found.slope)

    assert logit_at_call("1") <= logit_at_call("2-4") <= logit_at_call("5+")


def test_missed_share_is_given_for_each_kind(fused: FusedSet) -> None:
    assert fused.figures.keys() == {"missed_synthetic"}
    assert 0 < fused.figures["missed_synthetic"] < 1


def test_values_that_are_not_finite_are_refused() -> None:
    table = simulated(10)
    with pytest.raises(ValueError, match="not finite"):
        OutOfFold(
            {"spectrum.mean": np.full(10, np.nan)},
            table.labels,
            table.sources,
            table.clusters,
            table.kinds,
        )


def test_columns_of_different_lengths_are_refused() -> None:
    table = simulated(10)
    with pytest.raises(ValueError, match="clusters"):
        OutOfFold(table.inputs, table.labels, table.sources, table.clusters[:9], table.kinds)


def test_a_large_generator_that_scores_low_pulls_the_lower_threshold_down() -> None:
    rng = np.random.default_rng(0)
    low, high, real = rng.normal(0.2, 0.05, 300), rng.normal(0.8, 0.05, 5000), np.full(300, 0.3)
    scores = np.concatenate([low, high, real])
    labels = np.repeat([1, 1, 0], [300, 5000, 300])
    sources = np.concatenate([np.repeat("unknown", 300), np.arange(5000) % 30, np.repeat("c", 300)])
    cleared = scores <= clear_threshold(scores, labels, sources)
    assert 0 < cleared[:300].mean() <= 0.15


def test_nothing_is_cleared_where_clearing_would_tell_nothing() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(4000) % 2
    sources, clusters = np.where(labels == 1, "gan", "camera"), np.arange(4000).astype(str)
    for gap, some in ((0.1, False), (3.0, True)):
        logits = rng.normal(size=4000) + gap * labels
        fitted = fit_calibration(Scored(logits, labels, sources, clusters), "simulated")
        assert (fitted.score(float(logits.min())) <= fitted.clear.threshold) == some
        # Nor is any score lower than all of these, such as that of a picture changed on purpose.
        assert (fitted.score(-1e6) <= fitted.clear.threshold) == some


def with_folds(table: OutOfFold, *, shift: float) -> OutOfFold:
    """Two folds; in the second all logits lie `shift` higher, as a new kind of picture may."""
    second = np.arange(len(table.labels)) % 2 == 1
    inputs = {name: column + shift * second for name, column in table.inputs.items()}
    folds = np.where(second, "B", "A")
    return OutOfFold(inputs, table.labels, table.sources, table.clusters, table.kinds, folds)


def test_stated_rates_are_those_of_thresholds_that_saw_other_folds_only() -> None:
    alike, apart = (with_folds(simulated(), shift=shift) for shift in (0.0, 3.0))
    calls = [
        fit_set(table, CARDS, measured_on="s").calibrations["1"].call for table in (alike, apart)
    ]
    assert calls[0].false_positive_rate < 0.03
    assert calls[1].false_positive_rate > 0.2


def test_folds_change_no_threshold() -> None:
    table = with_folds(simulated(), shift=0.0)
    without = OutOfFold(table.inputs, table.labels, table.sources, table.clusters, table.kinds)
    points = [fit_set(one, CARDS, measured_on="s").calibrations["1"] for one in (table, without)]
    assert points[0].call.threshold == points[1].call.threshold
    assert "from the other folds" in points[0].call.measured_on
    assert "from the other folds" not in points[1].call.measured_on


def test_fold_without_real_pictures_leaves_rates_as_fitted() -> None:
    table = simulated(300)
    folds = np.where(table.labels == 1, "B", "A")
    split = OutOfFold(table.inputs, table.labels, table.sources, table.clusters, table.kinds, folds)
    call = fit_set(split, CARDS, measured_on="s").calibrations["1"].call
    assert "from the other folds" not in call.measured_on


def test_nothing_is_cleared_where_other_folds_thresholds_clear_fakes_like_reals() -> None:
    table = with_folds(simulated(), shift=3.0)
    without = OutOfFold(table.inputs, table.labels, table.sources, table.clusters, table.kinds)
    lower = [
        fit_set(one, CARDS, measured_on="s").calibrations["1"].clear for one in (table, without)
    ]
    assert lower[0].false_positive_rate == 1
    assert lower[0].false_negative_rate == 0
    assert lower[1].false_positive_rate < 1
