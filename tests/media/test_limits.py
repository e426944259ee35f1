"""What cannot be examined is refused with one clear sentence, before it costs anything."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics import media
from forensics.errors import MediaTooLarge, UnreadableMedia, UnsupportedMedia
from forensics.headers import jpeg_frame, sniff
from forensics.media import decode, open_media, read_bytes
from forensics.schema import Image


def noise(side: int) -> Image:
    return np.random.default_rng(3).integers(0, 256, (side, side, 3), dtype=np.uint8)


def jpeg(tmp_path: Path, **options: Any) -> bytearray:
    Pillow.fromarray(noise(256)).save(tmp_path / "a.jpg", **options)
    return bytearray((tmp_path / "a.jpg").read_bytes())


def claim(data: bytearray, width: int, height: int) -> bytes:
    """The same JPEG with another size in its frame header."""
    at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def png(width: int, height: int) -> bytes:
    """A PNG of this size with a few rows in it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (b"IHDR" + header, b"IDAT" + zlib.compress(bytes(10_000)), b"IEND")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in chunks
    )


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableMedia, match=r"^nowhere\.jpg does not exist; check the path\.$"):
        read_bytes(tmp_path / "nowhere.jpg")


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(UnreadableMedia, match="is not a file"):
        read_bytes(tmp_path)


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    with pytest.raises(UnreadableMedia, match=r"^empty\.png is empty"):
        read_bytes(tmp_path / "empty.png")


def test_the_limit_of_bytes_is_inclusive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "MAX_BYTES", 10)
    (tmp_path / "ten").write_bytes(b"x" * 10)
    (tmp_path / "eleven").write_bytes(b"x" * 11)
    assert len(read_bytes(tmp_path / "ten")) == 10
    with pytest.raises(MediaTooLarge, match="eleven"):
        read_bytes(tmp_path / "eleven")


def test_a_sparse_file_above_the_limit_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "sparse.png").open("wb") as file:
        file.truncate(media.MAX_BYTES + 1)
    with pytest.raises(MediaTooLarge, match="the limit is 300 MB"):
        read_bytes(tmp_path / "sparse.png")


@pytest.mark.parametrize(
    "data",
    [
        b"Dear editor, please find attached",
        b"\0",
        b"\xff\xd8",
        b"{}",
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"BM",
        b"II*\0\x08\0\0\0",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
    ],
)
def test_what_is_no_picture_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableMedia, match=r"^letter\.jpg .+\.$"):
        open_media(Path("letter.jpg"), data)


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41",
        b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
        b"\0\0\0\x08wide\0\0\0\0mdat",
        b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01",
        b"RIFF\x24\0\0\0AVI LIST",
        b"\0\0\x01\xba\x44\0\x04\0",
        b"\0\0\x01\xb3\x14\0\xf0\x13",
        (b"\x47" + b"\0" * 187) * 3,
    ],
)
def test_a_clip_is_unsupported_whatever_its_name(data: bytes) -> None:
    with pytest.raises(UnsupportedMedia, match="video is not examined by this version"):
        open_media(Path("clip.jpg"), data)


@pytest.mark.parametrize("data", [b"\xff\x0a\xfa\x1f", b"%PDF-1.7", b"%!PS-Adobe-3.0 EPSF-3.0"])
def test_a_format_that_is_not_read_is_named(data: bytes) -> None:
    with pytest.raises(UnsupportedMedia, match="this version does not read"):
        sniff(data, "a.bin")


def test_neutral_brands_are_told_apart_by_the_compatible_ones() -> None:
    assert sniff(b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "a") == "AVIF"
    assert sniff(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "a") == "HEIF"


def test_a_camera_raw_file_is_not_examined_by_its_preview(tmp_path: Path) -> None:
    Pillow.fromarray(noise(16)).save(tmp_path / "raw.dng", "TIFF", tiffinfo={50706: b"\1\4\0\0"})
    with pytest.raises(UnsupportedMedia, match="camera raw"):
        open_media(tmp_path / "raw.dng", (tmp_path / "raw.dng").read_bytes())


