"""Laws of the tests of differences: each agrees with a slow twin, a known value, and the null."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from forensics.benchmark.intervals import draw_rows
from forensics.benchmark.metrics import auc
from forensics.benchmark.significance import delong, holm, paired_bootstrap, signed_rank
from forensics.statistics import Labels, Names, Reals


def two_detectors(seed: int = 0, gain: float = 0.0) -> tuple[Labels, Reals, Reals]:
    rng = np.random.default_rng(seed)
    labels = (rng.random(150) < 0.4).astype(int)
    shared = rng.normal(0.8 * labels)
    first = np.round(shared + rng.normal(0, 0.7, 150), 1)
    return labels, first, np.round(shared + gain * labels + rng.normal(0, 0.7, 150), 1)


def alone(labels: Labels) -> Names:
    return np.arange(len(labels)).astype(str)


def delong_by_hand(labels: Labels, first: Reals, second: Reals) -> tuple[float, float]:
    """Difference and standard error by the paper's sums over all pairs."""
    fakes, reals = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    v10, v01 = np.zeros((2, len(fakes))), np.zeros((2, len(reals)))
    for k, scores in enumerate((first, second)):
        for a, i in enumerate(fakes):
            for b, j in enumerate(reals):
                psi = 1.0 * (scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j])
                v10[k, a] += psi / len(reals)
                v01[k, b] += psi / len(fakes)
    s = np.cov(v10) / len(fakes) + np.cov(v01) / len(reals)
    areas = v10.mean(1)
    return areas[1] - areas[0], float(np.sqrt(s[0, 0] + s[1, 1] - 2 * s[0, 1]))


@pytest.mark.parametrize("seed", range(4))
def test_delong_agrees_with_the_sums_of_the_paper(seed: int) -> None:
    labels, first, second = two_detectors(seed, gain=0.5)
    value, error = delong_by_hand(labels, first, second)
    found = delong(labels, first, second, alone(labels))
    assert found.value == pytest.approx(value)
    assert found.value == pytest.approx(auc(labels, second) - auc(labels, first))
    assert found.high - found.low == pytest.approx(2 * 1.959964 * error)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(value) / error))


def test_copies_of_every_picture_prove_nothing_once_they_share_a_cluster() -> None:
    labels, first, second = two_detectors(1, gain=0.5)
    once = delong(labels, first, second, alone(labels))
    copied, names = np.repeat(labels, 3), np.repeat(alone(labels), 3)
    both = np.repeat(first, 3), np.repeat(second, 3)
    assert delong(copied, *both, names).p == pytest.approx(once.p)
    assert delong(copied, *both, alone(copied)).p < once.p


def test_clusters_that_hold_both_classes_agree_with_the_bootstrap() -> None:
    rng = np.random.default_rng(0)
    pairs = np.repeat(np.arange(200), 2)
    labels = np.tile([0, 1], 200)
    content = rng.normal(0, 1, 200)[pairs]
    first, second = (content * w + 0.6 * labels + rng.normal(0, 0.8, 400) for w in (1.0, 0.2))
    found = delong(labels, first, second, pairs.astype(str))
    drawn = draw_rows(pairs.astype(str), np.full(400, ""), rounds=2000, seed=0)
    twin = paired_bootstrap(labels, first, second, [np.ones(400, bool)], [drawn])
    assert (found.low, found.high) == pytest.approx((twin.low, twin.high), abs=0.01)


def test_equal_detectors_do_not_differ() -> None:
    labels, first, _ = two_detectors()
    found = delong(labels, first, first, alone(labels))
    assert (found.value, found.p) == (0, 1)


@pytest.mark.parametrize("test", ["delong", "bootstrap"])
def test_five_in_a_hundred_nulls_are_significant(test: str) -> None:
    hits = 0
    for seed in range(120):
        labels, first, second = two_detectors(seed)
        if test == "delong":
            hits += delong(labels, first, second, alone(labels)).p < 0.05
        else:
            drawn = draw_rows(alone(labels), np.full(150, ""), rounds=120, seed=seed)
            members = [np.ones(150, bool)]
            hits += paired_bootstrap(labels, first, second, members, [drawn]).p < 0.05
    # 6 are expected; 0 to 14 hold all but .2 % of the binomial distribution.
    assert hits <= 14


def test_the_bootstrap_of_a_mean_agrees_with_rows_written_out() -> None:
    labels, first, second = two_detectors(2, gain=0.4)
    rng = np.random.default_rng(0)
    members = [(labels == 0) | (rng.random(150) < 0.5) for _ in range(3)]
    drawn = draw_rows(alone(labels), np.full(150, ""), rounds=60, seed=9)
    gaps = []
    for times in drawn.astype(int):
        of_one = []
        for m in members:
            rows = np.repeat(np.flatnonzero(m), times[m])
            of_one.append(auc(labels[rows], second[rows]) - auc(labels[rows], first[rows]))
        gaps.append(np.mean(of_one))
    found = paired_bootstrap(labels, first, second, members, [drawn])
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(gaps, [0.025, 0.975])))


def signed_rank_by_hand(differences: Reals) -> float:
    """Every assignment of signs, one by one."""
    known = differences[differences != 0]
    ranks = stats.rankdata(np.abs(known))
    seen = min(ranks[known > 0].sum(), ranks[known < 0].sum())
    sums = [ranks[np.asarray(signs)].sum() for signs in product([False, True], repeat=len(known))]
    return min(1.0, 2 * float(np.mean(np.asarray(sums) <= seen)))


@pytest.mark.parametrize("seed", range(5))
def test_signed_ranks_agree_with_every_assignment_of_signs(seed: int) -> None:
    differences = np.round(np.random.default_rng(seed).normal(0.3, 1, 11), 1)
    assert signed_rank(differences) == pytest.approx(signed_rank_by_hand(differences))


def test_signed_ranks_agree_with_scipy_without_ties_and_beyond_fifty() -> None:
    rng = np.random.default_rng(0)
    few, many = rng.normal(0.3, 1, 30), rng.normal(0.1, 1, 80)
    assert signed_rank(few) == pytest.approx(stats.wilcoxon(few, method="exact").pvalue)
    twin = stats.wilcoxon(many, correction=True, method="approx").pvalue
    assert signed_rank(many) == pytest.approx(twin, abs=1e-3)


def test_signed_ranks_give_the_published_value() -> None:
    # Darwin's fifteen pairs of maize, as in SciPy's documentation: the negative ranks sum to 24.
    maize = np.asarray([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48.0])
    assert signed_rank(maize) == pytest.approx(0.0413, abs=5e-5)


def test_nothing_to_compare_is_no_difference() -> None:
    assert signed_rank(np.zeros(5)) == 1


def test_holm_gives_the_textbook_values() -> None:
    # Wright 1992 and R's p.adjust: ordered p-values times m, m - 1, ..., never falling.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []
