"""What the JPEG analyses say of files whose history is known."""

import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics import plugins
from forensics.case import Case
from forensics.schema import Evidence, Finding, Image

Given = dict[str, Finding]


def scene(side: int = 320, seed: int = 0) -> Image:
    """Shapes from coarse to fine with a little grain, (side, side, 3)."""
    rng = np.random.default_rng(seed)
    total = np.zeros((side, side, 3))
    for cells in (5, 11, 23, 47, 95):
        coarse = Pillow.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        layer = coarse.resize((side, side), Pillow.Resampling.BICUBIC)
        total += (np.asarray(layer, dtype=np.float64) - 128) / cells**0.5
    return np.clip(128 + total + rng.normal(0, 2, total.shape), 0, 255).astype(np.uint8)


def jpeg(image: Image, quality: int = 90, **options: Any) -> bytes:
    buffer = BytesIO()
    Pillow.fromarray(image).save(buffer, "JPEG", quality=quality, **options)
    return buffer.getvalue()


def decoded(data: bytes) -> Image:
    return np.asarray(Pillow.open(BytesIO(data)).convert("RGB"))


def examined(name: str, data: bytes, folder: Path, suffix: str = ".jpg") -> Evidence:
    path = folder / f"a{suffix}"
    path.write_bytes(data)
    evidence: Evidence = plugins.load("analysis", name).examine(Case(path))
    return evidence


def given(name: str, data: bytes, folder: Path) -> Given:
    return {finding.code: finding for finding in examined(name, data, folder).findings}


def exif_with(thumbnail: bytes, orientation: int = 1) -> bytes:
    """An EXIF block whose second directory points at `thumbnail`."""
    first = struct.pack(">HHHIHxxI", 1, 0x0112, 3, 1, orientation, 26)
    second = struct.pack(">HHHIIHHIII", 2, 0x0201, 4, 1, 56, 0x0202, 4, 1, len(thumbnail), 0)
    return b"Exif\0\0MM\0*\0\0\0\x08" + first + second + thumbnail


def small(image: Image) -> bytes:
    shrunk = Pillow.fromarray(image).resize((160, 160), Pillow.Resampling.BOX)
    return jpeg(np.asarray(shrunk), 80)


def test_two_compressions_are_said_with_both_qualities(tmp_path: Path) -> None:
    found = given("double_compression", jpeg(decoded(jpeg(scene(), 70)), 90), tmp_path)
    assert "about quality 70 on the same grid" in found["two_compressions"].statement
    assert "own of about 90" in found["two_compressions"].statement


def test_one_compression_is_said_with_its_limit(tmp_path: Path) -> None:
    found = given("double_compression", jpeg(scene(), 80), tmp_path)
    assert "higher quality can go unseen" in found["one_compression"].statement


def test_a_region_saved_once_has_a_map(tmp_path: Path) -> None:
    spliced = decoded(jpeg(scene(), 70)).copy()
    spliced[96:224, 96:224] = scene(seed=1)[96:224, 96:224]
    found = given("double_compression", jpeg(spliced, 92), tmp_path)
    heatmap = found["region_compressed_once"].heatmap
    assert heatmap is not None
    assert heatmap[16:24, 16:24].mean() > 0.9
    assert heatmap[:8].mean() < 0.1


def test_maps_turn_with_the_picture(tmp_path: Path) -> None:
    spliced = scene().copy()
    spliced[:128, 16:144] = decoded(jpeg(scene(seed=1), 65))[3:131, 19:147]
    data = jpeg(spliced, 93, exif=exif_with(b"", orientation=6))
    heatmap = given("jpeg_grid", data, tmp_path)["region_with_own_grid"].heatmap
    assert heatmap is not None
    # Orientation 6: what is stored at the top is shown at the right.
    assert heatmap[:5, 6:].mean() > 0.3 + heatmap[:5, :4].mean()


def test_a_cropped_picture_shows_an_earlier_grid(tmp_path: Path) -> None:
    cropped = np.ascontiguousarray(decoded(jpeg(scene(), 60))[3:, 5:])
    found = given("jpeg_grid", jpeg(cropped, 95), tmp_path)
    assert "begin at row 5 and column 3" in found["earlier_grid"].statement


def test_a_ghost_is_said_with_its_quality(tmp_path: Path) -> None:
    spliced = scene().copy()
    spliced[96:224, 96:224] = decoded(jpeg(scene(seed=1), 59))[96:224, 96:224]
    found = given("jpeg_ghosts", jpeg(spliced, 92), tmp_path)
    assert found["ghost"].statement.startswith("Recompressed at JPEG quality 59, ")


