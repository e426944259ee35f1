"""Laws of references: what resembles them, what eight bits keep, and where the limit lies."""

import numpy as np
import pytest

from forensics.benchmark.reference_fit import (
    FLAGGED,
    Form,
    evenly,
    fit_references,
    left_out_similarities,
    limit_at,
)
from forensics.benchmark.reference_page import find
from forensics.benchmark.token_rows import TokenRows
from forensics.references import References, placed
from forensics.schema import Floats

WIDTH, VARIED = 64, 8
"""Numbers of a token, and along how many directions the known ones differ."""
SOURCES = ("camera", "scans", "gan", "diffusion")


def rows(count: int = 400, seed: int = 0) -> TokenRows:
    """Four sources, a fold each, around centres of their own in the same few directions."""
    which, fixed = np.arange(count) % len(SOURCES), np.random.default_rng(7)
    centres, mixing = fixed.normal(0, 0.5, (4, VARIED)), fixed.normal(0, 1, (VARIED, WIDTH))
    rng = np.random.default_rng(seed)
    varied = centres[which] + rng.normal(0, 1, (count, VARIED))
    return TokenRows(
        tokens=(varied @ mixing + rng.normal(0, 0.1, (count, WIDTH))).astype(np.float32),
        labels=which // 2,
        sources=np.asarray(SOURCES)[which],
        clusters=np.arange(count).astype(str),
        folds=np.asarray(list("ABCD"))[which],
        checks=np.zeros(count, bool),
        conditions=np.repeat("clean", count),
    )


def strangers(count: int = 5) -> Floats:
    """Tokens that differ in all directions alike."""
    return np.random.default_rng(1).normal(0, 3, (count, WIDTH)).astype(np.float32)


@pytest.fixture
def references() -> References:
    return fit_references(rows(), Form(directions=VARIED, count=100))


def test_a_reference_resembles_itself_wholly() -> None:
    form = Form(directions=WIDTH, count=400, neighbour=1, eight_bits=False)
    assert fit_references(rows(), form).similarities(rows().tokens) == pytest.approx(1, abs=1e-5)


def test_what_lies_outside_of_the_directions_makes_unlike(references: References) -> None:
    token = rows().tokens[:1]
    standard = (token - references.middle) / references.scale
    inside = standard @ references.directions @ references.directions.T
    outside = np.float32(100) * (standard - inside)
    away = np.asarray((inside + outside) * references.scale + references.middle, np.float32)
    assert references.similarity(away) < references.similarity(token) / 2


def test_a_farther_neighbour_is_never_more_similar() -> None:
    tokens = rows(40, seed=3).tokens
    near = [
        fit_references(rows(), Form(VARIED, 100, neighbour=k)).similarities(tokens)
        for k in (1, 3, 9)
    ]
    assert (near[0] >= near[1]).all()
    assert (near[1] >= near[2]).all()


def test_similarity_is_the_cosine_found_by_a_slow_search() -> None:
    form = Form(directions=WIDTH, count=50, neighbour=3, eight_bits=False)
    found, tokens = fit_references(rows(), form), rows(20, seed=3).tokens
    everything = np.eye(WIDTH, dtype=np.float32)
    places = placed(tokens, found.middle, found.scale, everything) @ found.directions
    slow = [sorted(float(place @ one) for one in found.places)[-3] for place in places]
    assert found.similarities(tokens) == pytest.approx(slow, abs=1e-5)


def test_a_picture_is_as_similar_as_its_middle_crop(references: References) -> None:
    crops = rows(3, seed=5).tokens
    assert references.similarity(crops) == pytest.approx(
        sorted(references.similarities(crops).tolist())[1]
    )


def test_most_crops_decide(references: References) -> None:
    crops = np.concatenate([rows(1).tokens, strangers(2)])
    alone = references.similarities(strangers(2))
    assert references.similarity(crops) == pytest.approx(float(alone.max()))


def test_a_constant_number_breaks_nothing() -> None:
    table = rows()
    table.tokens[:, 0] = 4.0
    assert np.isfinite(fit_references(table).similarities(table.tokens)).all()


def test_eight_bits_change_similarities_little() -> None:
    tokens = rows(100, seed=3).tokens
    exact = fit_references(rows(), Form(VARIED, 100, eight_bits=False))
    assert exact.stored().similarities(tokens) == pytest.approx(
        exact.similarities(tokens), abs=0.02
    )


def test_what_was_stored_is_read_as_it_was_used(references: References) -> None:
    limited = references.limited(0.25)
    again = References.read(limited.tensors)
    assert (again.neighbour, again.limit) == (limited.neighbour, 0.25)
    np.testing.assert_array_equal(again.places, limited.places)
    np.testing.assert_allclose(again.directions, limited.directions, atol=1e-7)


def test_sources_give_as_many_references_as_they_can_up_to_the_same_number() -> None:
    sources = np.asarray(["large"] * 90 + ["small"] * 3)
    kept = sources[evenly(sources, 20, np.random.default_rng(0))]
    assert (kept == "small").sum() == 3
    assert (kept == "large").sum() == 17


def test_no_more_references_than_rows_are_kept() -> None:
    chosen = evenly(np.repeat("one", 5), 20, np.random.default_rng(0))
    assert sorted(chosen.tolist()) == [0, 1, 2, 3, 4]


def test_left_out_rows_never_meet_references_of_their_fold() -> None:
    # Fold D's rows are moved away together: they resemble one another, and nothing else.
    table = rows()
    table.tokens[table.folds == "D"] += strangers(1)
    form = Form(directions=WIDTH, count=400, neighbour=1)
    similarities = left_out_similarities(table, form)
    known = fit_references(table, form).similarities(table.tokens)
    moved = table.folds == "D"
    assert similarities[moved].max() < similarities[~moved].mean() < known[moved].min()


@pytest.mark.parametrize("share", [0.0, 0.021, 0.103])
def test_at_most_the_share_stays_below_the_limit_and_a_higher_limit_has_more(share: float) -> None:
    table = rows()
    similarities = np.random.default_rng(0).permutation(len(table)).astype(np.float32)
    limit = limit_at(similarities, table, share)
    assert (similarities < limit).mean() <= share < (similarities < limit + 1).mean()


def test_sources_count_alike_in_the_limit() -> None:
    # All that is unlike comes from one source out of four; more of its rows change nothing.
    table = rows()
    similarities = np.where(table.sources == "scans", np.arange(400) / 800, 0.9).astype(np.float32)
    more = np.concatenate([np.arange(400), np.flatnonzero(table.sources == "scans")])
    twice = TokenRows(*(column[more] for column in vars(table).values()))
    assert limit_at(similarities[more], twice) == pytest.approx(limit_at(similarities, table))


def test_strangers_stay_below_the_limit_and_new_rows_of_known_sources_do_not() -> None:
    references = find(rows(), Form(directions=VARIED, count=100)).references
    new = references.similarities(rows(400, seed=9).tokens)
    assert (new < references.limit).mean() <= 2 * FLAGGED
    assert (references.similarities(strangers()) < references.limit).all()


def test_the_same_rows_give_the_same_references() -> None:
    first, second = (fit_references(rows()).tensors for _ in range(2))
    assert all((first[name] == second[name]).all() for name in first)
