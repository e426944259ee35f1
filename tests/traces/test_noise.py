import numpy as np

from forensics.traces.noise import luma, normalised, residual


def test_luma_of_grey_is_its_level() -> None:
    grey = np.full((3, 4, 3), 77, dtype=np.uint8)
    np.testing.assert_allclose(luma(grey), 77, atol=1e-4)


def test_residual_of_an_edge_is_zero() -> None:
    edge = np.zeros((16, 16), dtype=np.float32)
    edge[:, 8:] = 200
    assert not residual(edge).any()


def test_residual_keeps_a_lone_pixel() -> None:
    dot = np.zeros((9, 9), dtype=np.float32)
    dot[4, 4] = 5
    assert residual(dot)[4, 4] == 5


def test_normalised_noise_has_unit_deviation_at_any_strength() -> None:
    noise = np.random.default_rng(0).normal(0, 1, (128, 128)).astype(np.float32)
    for strength in (10, 100):
        assert abs(normalised(strength * noise).std() - 1) < 0.05
