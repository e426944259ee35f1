"""Laws of the space of families: what it believes, when it names, and what it was fitted to."""

import dataclasses

import numpy as np
import pytest

from forensics.benchmark.family_fit import (
    ACCEPTED,
    calibrated,
    fit_space,
    held_out,
    parts_of,
    principal,
    threshold_for,
)
from forensics.benchmark.family_measures import learn, left_out_families, left_out_generators, said
from forensics.benchmark.family_page import page
from forensics.benchmark.family_rows import MAKERS, Rows, first_of_groups, learned_views
from forensics.errors import BrokenPlugin
from forensics.families import FAMILIES, FAMILY_OF, FamilySpace, beliefs_at, named
from forensics.schema import Floats
from forensics.training import Sample

WIDTH = 48
SOURCES = ("", *FAMILY_OF)


def centres() -> Floats:
    """One place a source; photographs lie in the middle."""
    places = np.random.default_rng(5).standard_normal((len(SOURCES), WIDTH)).astype(np.float32)
    return places * (np.arange(len(SOURCES)) > 0)[:, None]


def rows(each: int = 40, seed: int = 0, spread: float = 0.8, condition: str = "clean") -> Rows:
    rng = np.random.default_rng(seed)
    which = np.repeat(np.arange(len(SOURCES)), each)
    noise = rng.standard_normal((len(which), WIDTH)).astype(np.float32)
    return Rows(
        features=centres()[which] + np.float32(spread) * noise,
        sources=np.asarray(SOURCES)[which],
        groups=np.asarray([name or "street" for name in SOURCES])[which],
        clusters=np.arange(len(which)).astype(str),
        conditions=np.full(len(which), condition),
    )


@pytest.fixture(scope="module")
def space() -> FamilySpace:
    return learn(rows())[0]


def test_every_generator_belongs_to_one_family() -> None:
    members = [name for family in FAMILIES for name in family.generators]
    assert sorted(members) == sorted(FAMILY_OF)
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


def test_new_pictures_of_known_generators_are_named_rightly(space: FamilySpace) -> None:
    told = said(space, rows(seed=1))
    assert (told.given_name.truth == told.given_name.names).mean() > 0.95


def test_beliefs_are_shares_of_one(space: FamilySpace) -> None:
    beliefs = space.beliefs(rows(each=3, seed=2).features)
    assert beliefs.shape[1] == 1 + len(FAMILIES)
    assert (beliefs >= 0).all()
    np.testing.assert_allclose(beliefs.sum(axis=1), 1)


def test_beliefs_do_not_depend_on_the_batch(space: FamilySpace) -> None:
    features = rows(each=2, seed=3).features
    alone = np.concatenate([space.beliefs(one[None]) for one in features])
    np.testing.assert_allclose(space.beliefs(features), alone, atol=1e-6)


def test_what_lies_between_all_generators_is_unknown(space: FamilySpace) -> None:
    middle = centres()[1:].mean(axis=0, keepdims=True)
    assert space.names(middle).tolist() == [0]


def test_what_is_far_from_all_generators_is_unknown(space: FamilySpace) -> None:
    shown = rows(seed=1).features
    known = shown[space.names(shown) > 0][:1]
    away = 30 * (known - centres().mean(axis=0))
    assert len(known) == 1
    assert space.beliefs(away).max() > space.threshold
    assert space.names(away).tolist() == [0]


def test_no_family_is_named_that_is_less_likely_than_a_photograph() -> None:
    beliefs = np.asarray([[0.5, 0.4, 0.1], [0.4, 0.5, 0.1], [0.2, 0.3, 0.5]])
    assert named(beliefs, np.full(3, True), threshold=0.35).tolist() == [0, 1, 2]


def test_the_threshold_accepts_the_stated_share_of_what_it_was_set_on() -> None:
    truth = np.repeat([1, 2, 3], [200, 50, 100])
    beliefs = np.random.default_rng(0).dirichlet([0.5, 1, 1, 1], len(truth))
    near = np.random.default_rng(1).random(len(truth)) < 0.95
    taken = named(beliefs, near, threshold_for(0.6, beliefs, near, truth)) > 0
    alike = np.mean([taken[truth == number].mean() for number in (1, 2, 3)])
    assert alike == pytest.approx(0.6, abs=0.01)


def test_held_out_fakes_get_a_name_as_often_as_the_page_says() -> None:
    _, held = learn(rows(spread=2.5))
    fakes = held.fakes
    shares = [(fakes.names[fakes.truth == n] > 0).mean() for n in range(1, len(FAMILIES) + 1)]
    assert np.mean(shares) == pytest.approx(ACCEPTED, abs=0.02)


