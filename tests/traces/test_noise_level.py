import cv2
import numpy as np
import pytest

from forensics.schema import Image
from forensics.traces.areas import areas_of, largest_area
from forensics.traces.co_occurrence import texture_distances, texture_map
from forensics.traces.noise_level import level_map, noise_levels, unexplained


def scene(sigma: float, side: int = 512, *, seed: int = 0) -> Image:
    """Smooth shapes with white noise of `sigma` grey levels, equal in all channels."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 216, (9, 9, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    noise = rng.normal(0, sigma, (side, side, 1))
    return np.clip(np.rint(smooth + noise), 0, 255).astype(np.uint8)


def with_inset(other: Image) -> Image:
    """A scene of 3 grey levels of noise with a square of `other` in it, at (128, 192)."""
    image = scene(3)
    image[128:288, 192:352] = other[128:288, 192:352]
    return image


@pytest.mark.parametrize("sigma", [1.0, 3.0, 10.0])
def test_the_level_of_white_noise_is_measured(sigma: float) -> None:
    assert np.median(noise_levels(scene(sigma)).sigma) == pytest.approx(sigma, rel=0.15)


@pytest.mark.parametrize("sigma", [0.8, 12.0])
def test_a_part_with_other_noise_is_found_where_it_lies(sigma: float) -> None:
    ratio, usable = unexplained(noise_levels(with_inset(scene(sigma, seed=1))))
    area = largest_area(np.abs(ratio) > np.log(2))
    inside = np.zeros_like(area)
    inside[4:9, 6:11] = True
    assert usable.all()
    assert (area & inside).sum() / (area | inside).sum() > 0.8


def test_even_noise_is_explained_everywhere() -> None:
    ratio, _ = unexplained(noise_levels(scene(4)))
    assert np.abs(ratio).max() < np.log(2)
    assert level_map(ratio).max() < 0.5


def test_noise_that_grows_with_light_is_explained() -> None:
    image = scene(0).astype(np.float32)
    shot = np.random.default_rng(2).normal(0, 1, image.shape[:2])[..., None] * np.sqrt(image) / 2
    ratio, _ = unexplained(noise_levels(np.clip(image + shot, 0, 255).astype(np.uint8)))
    assert (np.abs(ratio) > np.log(2)).mean() < 0.02


def test_too_few_cells_explain_nothing() -> None:
    for shape in ((1, 1, 3), (90, 90, 3), (31, 4000, 3)):
        _, usable = unexplained(noise_levels(np.full(shape, 90, np.uint8)))
        assert not usable.any()


def test_a_part_of_another_texture_is_found_where_it_lies() -> None:
    blurred = cv2.GaussianBlur(scene(9, seed=1), (0, 0), 0.8).astype(np.uint8)
    texture = texture_distances(with_inset(blurred))
    assert texture is not None
    drawn = cv2.resize(texture_map(texture), (512, 512))
    outside = np.concatenate([drawn[:96].ravel(), drawn[384:].ravel()])
    assert drawn[144:272, 208:336].mean() > 3 * outside.mean()


def test_small_and_flat_pictures_have_no_texture() -> None:
    assert texture_distances(scene(3, 150)) is None
    flat = texture_distances(np.full((300, 300, 3), 128, np.uint8))
    assert flat is not None
    assert not flat.distances.any()


def test_large_pictures_read_fewer_rows_and_find_the_same() -> None:
    small, large = (with_inset(scene(9, seed=1)) for _ in range(2))
    large = np.tile(large, (4, 4, 1))
    distances = [texture_distances(image) for image in (small, large)]
    assert all(found is not None and found.distances.max() > 8 for found in distances)


def test_areas_are_ordered_and_the_largest_is_the_first() -> None:
    mask = np.zeros((9, 9), bool)
    mask[0, 0:2] = mask[4:7, 4:7] = True
    assert [area.sum() for area in areas_of(mask, 2)] == [9, 2]
    assert np.array_equal(largest_area(mask), areas_of(mask, 2)[0])
    assert not largest_area(np.zeros((3, 3), bool)).any()
