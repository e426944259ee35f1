import json
from dataclasses import replace

import numpy as np
import pytest

from forensics.errors import NotCalibrated
from forensics.faces.embed import load_matcher
from forensics.faces.likeness import (
    Likeness,
    chance_in_gallery,
    from_json,
    load_likeness,
    to_json,
)
from forensics.faces.storage import Record
from forensics.faces.strangers import all_pairs, fitted_tail, measure
from forensics.faces.vectors import clusters
from forensics.schema import Floats


def people(count: int, pictures: int, seed: int = 0) -> tuple[Floats, list[str]]:
    """Vectors of `count` people in two kinds of looks, `pictures` of each."""
    rng = np.random.default_rng(seed)
    looks = np.repeat(rng.standard_normal((2, 16)), (count + 1) // 2, axis=0)[:count]
    centres = looks + 1.5 * rng.standard_normal((count, 16))
    rows = np.repeat(centres, pictures, axis=0)
    rows = rows + 0.4 * rng.standard_normal(rows.shape)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return rows, [f"p{number // pictures}" for number in range(len(rows))]


@pytest.fixture(scope="module")
def likeness() -> Likeness:
    return measure(*people(120, 2), matcher="m 1", measured_on="made")


def test_every_pair_is_counted_once(likeness: Likeness) -> None:
    assert likeness.genuine.sum() == 120
    assert likeness.everyone.counts.sum() == 240 * 239 // 2 - 120
    assert likeness.everyone.people_pairs == 120 * 119 // 2


def test_the_rate_is_the_share_of_strangers_as_alike(likeness: Likeness) -> None:
    rows, who = people(120, 2)
    cosines, first, second = all_pairs(rows)
    strangers = cosines[[who[i] != who[j] for i, j in zip(first, second, strict=True)]]
    for cosine in (-0.2, 0.0, 0.31, 0.5):
        counted = np.mean(strangers >= cosine)
        assert likeness.everyone.rate(cosine) == pytest.approx(counted, rel=0.05, abs=1e-3)


def test_a_rate_never_grows_with_the_cosine(likeness: Likeness) -> None:
    rates = [likeness.rate(cosine)[0] for cosine in np.linspace(-1, 1, 2001)]
    assert np.all(np.diff(rates) <= 1e-12)
    assert rates[0] == 1


def test_a_rate_is_never_smaller_than_the_pairs_can_show(likeness: Likeness) -> None:
    rate, at_most = likeness.rate(1.0)
    assert at_most
    assert rate == max(likeness.everyone.floor, likeness.alike.floor)


def test_the_larger_rate_is_said(likeness: Likeness) -> None:
    for cosine in (0.3, 0.5, 0.7):
        rates = likeness.everyone.rate(cosine), likeness.alike.rate(cosine)
        assert likeness.rate(cosine)[0] == max(rates)
        assert rates[1] > rates[0]


def test_the_tail_of_exponential_excesses_is_found() -> None:
    cosines = np.random.default_rng(0).exponential(0.05, 400_000)
    tail = fitted_tail(cosines)
    for rate in (1e-3, 1e-4, 1e-5):
        assert tail.beyond(-0.05 * np.log(rate)) == pytest.approx(rate, rel=0.35)


def test_clusters_hold_like_looks_together() -> None:
    rows = np.repeat(np.eye(3, 16, dtype=np.float32), 10, axis=0)
    groups = clusters(rows, 3, seed=1).reshape(3, 10)
    assert (groups == groups[:, :1]).all()


def test_the_chance_in_a_gallery_counts_everybody() -> None:
    assert chance_in_gallery(0.001, 1) == pytest.approx(0.001)
    assert chance_in_gallery(0.001, 1000) == pytest.approx(1 - 0.999**1000)
    assert chance_in_gallery(1.0, 3) == 1


def test_words_follow_the_rate(likeness: Likeness) -> None:
    assert likeness.statement(0.1, people=10) == "No resemblance worth mentioning."
    rare = next(x for x in np.linspace(0, 1, 1001) if likeness.rate(x)[0] <= 0.005)
    assert likeness.statement(rare, people=10).startswith("One in 200 strangers looks this alike")
    assert "ess than one in" in likeness.statement(1.0, people=10)


def test_the_strongest_words_need_a_rate_and_a_likeness_usual_for_one_person(
    likeness: Likeness,
) -> None:
    enough = replace(
        likeness,
        everyone=replace(likeness.everyone, people_pairs=10**6),
        alike=replace(likeness.alike, people_pairs=10**6),
    )
    assert enough.statement(0.999, people=10).startswith("Would pass as the same person: ")
    never = replace(enough, genuine=np.eye(1, 400, 399, dtype=np.int64)[0])
    assert not never.statement(0.99, people=10).startswith("Would pass")


def test_a_match_carries_its_figures(likeness: Likeness) -> None:
    record = Record("Ada", "ada.jpg", "ab", 0, "asked", "now")
    match = likeness.match(record, 0.6, 0.55, people=50)
    assert (match.label, match.source, match.sha256) == ("Ada", "ada.jpg", "ab")
    assert (match.similarity, match.adjusted) == (0.6, 0.55)
    assert match.false_match_rate == likeness.rate(0.55)[0]
    assert match.in_gallery == chance_in_gallery(match.false_match_rate, 50)


def test_distributions_survive_being_written(likeness: Likeness) -> None:
    again = from_json(json.loads(json.dumps(to_json(likeness))))
    for cosine in (-0.5, 0.2, 0.6, 0.9):
        assert again.rate(cosine) == likeness.rate(cosine)


def test_what_ships_holds_no_vector_and_belongs_to_the_matcher() -> None:
    card = load_matcher().card
    facts = to_json(load_likeness(card))
    assert set(facts["everyone"]) == {"counts", "tail", "people_pairs"}
    with pytest.raises(NotCalibrated, match="other weights"):
        load_likeness(replace(card, score_version=99))


def test_a_matcher_without_distributions_names_the_command() -> None:
    card = replace(load_matcher().card, name="unheard")
    with pytest.raises(NotCalibrated, match="faces calibrate --matcher unheard"):
        load_likeness(card)
