import json

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from forensics.calibrating import (
    JUDGED_SOURCE,
    Scored,
    call_threshold,
    clear_threshold,
    compress,
    fit_calibration,
    fit_logistic,
)
from forensics.calibration import (
    Calibration,
    Neighbourhood,
    calibration_from_json,
    calibration_to_json,
    venn_abers_interval,
)
from forensics.statistics import Names, Reals, equal_weights, sigmoid


def simulated(count: int = 2400, seed: int = 0, *, sources: int = 3) -> Scored:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    logits = rng.normal(1.5 * labels, 1.0)
    groups = np.asarray(
        [f"{'rf'[y]}{g}" for y, g in zip(labels, rng.integers(sources, size=count), strict=True)]
    )
    return Scored(logits, labels, groups, np.arange(count).astype(str))


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return fit_calibration(simulated(), "simulated")


def test_score_rises_with_the_logit(calibration: Calibration) -> None:
    scores = [calibration.score(logit) for logit in np.linspace(-6, 6, 50)]
    assert np.all(np.diff(scores) > 0)


def test_platt_recovers_the_true_probability(calibration: Calibration) -> None:
    # Two normals of mean 0 and 1.5 and scale 1: the log-odds are 1.5 x - 1.125.
    for logit in (-1.0, 0.75, 2.0):
        assert calibration.score(logit) == pytest.approx(sigmoid(1.5 * logit - 1.125), abs=0.03)


@pytest.mark.parametrize("logit", [-1e3, -2.0, 0.0, 0.4, 3.0, 1e3])
def test_interval_holds_the_score(calibration: Calibration, logit: float) -> None:
    lower, upper = calibration.interval(logit)
    assert 0 <= lower <= calibration.score(logit) <= upper <= 1


def test_interval_ends_rise_with_the_logit(calibration: Calibration) -> None:
    ends = [venn_abers_interval(calibration.neighbourhood, z) for z in np.linspace(-4, 6, 200)]
    assert np.diff(ends, axis=0).min() > -1e-12


@pytest.mark.parametrize("logit", [-2.5, -0.3, 0.11, 0.9, 3.3])
def test_interval_equals_isotonic_regression_with_the_picture_added(logit: float) -> None:
    stored = compress(simulated(300), bins=40)
    for label, end in zip((0, 1), venn_abers_interval(stored, logit), strict=True):
        isotonic = IsotonicRegression().fit(
            np.append(stored.logits, logit),
            np.append(stored.fakes, label),
            sample_weight=np.append(stored.masses, 1.0),
        )
        assert end == pytest.approx(float(isotonic.predict([logit])[0]), abs=1e-9)


def test_interval_covers_the_share_of_fakes_nearby() -> None:
    # The true probability lies in the interval, give or take what 2,400 pictures can tell.
    stored = fit_calibration(simulated(), "simulated").neighbourhood
    fresh = simulated(seed=1)
    ends = np.asarray([venn_abers_interval(stored, logit) for logit in fresh.logits[:400]])
    truth = sigmoid(1.5 * fresh.logits[:400] - 1.125)
    inside = (ends[:, 0] - 0.03 <= truth) & (truth <= ends[:, 1] + 0.03)
    assert inside.mean() > 0.8


def test_interval_widens_where_pictures_are_few() -> None:
    widths = []
    for count in (200, 20_000):
        lower, upper = venn_abers_interval(compress(simulated(count)), 0.8)
        widths.append(upper - lower)
    assert widths[0] > 3 * widths[1]


def test_near_duplicates_count_as_one_picture() -> None:
    single = simulated(400)
    copied = Scored(*(np.repeat(column, 5) for column in vars(single).values()))
    assert compress(copied).masses.sum() == pytest.approx(compress(single).masses.sum())


def test_bins_keep_the_share_of_fakes() -> None:
    scored = simulated(5000)
    stored = compress(scored)
    assert np.average(stored.fakes, weights=stored.masses) == pytest.approx(0.5)
    assert np.all(np.diff(stored.logits) > 0)


