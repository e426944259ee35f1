from typing import Any

import numpy as np
import pytest

from forensics.fetching import is_present
from forensics.generator import Manipulator, Swapper
from forensics.plugins import entries, load, plugin_class
from forensics.schema import Image

SIZES = [(1, 1), (1, 9), (7, 3), (17, 31), (40, 24)]
# Swappers keep laws of their own, in test_swappers.py.
EVERY = [n for n in entries("generator") if not issubclass(plugin_class("generator", n), Swapper)]


@pytest.fixture(params=EVERY, scope="module")
def plugin(request: pytest.FixtureRequest) -> Any:
    made = load("generator", request.param)
    if made.card.source and not is_present(made.card):
        pytest.skip(f"its weights have not been pulled: forensics weights pull {request.param}")
    return made


@pytest.fixture
def manipulator(plugin: Any) -> Manipulator:
    if not isinstance(plugin, Manipulator):
        pytest.skip("makes pictures from nothing")
    return plugin


@pytest.fixture
def photographs() -> list[Image]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]


def outputs(plugin: Any, photographs: list[Image], seed: int) -> list[Image]:
    if isinstance(plugin, Manipulator):
        return plugin.apply(photographs, seed)[0]
    sampled: list[Image] = plugin.sample(2, seed)
    return sampled


def test_same_seed_gives_same_bytes(plugin: Any, photographs: list[Image]) -> None:
    first, second = (outputs(plugin, photographs, seed=5) for _ in range(2))
    assert [image.tobytes() for image in first] == [image.tobytes() for image in second]


def test_outputs_are_rgb_bytes(plugin: Any, photographs: list[Image]) -> None:
    for image in outputs(plugin, photographs, seed=1):
        assert image.dtype == np.uint8
        assert image.shape[2:] == (3,)


def test_family_is_one_a_manifest_knows(plugin: Any) -> None:
    assert plugin.family in {"gan", "diffusion", "swap", "reenact", "splice"}


def test_picture_keeps_the_size_of_its_input(
    manipulator: Manipulator, photographs: list[Image]
) -> None:
    made, masks = manipulator.apply(photographs, seed=1)
    assert [image.shape[:2] for image in made] == SIZES
    assert [mask.shape for mask in masks] == SIZES


def test_masks_lie_between_zero_and_one(manipulator: Manipulator, photographs: list[Image]) -> None:
    for mask in manipulator.apply(photographs, seed=1)[1]:
        assert mask.dtype == np.float32
        assert 0 <= mask.min() <= mask.max() <= 1


def test_input_is_left_unchanged(manipulator: Manipulator, photographs: list[Image]) -> None:
    before = [image.tobytes() for image in photographs]
    manipulator.apply(photographs, seed=1)
    assert [image.tobytes() for image in photographs] == before


def test_picture_does_not_depend_on_its_batch(
    manipulator: Manipulator, photographs: list[Image]
) -> None:
    together = manipulator.apply(photographs[-2:], seed=2)[0][0]
    alone = manipulator.apply(photographs[-2:-1], seed=2)[0][0]
    np.testing.assert_array_equal(together, alone)


def test_pixels_outside_the_mask_are_the_inputs(
    manipulator: Manipulator, photographs: list[Image]
) -> None:
    made, masks = manipulator.apply(photographs, seed=1)
    for before, after, mask in zip(photographs, made, masks, strict=True):
        np.testing.assert_array_equal(after[mask == 0], before[mask == 0])
