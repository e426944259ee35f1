"""Laws of the chain: drawn by the seed alone, and blind to what it degrades."""

import numpy as np
import pytest

from forensics.augmentation import Chain, augment, demosaiced, equalised, jpeg, shrunk
from forensics.schema import Image

EVERYTHING = Chain(earlier_jpeg=1, resizing=1, camera=1, blurring=1, noising=1)


def noise(height: int = 96, width: int = 96, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (40, 40), (500, 200)])
def test_a_crop_has_its_side_whatever_the_picture(shape: tuple[int, int]) -> None:
    crops = [augment(noise(*shape), 64, seed, EVERYTHING) for seed in range(5)]
    assert {crop.shape for crop in crops} == {(64, 64, 3)}


def test_the_same_seed_gives_the_same_crop_and_another_gives_another() -> None:
    image = noise()
    assert (augment(image, 64, 7, EVERYTHING) == augment(image, 64, 7, EVERYTHING)).all()
    assert (augment(image, 64, 7, EVERYTHING) != augment(image, 64, 8, EVERYTHING)).any()


def test_a_picture_and_its_twin_get_the_same_place() -> None:
    # A gradient with and without a little trace: the crops differ by the trace alone.
    ramp = np.broadcast_to(np.arange(200, dtype=np.uint8)[:, None, None], (200, 200, 3))
    plain = Chain(0, 0, (0.4, 1.6), 0, 0, 1.5, 0, 6.0, (98, 99), 0, uncompressed=1)
    twin = (ramp + 1).astype(np.uint8)
    for seed in range(6):
        gap = augment(twin, 64, seed, plain).astype(int) - augment(ramp.copy(), 64, seed, plain)
        assert (gap == 1).all()


def test_nothing_is_changed_in_place() -> None:
    image = noise()
    before = image.copy()
    augment(image, 64, 3, EVERYTHING)
    assert (image == before).all()


def test_equalising_depends_on_the_seed_alone() -> None:
    assert (equalised(noise(), 5) == equalised(noise(), 5)).all()


def test_stronger_compression_changes_more() -> None:
    image = noise()
    gaps = [np.abs(jpeg(image, q).astype(int) - image).mean() for q in (98, 80, 40)]
    assert gaps[0] < gaps[1] < gaps[2]


def test_demosaicing_keeps_a_flat_picture_flat() -> None:
    flat = np.full((16, 16, 3), 90, np.float32)
    assert np.allclose(demosaiced(flat), 90, atol=1e-3)


@pytest.mark.parametrize(
    ("size", "least", "most"),
    [((30, 50), 30, 30), ((300, 400), 240, 300), ((2000, 1500), 240, 400)],
)
def test_a_shrunk_picture_keeps_its_shape_and_a_size_that_is_shared(
    size: tuple[int, int], least: int, most: int
) -> None:
    image = np.zeros((*size, 3), np.uint8)
    for seed in range(20):
        height, width, _ = shrunk(image, seed).shape
        assert least <= min(height, width) <= most
        assert abs(height / width - size[0] / size[1]) < 0.03 * size[0] / size[1]


def test_shrinking_depends_on_its_seed_alone() -> None:
    image = np.random.default_rng(0).integers(0, 256, (500, 500, 3), dtype=np.uint8)
    again = [shrunk(image, seed) for seed in (1, 1, 2)]
    assert np.array_equal(again[0], again[1])
    assert again[0].shape != again[2].shape
