"""Laws of the figures of many resamples: each is what the slow functions give on those rows."""

import numpy as np
import pytest

from forensics.benchmark import metrics
from forensics.benchmark.intervals import (
    Answers,
    auc_of_draws,
    draw_rows,
    figures,
    interval,
    mean_over_groups,
)
from forensics.statistics import Reals, equal_weights


def answers(count: int = 120, seed: int = 0) -> Answers:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    sources = np.where(labels == 1, "gan", np.where(np.arange(count) % 6 == 0, "phone", "camera"))
    drawn: Reals = np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0, 1)
    scores = np.round(drawn, 2)
    return Answers(labels, sources, scores * 3 - 1, scores, scores > 0.7, scores < 0.3)


def repeated(given: Answers, times: Reals) -> Answers:
    """The rows of a resample, written out."""
    rows = np.repeat(np.arange(len(times)), times.astype(int))
    return Answers(*(getattr(given, name)[rows] for name in vars(given)))


@pytest.mark.parametrize("seed", range(3))
def test_ranking_figures_are_those_of_the_rows_written_out(seed: int) -> None:
    given = answers(seed=seed)
    drawn = draw_rows(np.arange(120).astype(str), given.sources, rounds=5, seed=seed)
    found = figures(given, drawn, limit=0.05)
    for index, times in enumerate(drawn):
        rows = repeated(given, times)
        assert found["auc"][index] == pytest.approx(metrics.auc(rows.labels, rows.ranking))
        assert found["eer"][index] == pytest.approx(metrics.eer(rows.labels, rows.ranking))
        assert found["ap"][index] == pytest.approx(
            metrics.average_precision(rows.labels, rows.ranking)
        )
        assert found["tpr"][index] == pytest.approx(
            metrics.tpr_at_fpr(rows.labels, rows.ranking, 0.05)
        )
        assert found["accuracy_real"][index] == pytest.approx(
            1 - rows.called[rows.labels == 0].mean()
        )
        assert found["accuracy_fake"][index] == pytest.approx(rows.called[rows.labels == 1].mean())


def test_calibration_figures_are_at_one_fake_in_two_with_equal_sources() -> None:
    given = answers()
    mass = equal_weights(given.labels, given.sources)
    found = figures(given, np.ones((1, 120)), limit=0.05)
    assert found["ece"][0] == pytest.approx(metrics.ece(given.labels, given.scores, mass))
    assert found["brier"][0] == pytest.approx(metrics.brier(given.labels, given.scores, mass))
    answered = given.called | given.cleared
    right = np.where(given.labels == 1, given.called, given.cleared)
    assert found["answered"][0] == pytest.approx(mass @ answered)
    assert found["answered_accuracy"][0] == pytest.approx(
        mass @ (answered & right) / (mass @ answered)
    )


def test_clusters_are_drawn_whole_and_as_many_in_each_stratum_as_it_has() -> None:
    clusters = np.asarray(["a", "a", "b", "c", "d", "e", "e"])
    strata = np.asarray(["", "", "", "", "gan", "gan", "gan"])
    drawn = draw_rows(clusters, strata, rounds=200, seed=0)
    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert (drawn[:, 5] == drawn[:, 6]).all()
    assert (drawn[:, [0, 2, 3]].sum(1) == 3).all()
    assert (drawn[:, [4, 5]].sum(1) == 2).all()


def test_a_swap_and_its_target_are_drawn_together() -> None:
    clusters = np.asarray(["pair", "alone", "pair", "other"])
    drawn = draw_rows(clusters, np.asarray(["", "", "swap", "swap"]), rounds=100, seed=0)
    assert (drawn[:, 0] == drawn[:, 2]).all()
    assert (drawn[:, 0] + drawn[:, 3] == 2).all()


def test_the_interval_agrees_with_the_slow_bootstrap() -> None:
    given = answers(400)
    clusters = (np.arange(400) // 4).astype(str)
    fast = figures(given, draw_rows(clusters, np.full(400, ""), rounds=2000, seed=1), limit=0.05)
    slow = metrics.cluster_bootstrap(
        clusters, lambda rows: metrics.auc(given.labels[rows], given.ranking[rows]), seed=2
    )
    assert interval(fast["auc"]) == pytest.approx(slow, abs=0.01)


def test_a_mean_draws_groups_and_then_clusters() -> None:
    # Three groups that differ far more than their rows do: only a draw of groups is this wide.
    rng = np.random.default_rng(0)
    groups = np.repeat(["a", "b", "c"], 50)
    values = np.repeat([0.2, 0.5, 0.8], 50) + rng.normal(0, 0.01, 150)
    clusters = np.arange(150).astype(str)
    drawn = draw_rows(clusters, groups, rounds=2000, seed=3)
    by_group = {g: (drawn * values)[:, groups == g].sum(1) / 50 for g in "abc"}
    slow = metrics.group_mean_bootstrap(
        groups, clusters, lambda rows: float(values[rows].mean()), seed=4
    )
    assert interval(mean_over_groups(by_group, seed=5)) == pytest.approx(slow, abs=0.02)


def test_a_resample_without_fakes_has_no_figure_and_does_not_count() -> None:
    given = answers(10)
    drawn = np.stack([np.ones(10), (given.labels == 0) * 2.0])
    found = figures(given, drawn, limit=0.05)
    assert np.isnan(found["auc"][1])
    assert np.isnan(found["tpr"][1])
    assert interval(found["auc"]) == (found["auc"][0], found["auc"][0])


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    given = answers()
    drawn = draw_rows(np.arange(120).astype(str), given.sources, rounds=7, seed=0)
    whole = figures(given, drawn, limit=0.01)
    monkeypatch.setattr("forensics.benchmark.intervals._BLOCK", 240)
    parts = figures(given, drawn, limit=0.01)
    assert all(parts[name] == pytest.approx(whole[name]) for name in whole)


def test_the_area_alone_is_the_area_among_all_figures() -> None:
    given = answers(200)
    drawn = draw_rows(np.arange(200).astype(str), given.sources, rounds=50, seed=0)
    drawn[7, given.labels == 1] = 0
    alone = auc_of_draws(given.labels, given.ranking, drawn)
    assert alone == pytest.approx(figures(given, drawn, limit=0.05)["auc"], nan_ok=True)
    assert np.isnan(alone[7])
