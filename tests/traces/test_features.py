"""Laws of the frequency features: finite everywhere, and they see what they claim to see."""

import cv2
import numpy as np
import pytest
from scipy.fft import dctn

from forensics.schema import Image
from forensics.traces.features import SIDE, _dct_basis, frequency_features, log_power


def noise(seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


@pytest.mark.parametrize("value", [0, 127, 255])
def test_features_of_flat_crops_are_finite(value: int) -> None:
    features = frequency_features(np.full((SIDE, SIDE, 3), value, np.uint8))
    assert np.isfinite(features).all()


def test_another_size_is_refused_with_the_sizes() -> None:
    with pytest.raises(ValueError, match=r"\(224, 224, 3\), got \(10, 10, 3\)"):
        frequency_features(np.zeros((10, 10, 3), np.uint8))


def test_features_do_not_depend_on_memory_layout() -> None:
    crop = noise()
    other = np.asfortranarray(crop)
    assert (frequency_features(crop) == frequency_features(other)).all()


def test_blur_lowers_every_outer_band_of_the_spectrum() -> None:
    soft = cv2.GaussianBlur(noise(), (0, 0), 1.5).astype(np.uint8)
    before, after = frequency_features(noise())[18:28], frequency_features(soft)[18:28]
    assert (np.subtract(before, after) > 1).all()


def test_the_basis_is_the_orthonormal_cosine_transform() -> None:
    block = np.random.default_rng(1).standard_normal((8, 8)).astype(np.float32)
    ours = _dct_basis() @ block @ _dct_basis().T
    assert np.allclose(ours, dctn(block, norm="ortho"), atol=1e-5)


def test_a_wave_shows_up_at_its_own_frequency() -> None:
    wave = 20 * np.sin(2 * np.pi * 56 * np.arange(SIDE) / SIDE).astype(np.float32)
    logs = log_power(np.broadcast_to(wave, (SIDE, SIDE)).copy())
    assert int(logs.argmax()) == 56
