"""Laws of earlier compressions: on the same grid, on another one, and in one region only."""

from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from forensics.schema import Floats, Image
from forensics.traces.first_digits import benford_divergence, digit_shares
from forensics.traces.jpeg import luma_table
from forensics.traces.jpeg_blocks import ORDER, low_coefficients
from forensics.traces.jpeg_ghosts import find_ghost
from forensics.traces.jpeg_grid import MOST_PIXELS, find_grids, sampled
from forensics.traces.jpeg_history import History, compression_history, fit
from forensics.traces.luminance import stored_luminance


def scene(side: int = 320, seed: int = 0) -> Image:
    """Shapes from coarse to fine, as in photographs, with a little grain: (side, side, 3)."""
    rng = np.random.default_rng(seed)
    total = np.zeros((side, side, 3))
    for cells in (5, 11, 23, 47, 95):
        coarse = Pillow.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        layer = coarse.resize((side, side), Pillow.Resampling.BICUBIC)
        total += (np.asarray(layer, dtype=np.float64) - 128) / cells**0.5
    return np.clip(128 + total + rng.normal(0, 2, total.shape), 0, 255).astype(np.uint8)


def jpeg(image: Image, quality: int) -> bytes:
    buffer = BytesIO()
    Pillow.fromarray(image).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def decoded(data: bytes) -> Image:
    return np.asarray(Pillow.open(BytesIO(data)).convert("RGB"))


def plane(data: bytes) -> NDArray[np.uint8]:
    found = stored_luminance(data)
    assert found is not None
    return found


def with_square(image: Image, other: Image, *, shift: int = 0) -> Image:
    """Paste a square of 128 px of `other` at (96, 96), taken `shift` px off its own place."""
    made = image.copy()
    made[96:224, 96:224] = other[96 + shift : 224 + shift, 96 + shift : 224 + shift]
    return made


