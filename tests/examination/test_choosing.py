"""Laws of what an examination runs, and of what it says it left out."""

import pytest

from forensics.choosing import FAST_ANALYSES, FAST_DETECTORS, FAST_SMALLEST, SMALL_FACES, choose
from forensics.plugins import default_detectors, entries
from forensics.verdict import SMALLEST_FACE

FULL = default_detectors()


def test_a_full_examination_leaves_nothing_out() -> None:
    assert choose(FULL, None, None, fast=False, camera="").left_out == ()


@pytest.mark.parametrize("camera", ["", "desk"])
def test_a_quick_one_names_everything_that_it_leaves_out(camera: str) -> None:
    full = choose(FULL, None, None, fast=False, camera=camera)
    quick = choose(FULL, None, None, fast=True, camera=camera)
    run = {*quick.detectors, *quick.analyses}
    everything = {*full.detectors, *full.analyses, SMALL_FACES}
    assert everything - run == set(quick.left_out)
    assert run <= everything | set(FAST_DETECTORS)
    assert ("prnu" in quick.analyses) == bool(camera)


def test_what_is_asked_for_by_name_is_run_and_the_rest_is_named() -> None:
    chosen = choose(FULL, ["spectrum"], ["metadata"], fast=False, camera="")
    assert (chosen.detectors, chosen.analyses) == (("spectrum",), ("metadata",))
    assert {"clip_pairs", "copy_move"} <= set(chosen.left_out)
    assert not {"spectrum", "metadata"} & set(chosen.left_out)


def test_quick_analyses_exist_and_can_be_replaced_by_others() -> None:
    assert set(FAST_ANALYSES) <= set(entries("analysis"))
    assert choose(FULL, None, ["copy_move"], fast=True, camera="").analyses == ("copy_move",)


def test_a_quick_look_misses_no_face_that_has_part_in_a_verdict() -> None:
    assert FAST_SMALLEST <= SMALLEST_FACE
