import numpy as np
import pytest

from forensics.schema import Image
from forensics.traces import error_level
from forensics.traces.error_level import block_errors, error_map, reference_error
from forensics.traces.jpeg import recompress


def noise(height: int, width: int) -> Image:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def slow_block_errors(image: Image, quality: int) -> Image:
    change = np.abs(image.astype(float) - recompress(image, quality))
    rows, columns = image.shape[0] // 8, image.shape[1] // 8
    blocks = [
        [change[8 * y : 8 * y + 8, 8 * x : 8 * x + 8].mean() for x in range(columns)]
        for y in range(rows)
    ]
    return np.array(blocks)


def test_block_errors_are_the_mean_change_of_each_block() -> None:
    image = noise(40, 56)
    np.testing.assert_allclose(block_errors(image, 80), slow_block_errors(image, 80), rtol=1e-5)


def test_tiles_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    image = noise(100, 131)
    whole = block_errors(image)
    monkeypatch.setattr(error_level, "TILE", (16, 32))
    np.testing.assert_array_equal(block_errors(image), whole)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (9, 3), (8, 70000)])
def test_every_pixel_belongs_to_a_block(height: int, width: int) -> None:
    errors = block_errors(noise(height, width))
    assert errors.shape == (-(-height // 8), -(-width // 8))


def test_a_patch_from_elsewhere_stands_out() -> None:
    smooth = recompress(np.full((128, 128, 3), 120, dtype=np.uint8), 90)
    smooth = smooth.copy()
    smooth[32:64, 64:96] = noise(32, 32)
    scaled = error_map(block_errors(smooth))
    assert scaled[4:8, 8:12].min() > 0.9
    assert scaled[10:, :].max() < 0.5


def test_half_on_the_map_is_three_medians() -> None:
    errors = np.array([[1.0, 1.0, 3.0]], dtype=np.float32)
    assert reference_error(errors) == 1.0
    assert error_map(errors)[0, 2] == 0.5
