"""Laws of reading how a JPEG is built, and of comparing thumbnails with pictures."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL.JpegPresets import presets

from forensics.schema import Floats
from forensics.traces.jpeg import luma_table
from forensics.traces.jpeg_encoders import ROBIDOUX, encoder_of
from forensics.traces.jpeg_file import ZIGZAG, read_jpeg, standard_huffman
from forensics.traces.thumbnails import compare_thumbnail, without_bars


def jpeg(**options: Any) -> bytes:
    buffer = BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (40, 64, 3), dtype=np.uint8)
    Pillow.fromarray(noise).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def gray(height: int = 240, width: int = 320, seed: int = 0) -> Floats:
    """Soft shapes, (height, width) float32."""
    cells = np.random.default_rng(seed).integers(0, 256, (9, 12), dtype=np.uint8)
    soft = Pillow.fromarray(cells).resize((width, height), Pillow.Resampling.BICUBIC)
    return np.asarray(soft, dtype=np.float32)


def shrunk(picture: Floats, width: int, height: int) -> Floats:
    small = Pillow.fromarray(picture).resize((width, height), Pillow.Resampling.BOX)
    return np.asarray(small, dtype=np.float32)


def test_the_zigzag_is_the_standards() -> None:
    assert ZIGZAG[:6] == [(0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2)]
    assert ZIGZAG[-1] == (7, 7)


@pytest.mark.parametrize("quality", [10, 75, 98])
def test_tables_are_read_in_their_order(quality: int) -> None:
    np.testing.assert_array_equal(read_jpeg(jpeg(quality=quality)).luma_table, luma_table(quality))


def test_sampling_passes_and_end_are_read() -> None:
    found = read_jpeg(jpeg(subsampling=2, progressive=True) + b"more")
    assert [component[:2] for component in found.components] == [(2, 2), (1, 1), (1, 1)]
    assert found.progressive
    assert found.scans > 1
    assert found.end == len(jpeg(subsampling=2, progressive=True))


def test_segments_have_names() -> None:
    names = [segment.name for segment in read_jpeg(jpeg()).segments]
    assert names[:4] == ["APP0 JFIF", "DQT", "DQT", "SOF0"]


def test_fitted_huffman_codes_are_told_from_the_standards() -> None:
    assert standard_huffman(read_jpeg(jpeg())) is True
    assert standard_huffman(read_jpeg(jpeg(optimize=True))) is False


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xdb\xff\xff\0", b"no JPEG at all"]
)
def test_whatever_the_bytes_are_the_walk_ends(data: bytes) -> None:
    found = read_jpeg(data)
    assert found.end is None
    assert found.luma_table is None


def test_a_lying_length_is_noticed() -> None:
    assert read_jpeg(b"\xff\xd8\xff\xdb\xff\xff\0").cut


def test_encoders_are_named_by_their_tables() -> None:
    photoshop: Any = presets["web_high"]["quantization"]
    tables = {
        "ijg": luma_table(83),
        "photoshop": np.array(photoshop[0]).reshape(8, 8),
        "mozjpeg": np.clip((ROBIDOUX * 50 + 50) // 100, 1, 255),
        "scaled": np.clip(np.rint(luma_table(50) * 0.333), 1, 255).astype(np.int64),
        "own": np.add.outer(np.arange(8), np.arange(8)) ** 2 + 3,
    }
    assert {encoder_of(np.asarray(table, np.int64)).kind: None for table in tables.values()} == {
        name: None for name in tables
    }


def test_a_thumbnail_of_the_picture_agrees() -> None:
    found = compare_thumbnail(gray(), shrunk(gray(), 160, 120) * 0.7 + 20)
    assert found is not None
    assert found.correlation > 0.95
    assert found.differing_share == 0
    assert found.picture_share == found.thumbnail_share == 1


def test_a_thumbnail_of_another_picture_does_not() -> None:
    found = compare_thumbnail(gray(), shrunk(gray(seed=9), 160, 120))
    assert found is not None
    assert found.correlation < 0.6


def test_a_changed_region_differs_where_it_is() -> None:
    changed = gray().copy()
    changed[60:140, 100:200] = gray(seed=5)[60:140, 100:200]
    found = compare_thumbnail(changed, shrunk(gray(), 160, 120))
    assert found is not None
    assert found.differing_share > 0.02
    height, width = found.map.shape
    row, column = np.unravel_index(np.argmax(found.map), found.map.shape)
    assert 0.25 < row / height < 0.6
    assert 0.3 < column / width < 0.65


def test_a_cropped_picture_shows_part_of_its_thumbnail() -> None:
    found = compare_thumbnail(gray()[30:210, 40:280], shrunk(gray(), 160, 120))
    assert found is not None
    assert found.correlation > 0.9
    assert found.thumbnail_share == pytest.approx(0.56, abs=0.12)
    assert found.differing_share < 0.02


def test_turned_thumbnails_and_bars_are_no_difference() -> None:
    barred = np.zeros((120, 160), np.float32)
    barred[15:105] = shrunk(gray(), 160, 90)
    assert without_bars(barred).shape == (90, 160)
    found = compare_thumbnail(np.rot90(gray()).copy(), shrunk(gray(), 160, 120))
    assert found is not None
    assert found.correlation > 0.95


def test_black_and_tiny_thumbnails_are_not_compared() -> None:
    assert compare_thumbnail(gray(), np.zeros((120, 160), np.float32)) is None
    assert compare_thumbnail(gray(), np.ones((8, 8), np.float32) * 99) is None
