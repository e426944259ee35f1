from dataclasses import replace

import numpy as np
import pytest

from forensics.report import rates
from forensics.schema import OperatingPoint

POINT = OperatingPoint("call", 0.9, 0.01, (0.005, 0.02), 0.5, (0.4, 0.6), "a made-up set")


def test_the_share_of_fakes_among_calls_is_that_of_a_counted_crowd() -> None:
    fakes, reals = 1_000, 9_000
    called_fakes, called_reals = 0.5 * fakes, 0.01 * reals
    counted = called_fakes / (called_fakes + called_reals)
    assert rates.fake_share_called(POINT, 10).share == pytest.approx(counted)


def test_the_share_of_fakes_among_the_cleared_is_that_of_a_counted_crowd() -> None:
    fakes, reals = 1_000, 99_000
    below_fakes, below_reals = 0.5 * fakes, 0.99 * reals
    counted = below_fakes / (below_fakes + below_reals)
    assert rates.fake_share_cleared(POINT, 100).share == pytest.approx(counted)


@pytest.mark.parametrize("share", [rates.fake_share_called, rates.fake_share_cleared])
@pytest.mark.parametrize("one_in", rates.ONE_FAKE_IN)
def test_the_interval_contains_the_share(share: object, one_in: int) -> None:
    assert callable(share)
    meaning = share(POINT, one_in)
    assert meaning.low <= meaning.share <= meaning.high


def test_the_rarer_fakes_are_the_less_a_call_means() -> None:
    shares = [meaning.share for meaning in rates.meanings(POINT)]
    assert np.all(np.diff(shares) < 0)


def test_a_point_that_nothing_reaches_leaves_the_share_at_the_outset() -> None:
    never = OperatingPoint("call", 1.0, 0.0, (0.0, 0.0), 1.0, (1.0, 1.0), "a made-up set")
    assert rates.fake_share_called(never, 10).share == pytest.approx(0.1)


def test_the_sentences_name_all_three_frequencies() -> None:
    _, consequence = rates.rate_sentences([POINT])
    assert all(f"in {one_in} is" in consequence for one_in in rates.ONE_FAKE_IN)


NOTHING = OperatingPoint("clear", 0.1, 1.0, (0.99, 1.0), 0.0, (0.0, 0.01), "a made-up set")


def test_where_nothing_is_cleared_no_threshold_and_no_share_is_named() -> None:
    assert rates.clears_nothing(NOTHING)
    assert rates.rate_sentences([NOTHING]) == [rates.NOTHING_CLEARED]
    cleared = replace(NOTHING, false_positive_rate=0.9)
    assert not rates.clears_nothing(cleared)
    assert "Below 0.100" in rates.rate_sentences([cleared])[0]
    assert not rates.clears_nothing(replace(NOTHING, name="call"))
