"""What every swapper keeps. Those that need a user's network get a small one made here."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forensics.commands.demo import portrait
from forensics.errors import NoFace
from forensics.faces.portrait import Portrait, only_portrait
from forensics.generator import Swapper
from forensics.media import load_image
from forensics.plugins import entries, load, plugin_class
from forensics.schema import Frame, Image
from tests.small_networks import darkening_pair, identity_network, shifting_swapper

EVERY = [n for n in entries("generator") if issubclass(plugin_class("generator", n), Swapper)]
NETWORKS: dict[str, Callable[[Path], dict[str, str]]] = {
    "deepfakes": lambda folder: {"weights": darkening_pair(folder)},
    "onnx_swapper": lambda folder: {
        "weights": shifting_swapper(folder),
        "identity_weights": identity_network(folder),
    },
}


@pytest.fixture(params=EVERY, scope="module")
def swapper(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    name = request.param
    folder = tmp_path_factory.mktemp(name)
    given = NETWORKS[name](folder) if name in NETWORKS else {}
    return load("generator", name, plugin_class("generator", name).Options(**given))


@pytest.fixture(scope="module")
def source() -> Portrait:
    return only_portrait(load_image(portrait()), "portrait")


@pytest.fixture(scope="module")
def target(source: Portrait) -> Portrait:
    """The same portrait mirrored, under green light, with a border."""
    image = np.ascontiguousarray(source.image[:, ::-1] * [0.6, 1, 0.7]).astype(np.uint8)
    return only_portrait(np.pad(image, ((40, 8), (16, 30), (0, 0))), "target")


def swapped(swapper: Swapper, target: Portrait, source: Portrait) -> tuple[Image, Any]:
    frame, mask = swapper.swap(Frame(target.image), [source], faces=target.landmarks[None])
    return frame.image, mask


def test_frame_keeps_its_size_index_and_time(
    swapper: Swapper, target: Portrait, source: Portrait
) -> None:
    frame = Frame(target.image, index=7, time=0.25)
    made, mask = swapper.swap(frame, [source], faces=target.landmarks[None])
    assert (made.image.shape, made.index, made.time) == (target.image.shape, 7, 0.25)
    assert made.image.dtype == np.uint8
    assert mask.shape == target.image.shape[:2]


def test_mask_lies_between_zero_and_one(
    swapper: Swapper, target: Portrait, source: Portrait
) -> None:
    _, mask = swapped(swapper, target, source)
    assert mask.dtype == np.float32
    assert 0 <= mask.min() < mask.max() <= 1


def test_pixels_outside_the_mask_are_the_targets(
    swapper: Swapper, target: Portrait, source: Portrait
) -> None:
    made, mask = swapped(swapper, target, source)
    np.testing.assert_array_equal(made[mask == 0], target.image[mask == 0])


def test_the_middle_of_the_face_is_replaced(
    swapper: Swapper, target: Portrait, source: Portrait
) -> None:
    made, mask = swapped(swapper, target, source)
    across, down = target.landmarks[30].astype(int)
    assert mask[down, across] == 1
    assert np.any(made[mask == 1] != target.image[mask == 1])


def test_target_is_left_unchanged(swapper: Swapper, target: Portrait, source: Portrait) -> None:
    before = target.image.tobytes()
    swapped(swapper, target, source)
    assert target.image.tobytes() == before


def test_same_call_gives_same_bytes(swapper: Swapper, target: Portrait, source: Portrait) -> None:
    first, second = (swapped(swapper, target, source)[0] for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_no_faces_change_nothing(swapper: Swapper, target: Portrait, source: Portrait) -> None:
    faces = np.zeros((0, 68, 2), np.float32)
    made, mask = swapper.swap(Frame(target.image), [source], faces=faces)
    np.testing.assert_array_equal(made.image, target.image)
    assert mask.max() == 0


@pytest.mark.parametrize("scale", [0.05, 0.3])
def test_a_face_may_be_small_and_reach_over_the_border(
    swapper: Swapper, target: Portrait, source: Portrait, scale: float
) -> None:
    corner = target.landmarks[30]
    cut = np.ascontiguousarray(target.image[: int(corner[1]), : int(corner[0])])
    faces = (target.landmarks * [[scale]]).astype(np.float32)[None]
    made, mask = swapper.swap(Frame(cut), [source], faces=faces)
    np.testing.assert_array_equal(made.image[mask == 0], cut[mask == 0])
    beyond = target.landmarks[None] + np.float32(10_000)
    assert swapper.swap(Frame(cut), [source], faces=beyond)[0].image.shape == cut.shape


def test_sources_that_are_needed_are_asked_for(swapper: Swapper, target: Portrait) -> None:
    if not swapper.needs_sources:
        pytest.skip("a trained pair needs none")
    with pytest.raises(NoFace, match="needs a picture of the face to put in"):
        swapper.swap(Frame(target.image), [], faces=target.landmarks[None])


def test_weights_are_named_by_their_hash_or_not_at_all(swapper: Swapper) -> None:
    assert len(swapper.weights_sha256) in (0, 64)


def test_family_is_one_a_manifest_knows(swapper: Swapper) -> None:
    assert swapper.family == "swap"


def test_a_second_picture_of_the_source_is_welcome(
    swapper: Swapper, target: Portrait, source: Portrait
) -> None:
    darker = replace(source, image=source.image // 2)
    faces = target.landmarks[None]
    frame, _ = swapper.swap(Frame(target.image), [source, darker], faces=faces)
    assert frame.image.shape == target.image.shape