def test_a_wrong_suffix_is_noted_and_read_by_its_content(tmp_path: Path) -> None:
    seen = open_media(Path("photo.png"), bytes(jpeg(tmp_path)))
    assert seen.format == "JPEG"
    assert seen.notes == ("The file is named .png, but holds JPEG data.",)


@pytest.mark.parametrize(("width", "height"), [(15_001, 10_000), (2**31 - 1, 1), (65_535, 65_535)])
def test_too_many_pixels_are_refused_from_the_header(width: int, height: int) -> None:
    with pytest.raises(MediaTooLarge, match="more than 150 megapixels"):
        open_media(Path("vast.png"), png(width, height))


def test_a_png_too_short_for_its_size_is_refused_from_the_header() -> None:
    with pytest.raises(UnreadableMedia, match="cannot hold the promised 12000 x 12000 px"):
        open_media(Path("lie.png"), png(12_000, 12_000))


def test_a_jpeg_too_short_for_its_size_is_refused_from_the_header(tmp_path: Path) -> None:
    data = claim(jpeg(tmp_path, quality=30), 12_000, 12_000)
    with pytest.raises(UnreadableMedia, match="cannot hold the promised 12000 x 12000 px"):
        open_media(Path("lie.jpg"), data)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_claims_more_rows_than_it_holds_is_refused(
    tmp_path: Path, options: dict[str, Any], mode: str
) -> None:
    Pillow.fromarray(noise(256)).convert(mode).save(tmp_path / "a.jpg", **options)
    data = claim(bytearray((tmp_path / "a.jpg").read_bytes()), 256, 400)
    with pytest.raises(UnreadableMedia, match="ends before the picture does"):
        decode(open_media(Path("lie.jpg"), data), data)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
def test_a_jpeg_whose_blocks_stop_short_is_refused_with_or_without_an_end(
    tmp_path: Path, options: dict[str, Any], end: bytes
) -> None:
    whole = bytes(jpeg(tmp_path, **options))
    data = whole[: whole.find(b"\xff\xda") + 300] + end
    with pytest.raises(UnreadableMedia, match="damaged or incomplete"):
        decode(open_media(Path("cut.jpg"), data), data)


@pytest.mark.parametrize(("mode", "value"), [("RGB", (128,) * 3), ("L", 128), ("CMYK", (127,) * 4)])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}])
def test_a_healthy_grey_jpeg_is_not_taken_for_a_cut_one(
    tmp_path: Path, mode: str, value: int | tuple[int, ...], options: dict[str, Any]
) -> None:
    Pillow.new(mode, (640, 480), value).save(tmp_path / "grey.jpg", **options)
    data = (tmp_path / "grey.jpg").read_bytes()
    assert decode(open_media(Path("grey.jpg"), data), data).image.shape == (480, 640, 3)


@pytest.mark.parametrize("quality", [1, 50, 95])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}])
def test_no_real_encoder_goes_below_the_bound(
    tmp_path: Path, quality: int, options: dict[str, Any]
) -> None:
    Pillow.new("RGB", (2_000, 1_500)).save(tmp_path / "flat.jpg", quality=quality, **options)
    data = (tmp_path / "flat.jpg").read_bytes()
    frame = jpeg_frame(data)
    assert frame is not None
    assert 0 < frame.fewest_bytes <= len(data)


def test_the_smallest_png_of_one_colour_is_accepted(tmp_path: Path) -> None:
    Pillow.new("RGB", (3_000, 2_000)).save(tmp_path / "black.png", compress_level=9)
    data = (tmp_path / "black.png").read_bytes()
    assert open_media(tmp_path / "black.png", data).width == 3_000


def test_a_tiff_whose_jpegs_do_not_cover_it_is_refused(tmp_path: Path) -> None:
    Pillow.fromarray(noise(128)).save(tmp_path / "a.tif", compression="jpeg")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    at = data.find(struct.pack("<HHI", 257, 3, 1))
    data[at + 8 : at + 10] = struct.pack("<H", 3_000)
    with pytest.raises(UnreadableMedia, match="cannot hold the promised 128 x 3000 px"):
        open_media(Path("a.tif"), bytes(data))