def contrast(shown: Floats) -> float:
    """Mean of a map inside the square less that outside."""
    height, width = shown.shape
    inside = np.zeros(shown.shape, dtype=bool)
    inside[96 * height // 320 : 224 * height // 320, 96 * width // 320 : 224 * width // 320] = True
    return float(shown[inside].mean() - shown[~inside].mean())


def history(data: bytes, quality: int) -> History:
    found = compression_history(plane(data), luma_table(quality))
    assert found is not None
    return found


def test_luminance_is_that_of_the_file_and_of_no_other_format() -> None:
    assert plane(jpeg(scene(64), 90)).shape == (64, 64)
    assert stored_luminance(b"\xff\xd8\xff\xe0nothing") is None
    inks = BytesIO()
    Pillow.new("CMYK", (32, 32)).save(inks, "JPEG")
    assert stored_luminance(inks.getvalue()) is None


def test_coefficients_are_those_of_the_transform() -> None:
    from scipy.fft import dctn

    pixels = plane(jpeg(scene(64), 80))
    blocks = pixels.reshape(8, 8, 8, 8).transpose(0, 2, 1, 3).astype(np.float64)
    whole = dctn(blocks, axes=(2, 3), norm="ortho")
    expected = whole[..., ORDER[:, 0], ORDER[:, 1]]
    np.testing.assert_allclose(low_coefficients(pixels), expected, atol=1e-2)


def test_stored_integers_come_back_from_the_pixels() -> None:
    model = fit(plane(jpeg(scene(), 70)), luma_table(70))
    assert model is not None
    steps = luma_table(70)[ORDER[:, 0], ORDER[:, 1]]
    coefficients = np.abs(low_coefficients(plane(jpeg(scene(), 70))))
    apart = np.abs(coefficients - model.stored * steps)
    assert np.mean(apart < 1.5) > 0.999


@pytest.mark.parametrize(("first", "second"), [(60, 80), (75, 90), (85, 90), (70, 95), (80, 65)])
def test_an_earlier_compression_shows_with_its_quality(first: int, second: int) -> None:
    found = history(jpeg(decoded(jpeg(scene(), first)), second), second)
    assert found.gain > 0.01
    assert abs(found.quality - first) <= 2


@pytest.mark.parametrize("quality", [60, 75, 90, 97])
def test_one_compression_is_explained_by_one(quality: int) -> None:
    assert history(jpeg(scene(), quality), quality).gain < 0.005


def test_an_earlier_compression_on_another_grid_is_none_on_this_one() -> None:
    moved = np.ascontiguousarray(decoded(jpeg(scene(), 70))[3:, 5:])
    assert history(jpeg(moved, 90), 90).gain < 0.005


def test_blocks_without_the_first_compression_stand_out() -> None:
    spliced = with_square(decoded(jpeg(scene(), 70)), scene(seed=1))
    model = fit(plane(jpeg(spliced, 90)), luma_table(90))
    assert model is not None
    assert contrast(-model.block_gains(model.history.quality)) > 1


def test_few_blocks_have_no_history() -> None:
    assert compression_history(plane(jpeg(scene(56), 80)), luma_table(80)) is None


def test_flat_pictures_have_one_compression_and_no_grid() -> None:
    flat = np.full((256, 256, 3), 90, dtype=np.uint8)
    assert history(jpeg(flat, 80), 80).coefficients == 0
    grids = find_grids(plane(jpeg(flat, 80)), own=(0, 0))
    assert grids is not None
    assert grids.local is None


def test_a_second_compression_breaks_the_law_of_first_digits() -> None:
    once, twice = jpeg(scene(), 90), jpeg(decoded(jpeg(scene(), 70)), 90)
    models = [fit(plane(data), luma_table(90)) for data in (once, twice)]
    first, second = (benford_divergence(digit_shares(m.stored)) for m in models if m)
    assert first < 0.02
    assert second > 0.1


def test_benfords_law_is_a_generalised_one() -> None:
    shares = np.log10(1 + 1 / np.arange(1, 10)).astype(np.float32)
    assert benford_divergence(shares) < 1e-4
    assert digit_shares(np.array([[1, 19, 250, 0]], np.int16)).tolist() == pytest.approx(
        [2 / 3, 1 / 3, 0, 0, 0, 0, 0, 0, 0]
    )


@pytest.mark.parametrize(("top", "left"), [(3, 5), (6, 2)])
def test_a_cropped_jpeg_shows_its_grid_as_a_whole(top: int, left: int) -> None:
    cropped = np.ascontiguousarray(decoded(jpeg(scene(), 60))[top:, left:])
    grids = find_grids(plane(jpeg(cropped, 95)), own=(0, 0))
    assert grids is not None
    assert grids.whole is not None
    assert grids.whole.offset == (8 - top, 8 - left)
    assert abs(grids.whole.quality - 60) <= 2


def test_a_jpeg_decoded_to_other_formats_shows_its_grid() -> None:
    from forensics.traces.noise import luma

    gray = np.rint(luma(decoded(jpeg(scene(), 75)))).astype(np.uint8)
    grids = find_grids(gray, own=None)
    assert grids is not None
    assert grids.whole is not None
    assert grids.whole.offset == (0, 0)


@pytest.mark.parametrize("quality", [70, 90])
def test_a_picture_saved_once_shows_no_other_grid(quality: int) -> None:
    grids = find_grids(plane(jpeg(scene(), quality)), own=(0, 0))
    assert grids is not None
    assert grids.whole is None
    assert grids.local is None or grids.local.peak < 7


def test_a_region_of_another_jpeg_shows_its_own_grid() -> None:
    spliced = with_square(scene(), decoded(jpeg(scene(seed=1), 65)), shift=3)
    grids = find_grids(plane(jpeg(spliced, 93)), own=(0, 0))
    assert grids is not None
    assert grids.local is not None
    assert grids.local.offset == (5, 5)
    assert grids.local.peak > 8
    assert contrast(grids.local.map) > 3


def test_large_pictures_are_sampled_on_their_own_grid() -> None:
    large = np.add.outer(np.arange(3000), np.arange(4000)).astype(np.uint8)
    tiles = sampled(large)
    assert tiles.size <= MOST_PIXELS
    assert (tiles[::8, ::8] % 8 == 0).all()


def test_small_pictures_have_no_grids_and_no_ghosts() -> None:
    small = plane(jpeg(scene(90), 80))
    assert find_grids(small, own=(0, 0)) is None
    assert find_ghost(small) is None


def test_a_region_compressed_more_strongly_leaves_a_ghost() -> None:
    spliced = with_square(scene(), decoded(jpeg(scene(seed=1), 59)))
    ghost = find_ghost(plane(jpeg(spliced, 92)), below=92)
    assert ghost is not None
    assert ghost.quality == 59
    assert ghost.depth > 0.35
    assert contrast(ghost.map) > 0.4


def test_a_picture_saved_once_has_no_deep_ghost() -> None:
    ghost = find_ghost(plane(jpeg(scene(), 92)), below=92)
    assert ghost is not None
    assert ghost.depth < 0.35 or ghost.separation < 3.2
