"""Laws of laundering: what is meant to go is gone, what is meant to stay is there."""

import numpy as np
import pytest

from forensics.benchmark.degrade import chains_of
from forensics.benchmark.laundering import SCREEN_SIDE, rephotographed, without_peaks
from forensics.schema import Image
from forensics.traces.jpeg import image_quality
from forensics.traces.spectrum import measure_peaks, power_spectrum

WAYS = ("launder", "depeak", "rephotograph")


def photograph(side: int = 256) -> Image:
    """Smooth shapes under noise, (side, side, 3) uint8 RGB."""
    y, x = np.mgrid[:side, :side] / 40
    shapes = 120 + 60 * np.sin(x + 0.4 * y) * np.cos(0.7 * y)
    noise = np.random.default_rng(3).normal(0, 6, (side, side, 3))
    given: Image = np.clip(shapes[..., None] + noise, 0, 255).astype(np.uint8)
    return given


def upsampled(strength: float, period: int = 8) -> Image:
    """The photograph with a periodic pattern, as upsampling leaves it."""
    given = photograph().astype(np.float32)
    given[::period, ::period] += strength
    return np.clip(given, 0, 255).astype(np.uint8)


def highest_peak(image: Image) -> float:
    """In dB above its surroundings."""
    return float(measure_peaks(power_spectrum(image, 128)).heights.max())


@pytest.mark.parametrize("period", [2, 4, 8])
def test_peaks_of_the_spectrum_go_down_to_their_surroundings(period: int) -> None:
    given = upsampled(40, period)
    assert highest_peak(given) > 6
    assert highest_peak(without_peaks(given)) < 2


def test_taking_peaks_out_is_not_to_be_seen() -> None:
    given = upsampled(12)
    change = without_peaks(given).astype(float) - given
    assert 0 < np.abs(change).mean() < 3


def test_a_picture_without_peaks_hardly_changes() -> None:
    change = without_peaks(photograph()).astype(float) - photograph()
    assert np.abs(change).mean() < 1


def test_a_picture_too_small_for_a_spectrum_stays_as_it_is() -> None:
    small = photograph(63)
    assert (without_peaks(small) == small).all()


@pytest.mark.parametrize("way", WAYS)
def test_laundering_keeps_the_size_and_the_content(way: str) -> None:
    (chain,) = chains_of(way)
    given = photograph()[:200]
    changed = chain.apply(given, 5)
    assert changed.shape == given.shape
    likeness = np.corrcoef(changed.mean(axis=2).ravel(), given.mean(axis=2).ravel())[0, 1]
    assert likeness > 0.8


@pytest.mark.parametrize("way", WAYS)
def test_laundering_is_drawn_by_the_seed_alone(way: str) -> None:
    (chain,) = chains_of(way)
    assert (chain.apply(upsampled(9), 1) == chain.apply(upsampled(9), 1)).all()


@pytest.mark.parametrize("way", ["launder", "rephotograph"])
def test_another_seed_draws_another_laundering(way: str) -> None:
    (chain,) = chains_of(way)
    assert (chain.apply(photograph(), 1) != chain.apply(photograph(), 2)).any()


def test_a_laundered_picture_has_the_grid_of_its_last_compression_only() -> None:
    (chain,) = chains_of("launder")
    found = image_quality(chain.apply(photograph(), 0))
    assert found is not None
    assert 80 <= found <= 92


def test_a_screen_shows_so_many_pixels_and_no_more() -> None:
    large = np.zeros((600, 2 * SCREEN_SIDE, 3), np.uint8)
    seen = rephotographed(large, np.random.default_rng(0))
    assert seen.shape == (300, SCREEN_SIDE, 3)


def test_a_photographed_screen_is_noisy_where_the_picture_was_flat() -> None:
    flat = np.full((128, 128, 3), 128, np.uint8)
    seen = rephotographed(flat, np.random.default_rng(0)).astype(float)
    assert seen.std(axis=(0, 1)).min() > 1
