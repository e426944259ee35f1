import cv2
import numpy as np
import pytest

from forensics.schema import Image
from forensics.traces.texture import high_frequency_energy, with_texture_of


@pytest.fixture
def photograph() -> Image:
    rng = np.random.default_rng(1)
    smooth = cv2.resize(rng.uniform(60, 190, (8, 8, 3)).astype(np.float32), (96, 96))
    return np.asarray(np.clip(smooth + rng.normal(0, 12, smooth.shape), 0, 255), np.uint8)


def test_flat_picture_has_no_high_frequencies() -> None:
    assert high_frequency_energy(np.full((20, 30, 3), 77, np.uint8)) == pytest.approx(0)


@pytest.mark.parametrize("sigma", [0.5, 0.8])
def test_blur_does_not_show_in_energy(photograph: Image, sigma: float) -> None:
    blurred = np.asarray(cv2.GaussianBlur(photograph.astype(np.float32), (0, 0), sigma), np.float32)
    lost = high_frequency_energy(blurred.astype(np.uint8)) / high_frequency_energy(photograph)
    kept = high_frequency_energy(with_texture_of(photograph, blurred))
    assert lost < 0.7
    assert kept == pytest.approx(high_frequency_energy(photograph), rel=0.15)


def test_picture_with_the_same_texture_stays_as_it_is(photograph: Image) -> None:
    np.testing.assert_array_equal(
        with_texture_of(photograph, photograph.astype(np.float32)), photograph
    )


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (40, 2)])
def test_any_size_goes_through(size: tuple[int, int]) -> None:
    image = np.random.default_rng(2).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert with_texture_of(image, image[::-1].astype(np.float32)).shape == image.shape
