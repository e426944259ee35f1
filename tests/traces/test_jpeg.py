from io import BytesIO

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.schema import Image
from forensics.traces.jpeg import (
    grid_strength,
    image_quality,
    luma_table,
    recompress,
    sample_blocks,
    table_quality,
)
from forensics.traces.noise import luma


@pytest.fixture
def scene() -> Image:
    """Soft shapes with a little grain, (160, 200, 3)."""
    rng = np.random.default_rng(0)
    coarse = Pillow.fromarray(rng.integers(0, 256, (10, 12, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((200, 160), Pillow.Resampling.BICUBIC), dtype=np.float32)
    return np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("quality", [30, 50, 75, 85])
def test_pixels_keep_the_quality_of_their_jpeg(scene: Image, quality: int) -> None:
    found = image_quality(recompress(scene, quality))
    assert found is not None
    assert abs(found - quality) <= 1


def test_pixels_that_were_never_jpeg_have_no_quality(scene: Image) -> None:
    assert image_quality(scene) is None


@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 300, 3), (64, 64, 3)])
def test_flat_and_tiny_pictures_have_no_quality(shape: tuple[int, ...]) -> None:
    assert image_quality(np.full(shape, 128, dtype=np.uint8)) is None


@pytest.mark.parametrize("quality", [1, 10, 50, 75, 90, 99])
def test_quality_of_a_file_is_read_from_its_table(scene: Image, quality: int) -> None:
    buffer = BytesIO()
    Pillow.fromarray(scene).save(buffer, "JPEG", quality=quality)
    tables = Pillow.open(buffer).quantization  # type: ignore[attr-defined]
    assert list(tables[0]) == luma_table(quality).ravel().tolist()
    assert table_quality(tables[0]) == quality


def test_a_table_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="64 entries, got 3"):
        table_quality([1, 2, 3])


def test_grid_shows_after_jpeg_and_not_before(scene: Image) -> None:
    assert grid_strength(luma(scene)) < 1.15
    assert grid_strength(luma(recompress(scene, 40))) > 1.3


def test_grid_is_found_wherever_it_begins(scene: Image) -> None:
    cropped = recompress(scene, 40)[3:, 5:]
    assert grid_strength(luma(cropped)) > 1.3


def test_sampled_blocks_are_blocks_of_the_picture(scene: Image) -> None:
    blocks = sample_blocks(scene, at_most=500)
    assert blocks.shape == (500, 8, 8, 3)
    np.testing.assert_array_equal(blocks[0], scene[:8, :8])
    np.testing.assert_array_equal(blocks[-1], scene[152:, 192:])