def test_call_threshold_keeps_its_promises() -> None:
    scored = simulated(5000)
    scores = sigmoid(scored.logits + 2.0 * (scored.sources == "r1"))
    threshold = call_threshold(scores, scored.labels, scored.sources)
    real = scored.labels == 0
    assert np.mean(scores[real] >= threshold) <= 0.01
    for source in ("r0", "r1", "r2"):
        assert np.mean(scores[scored.sources == source] >= threshold) <= 0.03


def test_a_hard_source_of_many_pictures_raises_the_call_threshold() -> None:
    labels, sources = np.zeros(20_000, dtype=int), np.full(20_000, "easy", dtype="<U9")
    sources[:200], labels[-1] = "hard", 1
    scores = np.linspace(1, 0, 20_000)
    assert np.sum(scores[:200] >= call_threshold(scores, labels, sources)) == 6


def test_a_hard_source_of_few_pictures_does_not() -> None:
    labels, sources = np.zeros(20_000, dtype=int), np.full(20_000, "easy", dtype="<U9")
    sources[: JUDGED_SOURCE - 1], labels[-1] = "hard", 1
    scores = np.linspace(1, 0, 20_000)
    assert np.sum(scores[labels == 0] >= call_threshold(scores, labels, sources)) == 199


def test_call_threshold_stays_above_ties() -> None:
    scores, labels = np.full(500, 0.5), np.zeros(500, dtype=int)
    assert np.mean(scores >= call_threshold(scores, labels, np.full(500, "r"))) == 0


def test_clear_threshold_misses_few_fakes_of_an_average_generator() -> None:
    scored = simulated(5000)
    scores = sigmoid(scored.logits)
    fakes = scored.labels == 1
    mass = equal_weights(scored.labels, scored.sources)[fakes] * 2
    threshold = clear_threshold(scores, scored.labels, scored.sources)
    assert 0.04 < mass[scores[fakes] <= threshold].sum() <= 0.05


def test_clear_is_never_above_call(calibration: Calibration) -> None:
    easy = simulated()
    apart = Scored(easy.logits + 40 * easy.labels, easy.labels, easy.sources, easy.clusters)
    for fitted in (calibration, fit_calibration(apart, "apart")):
        assert fitted.clear.threshold <= fitted.call.threshold


def test_rates_of_the_operating_points_are_the_samples(calibration: Calibration) -> None:
    scored = simulated()
    scores = sigmoid(calibration.slope * scored.logits + calibration.intercept)
    called = np.mean(scores[scored.labels == 0] >= calibration.call.threshold)
    low, high = calibration.call.false_positive_interval
    assert calibration.call.false_positive_rate == pytest.approx(called)
    assert low < called < high


def test_calibration_survives_storage(calibration: Calibration) -> None:
    again = calibration_from_json(json.loads(json.dumps(calibration_to_json(calibration))))
    assert again.call == calibration.call
    assert again.clear == calibration.clear
    assert again.score(0.7) == calibration.score(0.7)
    assert again.interval(0.7) == pytest.approx(calibration.interval(0.7), abs=1e-4)


def test_logistic_weights_are_never_negative() -> None:
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 2, 500)
    rows: Reals = np.stack([rng.normal(labels), rng.normal(-labels)], axis=1)
    weights, _ = fit_logistic(rows, labels, np.full(500, 1 / 500), ridge=0.0)
    assert weights[0] > 0.5
    assert weights[1] == 0


def test_every_source_weighs_the_same() -> None:
    labels = np.asarray([0] * 9 + [0] + [1] * 4)
    sources: Names = np.asarray(["big"] * 9 + ["small"] + ["fake"] * 4)
    weights = equal_weights(labels, sources)
    for source, share in (("big", 0.25), ("small", 0.25), ("fake", 0.5)):
        assert weights[sources == source].sum() == pytest.approx(share)


def test_a_neighbourhood_of_one_bin_gives_the_add_one_rule() -> None:
    stored = Neighbourhood(np.asarray([0.0]), np.asarray([0.5]), np.asarray([8.0]))
    assert venn_abers_interval(stored, 1.0) == pytest.approx((4 / 9, 1.0))