@pytest.mark.parametrize("name", ["double_compression", "jpeg_ghosts"])
def test_cmyk_has_no_luminance(name: str, tmp_path: Path) -> None:
    buffer = BytesIO()
    Pillow.fromarray(scene()).convert("CMYK").save(buffer, "JPEG")
    assert list(given(name, buffer.getvalue(), tmp_path)) == ["no_luminance"]


def test_structure_names_encoder_sampling_and_coding(tmp_path: Path) -> None:
    data = jpeg(scene(), 82, subsampling=0, progressive=True)
    found = given("jpeg_structure", data, tmp_path)
    assert "IJG library does at quality 82" in found["tables_ijg"].statement
    assert {"chroma_full", "progressive", "order"} <= set(found)


def test_fitted_codes_and_both_headers_are_said(tmp_path: Path) -> None:
    found = given("jpeg_structure", jpeg(scene(), optimize=True, exif=exif_with(b"")), tmp_path)
    assert {"huffman_fitted", "jfif_and_exif"} <= set(found)


def test_a_thumbnail_that_agrees_says_so(tmp_path: Path) -> None:
    data = jpeg(scene(), exif=exif_with(small(scene())))
    assert "thumbnail_agrees" in given("jpeg_structure", data, tmp_path)


def test_a_thumbnail_under_a_filter_still_agrees(tmp_path: Path) -> None:
    brighter = (255 * (scene() / 255) ** 0.7).astype(np.uint8)
    data = jpeg(brighter, exif=exif_with(small(scene())))
    assert "thumbnail_agrees" in given("jpeg_structure", data, tmp_path)


def test_a_thumbnail_of_the_uncropped_picture_says_so(tmp_path: Path) -> None:
    data = jpeg(scene()[40:280, 40:280], exif=exif_with(small(scene())))
    assert "thumbnail_cropped" in given("jpeg_structure", data, tmp_path)


def test_a_thumbnail_with_other_content_is_said_and_shown(tmp_path: Path) -> None:
    changed = scene().copy()
    changed[96:192, 96:192] = scene(seed=4)[96:192, 96:192]
    found = given("jpeg_structure", jpeg(changed, exif=exif_with(small(scene()))), tmp_path)
    assert found["thumbnail_differs"].heatmap is not None


def test_a_thumbnail_of_another_picture_is_said(tmp_path: Path) -> None:
    data = jpeg(scene(), exif=exif_with(small(scene(seed=8))))
    assert "thumbnail_other" in given("jpeg_structure", data, tmp_path)


def test_a_damaged_thumbnail_is_a_finding(tmp_path: Path) -> None:
    data = jpeg(scene(), exif=exif_with(b"\xff\xd8\xff\xe0 nothing that decodes"))
    assert "thumbnail_damaged" in given("jpeg_structure", data, tmp_path)


@pytest.mark.parametrize(
    ("behind", "code"),
    [
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "motion_clip"),
        (b"left-over bytes", "after_end"),
    ],
)
def test_what_follows_the_picture_is_said(behind: bytes, code: str, tmp_path: Path) -> None:
    assert code in given("jpeg_structure", jpeg(scene()) + behind, tmp_path)


def test_padding_behind_the_picture_is_nothing(tmp_path: Path) -> None:
    assert "after_end" not in given("jpeg_structure", jpeg(scene()) + bytes(64), tmp_path)


def test_a_motion_photo_without_its_clip_is_said(tmp_path: Path) -> None:
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" GCamera:MotionPhoto="1"></x:xmpmeta>'
    data = jpeg(scene(), xmp=packet)
    assert "clip_missing" in given("jpeg_structure", data, tmp_path)


def test_further_pictures_are_counted_and_missed(tmp_path: Path) -> None:
    buffer = BytesIO()
    parts = [Pillow.fromarray(scene(seed=seed)) for seed in (0, 1)]
    parts[0].save(buffer, "MPO", save_all=True, append_images=parts[1:])
    whole = buffer.getvalue()
    found = given("jpeg_structure", whole, tmp_path)
    assert "lists 2 pictures" in found["multi_picture"].statement
    cut = whole[: whole.index(b"\xff\xd9\xff\xd8") + 2]
    assert "pictures_missing" in given("jpeg_structure", cut, tmp_path)
