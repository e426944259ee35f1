"""Laws of the subgroups: what divides pictures, and what their rates mean."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from forensics.benchmark.book import Book
from forensics.benchmark.datasets import PictureStore
from forensics.benchmark.evaluation import Judged
from forensics.benchmark.results_page import Board
from forensics.benchmark.subgroups import (
    FEWEST,
    HIGHEST,
    LARGE_FACE,
    Traits,
    face_name,
    groupings,
    places,
    rates,
    thirds,
    tone_name,
    traits_of,
    typology_angle,
)
from forensics.benchmark.tables import Rows
from forensics.commands import subgroups as command
from forensics.schema import Face, Image
from forensics.training import Sample

COUNT = 400


def skin(lightness: float, yellow: float, red: float = 12.0) -> Image:
    """One colour given in L*a*b*, (200, 200, 3) uint8 RGB."""
    colour = cv2.cvtColor(np.asarray([[[lightness, red, yellow]]], np.float32), cv2.COLOR_LAB2RGB)
    return np.tile(np.rint(255 * colour).astype(np.uint8), (200, 200, 1))


def face(side: float = 120.0, left: float = 40.0) -> Face:
    """An upright face in the proportions of MTCNN's landmarks."""
    points = np.asarray([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)
    corner = np.asarray([left, 40], np.float32)
    box = np.concatenate([corner, corner + np.float32(side)])
    return Face(box, points * np.float32(side) + corner, 1.0)


def rows(count: int = COUNT) -> Rows:
    labels = np.arange(count) % 2
    generators = np.where(labels == 1, "gan", "")
    folds = np.where(np.arange(count) < count // 2, "A", "B")
    sources = np.where(np.arange(count) % 4 < 2, "street", "studio")
    return Rows(labels, generators, sources, np.arange(count).astype(str), folds)


@pytest.mark.parametrize(("lightness", "yellow"), [(70, 15), (60, 20), (50, 18), (38, 14)])
def test_the_typology_angle_is_that_of_the_colour_of_the_cheeks(
    lightness: float, yellow: float
) -> None:
    expected = np.degrees(np.arctan2(lightness - 50, yellow))
    assert typology_angle(skin(lightness, yellow), face()) == pytest.approx(expected, abs=1.5)


def test_the_typology_angle_does_not_look_beside_the_cheeks() -> None:
    image = skin(65, 18)
    known = typology_angle(image, face())
    cheeks = np.zeros(image.shape[:2], bool)
    cheeks[95:125, 65:135] = True
    image[~cheeks] = (0, 0, 255)
    assert typology_angle(image, face()) == known


@pytest.mark.parametrize(
    ("image", "seen"),
    [
        (skin(60, 0, 0), face()),
        (skin(60, -20), face()),
        (skin(60, 18), face(side=31)),
        (skin(60, 18), face(left=400)),
    ],
    ids=["grey", "blue", "small", "outside"],
)
def test_no_angle_where_skin_cannot_be_measured(image: Image, seen: Face) -> None:
    assert typology_angle(image, seen) is None


def test_lighter_skin_is_never_in_a_darker_class() -> None:
    order = [tone_name(angle) for angle in np.linspace(-89, 89, 400)]
    names = list(dict.fromkeys(order))
    assert names == ["dark", "brown", "tan", "intermediate", "light", "very light"]
    assert tone_name(None) == "not measurable"


def test_face_sizes_have_the_ends_that_their_names_say() -> None:
    sizes = {0.0: "no face found", 63.9: "under 64 px", 64.0: "64 to 127 px", 128.0: LARGE_FACE}
    assert {size: face_name(size) for size in sizes} == sizes


def test_thirds_divide_the_real_pictures_alike_whatever_the_fakes_are() -> None:
    values = np.arange(300.0)
    reals = np.arange(300) % 2 == 0
    names = np.asarray(thirds(np.where(reals, values, -5.0), reals))
    assert {name: int((names[reals] == name).sum()) for name in set(names)} == {
        "lowest third": 50,
        "middle third": 50,
        "highest third": 50,
    }
    assert set(names[~reals]) == {"lowest third"}


def test_real_pictures_have_a_mean_place_of_one_half_in_every_fold() -> None:
    given = rows()
    scores = np.random.default_rng(0).standard_normal(COUNT) + 5 * (given.folds == "B")
    found = places(scores, given, given.folds)
    for fold in "AB":
        chosen = (given.labels == 0) & (given.folds == fold)
        assert found[chosen].mean() == pytest.approx(0.5)


def test_ties_count_half_and_fakes_without_reals_have_no_place() -> None:
    given = replace(rows(), groups=np.where(rows().labels == 1, "gan", "street"))
    assert set(places(np.zeros(COUNT), given, given.folds).tolist()) == {0.5}
    by_source = places(np.zeros(COUNT), given, given.groups)
    assert np.isnan(by_source[given.labels == 1]).all()


def test_a_subgroup_that_scores_higher_shows_in_its_place_and_not_in_its_sources_tenth() -> None:
    given = rows()
    scores = np.random.default_rng(1).standard_normal(COUNT) + 9 * (given.groups == "street")
    chosen = given.groups == "street"
    found = rates(
        chosen,
        given,
        places(scores, given, given.folds),
        places(scores, given, given.groups),
        scores > 9,
    )
    place, tenth, called = (found[name] for name in ("mean place", "of its source", "called fake"))
    assert place is not None
    assert place.value == pytest.approx(0.75)
    assert tenth is not None
    assert tenth.value == pytest.approx(1 - HIGHEST, abs=0.02)
    assert called is not None
    assert called.low < called.value < called.high


def test_few_pictures_give_no_rates() -> None:
    given = rows()
    few = np.arange(COUNT) < 2 * FEWEST - 2
    even = np.full(COUNT, 0.5)
    assert set(rates(few, given, even, even, even > 1).values()) == {None}
    enough = np.arange(COUNT) < 2 * FEWEST
    assert None not in rates(enough, given, even, even, even > 1).values()


def test_every_picture_is_in_one_subgroup_of_each_kind() -> None:
    given = rows(4)
    traits = [Traits(None, 0, 1, 20), Traits(60, 80, 2, 30), Traits(0, 40, 3, 40)]
    found = groupings([*traits, Traits(-40, 200, 4, 50)], given)
    assert found["skin tone (typology angle)"] == ["not measurable", "very light", "brown", "dark"]
    assert found["face size"] == ["no face found", "64 to 127 px", "under 64 px", LARGE_FACE]


def test_a_picture_without_a_face_has_neither_tone_nor_size() -> None:
    traits = traits_of(skin(60, 18))
    assert (traits.tone, traits.face) == (None, 0.0)
    assert traits.energy == pytest.approx(0, abs=1e-3)


def test_traits_are_measured_once(tmp_path: Path) -> None:
    reads: list[str] = []

    class Store(PictureStore):
        def read(self, sample: Sample) -> Image:
            reads.append(sample.path)
            return skin(60, 18)

    store = Store(tmp_path, tmp_path)
    samples = [
        Sample(path, 0, generator="", group="s", fold="A", cluster=path, check=False)
        for path in "ab"
    ]
    first = command.measured(samples, store, Book(tmp_path / "traits.jsonl"))
    again = command.measured(samples, store, Book(tmp_path / "traits.jsonl"))
    assert first == again
    assert reads == ["a", "b"]


def test_the_table_counts_everybody_and_leaves_blank_what_is_too_few() -> None:
    given = rows()
    scores = np.linspace(0, 1, COUNT)
    judged = Judged(scores, scores, scores > 0.9, scores < 0.1)
    board = Board([], given, {}, {"clean": judged}, [])
    names = ["few" if index < 4 else "many" for index in range(COUNT)]
    page = command.table(board, "clean", "test", names)
    assert "| many | 198 | 198 |" in page
    assert "| few | 2 | 2 |  |  |" in page
