"""Laws of native crops: nothing is ever resampled, and the grid spans the picture."""

import numpy as np
import pytest

from forensics.schema import Image
from forensics.traces.crops import native_crops, padded


def noise(height: int, width: int) -> Image:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (224, 224), (500, 900), (1024, 1024)])
@pytest.mark.parametrize("at_most", [1, 4, 12])
def test_crops_have_their_side_and_stay_within_the_number(
    shape: tuple[int, int], at_most: int
) -> None:
    crops = native_crops(noise(*shape), 160, at_most)
    assert 1 <= len(crops) <= at_most
    assert {crop.shape for crop in crops} == {(160, 160, 3)}


def test_every_crop_is_a_slice_of_the_picture() -> None:
    image = noise(400, 500)
    windows = np.lib.stride_tricks.sliding_window_view(image, (160, 160), axis=(0, 1))
    for crop in native_crops(image, 160, 4):
        corner = np.argwhere((windows[..., 0, 0] == crop[0, 0]).all(axis=2))
        assert any((image[y : y + 160, x : x + 160] == crop).all() for y, x in corner)


def test_a_grid_reaches_all_four_corners() -> None:
    image = noise(400, 500)
    crops = native_crops(image, 160, 12)
    assert (crops[0][0, 0] == image[0, 0]).all()
    assert (crops[-1][-1, -1] == image[-1, -1]).all()


def test_few_crops_of_a_large_picture_stay_off_its_borders() -> None:
    image = noise(1000, 1000)
    first = native_crops(image, 160, 4)[0]
    assert (first == image[170:330, 170:330]).all()


def test_a_single_crop_lies_in_the_middle() -> None:
    image = noise(256, 256)
    assert (native_crops(image, 160, 4)[0] == image[48:208, 48:208]).all()


def test_padding_mirrors_and_keeps_the_picture_in_its_corner() -> None:
    image = noise(10, 20)
    wide = padded(image, 32)
    assert (wide[:10, :20] == image).all()
    assert (wide[10, :20] == image[9]).all()
    assert wide.shape == (32, 32, 3)
