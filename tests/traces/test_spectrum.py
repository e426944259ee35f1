import numpy as np
import pytest

from forensics.schema import Image
from forensics.traces.noise import luma, normalised, residual
from forensics.traces.spectrum import (
    FLOOR,
    measure_peaks,
    power_spectrum,
    spectrum_map,
    tile_size,
)


@pytest.fixture
def noise() -> Image:
    return np.random.default_rng(0).normal(128, 20, (512, 512, 3)).clip(0, 255).astype(np.uint8)


def with_period(image: Image, period: int) -> Image:
    changed = image.astype(np.int16)
    changed[::period, ::period] += 15
    return changed.clip(0, 255).astype(np.uint8)


def test_noise_has_no_peaks(noise: Image) -> None:
    peaks = measure_peaks(power_spectrum(noise, 256))
    assert peaks.heights.max() < 1
    assert peaks.z_scores.max() < 3


# What repeats every n pixels has its lines at multiples of 1/n.
@pytest.mark.parametrize(
    ("period", "expected"),
    [
        (2, [False, False, False, True]),
        (4, [False, True, False, True]),
        (8, [True, True, True, True]),
    ],
)
def test_a_period_puts_peaks_at_its_harmonics(
    noise: Image, period: int, expected: list[bool]
) -> None:
    peaks = measure_peaks(power_spectrum(with_period(noise, period), 256))
    assert (peaks.z_scores > 6).tolist() == expected


def test_a_line_of_the_spectrum_is_no_peak() -> None:
    spectrum = np.zeros((256, 256), dtype=np.float32)
    spectrum[128] = 30
    assert measure_peaks(spectrum).heights.max() <= 0


def test_a_height_is_the_decibels_above_the_surroundings() -> None:
    spectrum = np.random.default_rng(0).normal(0, 0.1, (256, 256)).astype(np.float32)
    spectrum[::32, ::32] += 12
    np.testing.assert_allclose(measure_peaks(spectrum).heights, 12, atol=0.3)


def test_one_tile_gives_the_plain_periodogram(noise: Image) -> None:
    tile = noise[:64, :64]
    taper = np.hanning(65)[:-1]
    window = np.outer(taper, taper)
    plain = np.abs(np.fft.fft2(normalised(residual(luma(tile))) * window)) ** 2
    expected = 10 * np.log10(np.fft.fftshift(plain) / (window**2).sum() + FLOOR)
    np.testing.assert_allclose(power_spectrum(tile, 64), expected, atol=0.01)


def test_flat_pictures_have_a_finite_spectrum() -> None:
    spectrum = power_spectrum(np.zeros((70, 300, 3), dtype=np.uint8), 64)
    assert np.isfinite(spectrum).all()
    assert not measure_peaks(spectrum).heights.any()
    assert not spectrum_map(spectrum).any()


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [(63, 900, None), (64, 64, 64), (300, 256, 128), (511, 600, 128), (512, 512, 256)],
)
def test_tiles_are_at_most_half_the_shorter_side_but_64(
    height: int, width: int, size: int | None
) -> None:
    assert tile_size(height, width) == size