def test_distances_twice_as_large_are_divided_by_twice_as_much() -> None:
    shown = rows(spread=2.0)
    distances, families = held_out(shown, parts_of(shown))
    fitted = fit_space(shown)
    first = calibrated(fitted, distances, families, shown.families)
    second = calibrated(fitted, 2 * distances, families, shown.families)
    assert second.temperature == 2 * first.temperature
    assert second.threshold == pytest.approx(first.threshold)
    assert second.reach == pytest.approx(2 * first.reach)


def test_principal_directions_lose_nothing_where_there_are_as_many_as_features() -> None:
    shown = rows(each=20)
    basis = principal(shown.features)
    through = fit_space(shown.seen_through(basis)).after(basis)
    new = rows(each=3, seed=6).features
    assert basis.shape == (WIDTH, WIDTH)
    gap = np.abs(through.distances(new) - fit_space(shown).distances(new)).max()
    assert gap < 0.2 * fit_space(shown).distances(new).mean()


def test_principal_directions_are_those_of_largest_variance() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((500, 3)).astype(np.float32)
    mixed = hidden @ rng.standard_normal((3, WIDTH)).astype(np.float32)
    basis = principal(mixed, 3)
    kept = (mixed - mixed.mean(axis=0)) @ basis
    back = kept @ np.linalg.lstsq(kept, mixed - mixed.mean(axis=0), rcond=None)[0]
    np.testing.assert_allclose(back, mixed - mixed.mean(axis=0), atol=1e-3)


def test_what_shows_the_same_is_held_out_together() -> None:
    shown = rows()
    twice = dataclasses.replace(shown, clusters=np.resize(shown.clusters[:100], len(shown.sources)))
    parts = parts_of(twice)
    assert all(len(set(parts[twice.clusters == one].tolist())) == 1 for one in twice.clusters[:9])
    assert len(set(parts.tolist())) == 4


def test_a_file_gives_the_space_that_was_saved(space: FamilySpace) -> None:
    shown = rows(each=2, seed=4).features
    again = FamilySpace.read(space.tensors)
    np.testing.assert_allclose(again.beliefs(shown), space.beliefs(shown), atol=1e-2)
    assert again.threshold == pytest.approx(space.threshold)


def test_weights_for_other_families_are_refused(space: FamilySpace) -> None:
    other = np.frombuffer(b"stylegan\nsomething", np.uint8)
    with pytest.raises(BrokenPlugin, match="other families"):
        FamilySpace.read({**space.tensors, "names": other})


def test_generators_of_one_family_count_alike_however_many_it_has() -> None:
    families = np.asarray([0, 1, 1, 1, 2])
    beliefs = beliefs_at(np.zeros((1, 5)), families, temperature=1.0)
    np.testing.assert_allclose(beliefs[0, :3], 1 / 3)


def test_a_family_left_out_is_never_named(space: FamilySpace) -> None:
    for number, left in enumerate(left_out_families(rows(), space), 1):
        assert number not in left.calls.names
        assert set(left.calls.truth.tolist()) == {number}


def test_only_generators_with_siblings_are_left_out_alone(space: FamilySpace) -> None:
    titles = [left.title for left in left_out_generators(rows(each=12), space)]
    alone = {family.generators[0] for family in FAMILIES if len(family.generators) == 1}
    assert titles
    assert not alone & set(titles)


def test_the_page_has_a_row_for_every_family_and_source_of_photographs() -> None:
    shown = rows(each=12)
    space, held = learn(shown)
    left = list(left_out_families(shown, space))
    text = page(space, held, left, [said(space, rows(each=4, seed=8))])
    assert all(family.title in text for family in FAMILIES)
    assert "| street | 12 |" in text


def picture(number: int, generator: str = "") -> Sample:
    kind = int(bool(generator))
    return Sample(
        f"{generator}{number}.jpg", kind, generator, generator or "street", "A", "", False
    )


def test_a_smaller_cap_takes_part_of_what_a_larger_one_takes() -> None:
    samples = [picture(number, name) for number in range(30) for name in ("", "stylegan")]
    few, many = (first_of_groups(samples, most) for most in (5, 9))
    assert len(few) == 10
    assert {one.path for one in few} < {one.path for one in many}


def test_learned_views_show_photographs_fakes_and_whole_pictures_of_makers_with_a_family() -> None:
    views = learned_views([picture(number) for number in range(200)])
    twins = {view.twin for view in views if view.twin}
    assert twins == set(MAKERS) & set(FAMILY_OF)
    assert all(view.shown.kind == 1 for view in views if view.twin)
