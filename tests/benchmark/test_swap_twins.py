"""Laws of twins by a swapper: whose face goes where, and what stays as it is."""

import numpy as np
import pytest

from forensics.benchmark.swap_twins import TRIES, Donors, SwapWith, maker_of
from forensics.commands.demo import portrait
from forensics.faces.portrait import Portrait, only_portrait
from forensics.media import load_image
from forensics.plugins import load
from forensics.schema import Image
from forensics.training import Sample

FOLDS = "AABB"
SAMPLES = [
    Sample(f"{n}.png", int(n % 5 == 4), "", "g", FOLDS[n % 4], str(n // 2), check=False)
    for n in range(40)
]


@pytest.fixture(scope="module")
def person() -> Portrait:
    return only_portrait(load_image(portrait()), "portrait")


def grey(sample: Sample) -> Image:
    return np.full((64, 64, 3), 128, np.uint8)


@pytest.mark.parametrize("sample", SAMPLES[:8])
def test_donors_are_real_of_the_same_fold_and_of_another_cluster(sample: Sample) -> None:
    donors = Donors(SAMPLES, grey).candidates(sample)
    assert len(donors) == TRIES
    assert {donor.fold for donor in donors} == {sample.fold}
    assert not any(donor.fake or donor.cluster == sample.cluster for donor in donors)


def test_donors_do_not_depend_on_who_else_was_asked(person: Portrait) -> None:
    donors = Donors(SAMPLES, lambda _: person.image)
    first = donors.portrait(SAMPLES[0])
    assert first is not None
    donors.portrait(SAMPLES[1])
    assert donors.portrait(SAMPLES[0]) is first


def test_pictures_without_a_face_lend_none_and_come_back_as_they_are() -> None:
    donors = Donors(SAMPLES, grey)
    assert donors.portrait(SAMPLES[0]) is None
    maker = maker_of("landmark_swap", donors)(SAMPLES[0])
    [made], [mask] = maker.apply([grey(SAMPLES[0])], 0)
    assert np.array_equal(made, grey(SAMPLES[0]))
    assert mask.max() == 0


def test_a_face_is_replaced_and_the_rest_kept(person: Portrait) -> None:
    tinted = (person.image * [1, 0.7, 0.5]).astype(np.uint8)
    other = Portrait(tinted, person.face, person.landmarks)
    maker = SwapWith(load("generator", "landmark_swap"), lambda: other)
    [made], [mask] = maker.apply([person.image], 0)
    assert mask.max() == 1
    assert np.array_equal(made[mask == 0], person.image[mask == 0])
    assert maker.card.name == "landmark_swap"


def test_a_maker_that_needs_no_face_is_the_generator_itself() -> None:
    makers = maker_of("decoders", Donors([], grey))
    assert makers(SAMPLES[0]) is makers(SAMPLES[1])
