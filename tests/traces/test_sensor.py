import numpy as np
import pytest

from forensics.schema import Floats
from forensics.traces.sensor import chance_of, match, noise_of, turns, without_patterns


def white(seed: int, shape: tuple[int, int] = (200, 240)) -> Floats:
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def test_noise_on_a_flat_picture_is_taken_whole() -> None:
    noise = np.random.default_rng(0).normal(0, 1.5, (128, 128, 1))
    image = np.clip(np.rint(128 + np.repeat(noise, 3, axis=2)), 0, 255).astype(np.uint8)
    assert np.corrcoef(noise_of(image).ravel(), noise.ravel())[0, 1] > 0.9


def test_saturated_pixels_have_no_noise() -> None:
    assert not noise_of(np.full((64, 64, 3), 255, np.uint8)).any()


def test_a_pattern_matches_itself_where_it_lies() -> None:
    pattern = white(0)
    part = pattern[30:130, 17:167] + 3 * white(1, (100, 150))
    found = match(part, np.ones_like(part), pattern)
    assert (found.top, found.left) == (30, 17)
    assert found.energy > 60
    assert found.chance < 1e-9


@pytest.mark.parametrize("seed", range(20))
def test_other_noise_does_not_match(seed: int) -> None:
    part = white(100 + seed, (100, 150))
    assert match(part, np.ones_like(part), white(seed)).energy < 40


def test_chances_of_noise_are_those_that_noise_has() -> None:
    chances = []
    for seed in range(200):
        noise = white(seed, (32, 32))
        chances.append(match(noise, np.ones_like(noise), white(1000 + seed, (32, 32))).chance)
    assert 0.05 < np.mean(np.array(chances) < 0.1) < 0.16


def test_chance_grows_with_places_and_falls_with_energy() -> None:
    assert chance_of(20, 1) < chance_of(20, 1000) < chance_of(5, 1000)
    assert chance_of(-3, 1) == 1


def test_grids_are_removed_and_noise_stays() -> None:
    noise = white(0, (256, 256))
    rows, columns = np.indices(noise.shape)
    grid = 2.0 * ((rows % 8 == 0) | (columns % 8 == 0))
    cleaned = without_patterns((noise + grid).astype(np.float32))
    assert np.corrcoef(cleaned.ravel(), noise.ravel())[0, 1] > 0.95
    assert abs(np.corrcoef(cleaned.ravel(), grid.ravel())[0, 1]) < 0.03


def test_a_picture_larger_than_the_sensor_is_refused() -> None:
    with pytest.raises(ValueError, match="no part of"):
        match(white(0), white(1), white(2, (100, 300)))


def test_a_picture_is_tried_in_the_turns_that_fit() -> None:
    sizes = [(100, 200, 3), (200, 100, 3), (90, 90, 3), (300, 300, 3)]
    found = [turns(np.zeros(shape, np.uint8), (100, 200)) for shape in sizes]
    assert found == [[0, 2], [1, 3], [0, 2, 1, 3], []]
