"""Whatever a file stores, the same picture comes out: upright, 8 bits, sRGB."""

import struct
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import ExifTags, ImageCms, ImageFile
from PIL import Image as Pillow

from forensics.media import decode, load_image, open_media
from forensics.schema import Image, Media


def scene(height: int = 24, width: int = 40) -> Image:
    """Smooth colour ramps: no codec has an excuse."""
    y, x = np.mgrid[0:height, 0:width]
    bands = (x * 200 / width + 20, y * 200 / height + 20, (x + y) * 150 / (height + width) + 40)
    return np.stack(bands, axis=-1).astype(np.uint8)


def encoded(picture: Pillow.Image, form: str, **options: object) -> bytes:
    file = BytesIO()
    if form == "HEIF":
        pillow_heif.from_pillow(picture).save(file, **options)
    else:
        picture.save(file, form, **options)
    return file.getvalue()


def examined(data: bytes, name: str = "picture") -> tuple[Media, Image]:
    media = open_media(Path(name), data)
    return media, decode(media, data).image


def grey(image: Image) -> Image:
    return np.asarray(Pillow.fromarray(image).convert("L"))


LOSSLESS = [
    ("PNG", {}),
    ("BMP", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ("WEBP", {"lossless": True}),
]
LOSSY = [
    ("JPEG", {"quality": 95}),
    ("JPEG", {"quality": 95, "progressive": True}),
    ("JPEG", {"quality": 95, "subsampling": 0}),
    ("TIFF", {"compression": "jpeg", "quality": 95}),
    ("WEBP", {"quality": 95}),
    ("AVIF", {"quality": 95}),
    ("HEIF", {"quality": 95}),
]


@pytest.mark.parametrize(("form", "options"), LOSSLESS)
def test_a_lossless_file_gives_back_its_pixels(form: str, options: dict[str, object]) -> None:
    _, image = examined(encoded(Pillow.fromarray(scene()), form, **options))
    assert np.array_equal(image, scene())


@pytest.mark.parametrize(("form", "options"), LOSSY)
def test_a_lossy_file_gives_nearly_its_pixels(form: str, options: dict[str, object]) -> None:
    _, image = examined(encoded(Pillow.fromarray(scene()), form, **options))
    assert np.abs(image.astype(int) - scene()).mean() < 4


@pytest.mark.parametrize(("form", "options"), LOSSLESS + LOSSY)
def test_pixels_are_contiguous_rgb_and_the_same_every_time(
    form: str, options: dict[str, object]
) -> None:
    data = encoded(Pillow.fromarray(scene()), form, **options)
    first, second = examined(data)[1], examined(data)[1]
    assert first.flags.c_contiguous
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_turn_ends_upright(form: str, orientation: int) -> None:
    exif = Pillow.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options: dict[str, object] = {"exif": exif.tobytes()} if form == "HEIF" else {"exif": exif}
    media, image = examined(encoded(laid_down(scene(), orientation), form, **options))
    assert (media.height, media.width) == scene().shape[:2]
    assert np.abs(image.astype(int) - scene()).mean() < 8


def laid_down(image: Image, orientation: int) -> Pillow.Image:
    """The picture as a camera held in this orientation stores it (the inverse of the turn)."""
    turns = Pillow.Transpose
    inverse = {
        1: None,
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_90,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_270,
    }[orientation]
    picture = Pillow.fromarray(image)
    return picture if inverse is None else picture.transpose(inverse)


MODES: list[tuple[str, Callable[[Pillow.Image], Pillow.Image], str]] = [
    ("PNG", lambda picture: picture.convert("L"), "L"),
    ("PNG", lambda picture: picture.convert("LA"), "L"),
    ("PNG", lambda picture: picture.convert("RGBA"), "RGB"),
    ("PNG", lambda picture: picture.convert("1"), "1"),
    ("PNG", lambda picture: picture.quantize(32), "P"),
    ("GIF", lambda picture: picture.quantize(32), "P"),
    ("BMP", lambda picture: picture.quantize(32), "P"),
    ("BMP", lambda picture: picture.convert("1"), "1"),
    ("TIFF", lambda picture: picture.convert("LAB"), "LAB"),
    ("TIFF", lambda picture: picture.convert("CMYK"), "CMYK"),
    ("TIFF", lambda picture: picture.convert("YCbCr"), "YCbCr"),
]


@pytest.mark.parametrize(("form", "change", "mode"), MODES)
def test_every_mode_becomes_the_rgb_that_it_shows(
    form: str, change: Callable[[Pillow.Image], Pillow.Image], mode: str
) -> None:
    picture = change(Pillow.fromarray(scene()))
    _, image = examined(encoded(picture, form))
    assert np.abs(image.astype(int) - np.asarray(picture.convert("RGB"))).max() <= 1, mode


def test_jpeg_inks_become_the_colours_they_print() -> None:
    media, image = examined(encoded(Pillow.fromarray(scene()).convert("CMYK"), "JPEG", quality=95))
    assert np.abs(image.astype(int) - scene()).mean() < 4
    assert "CMYK inks are shown as RGB." in media.notes


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_sixteen_bits_are_scaled_not_clipped(form: str, dtype: str) -> None:
    deep = (np.arange(24 * 40).reshape(24, 40) * 65535 // 959).astype(dtype)
    media, image = examined(encoded(Pillow.fromarray(deep), form))
    assert np.abs(image[..., 0] - deep / 257).max() <= 0.51
    assert "Samples of 16 bits were reduced to 8 bits." in media.notes


@pytest.mark.parametrize(("dtype", "white"), [("f4", 1.0), ("f4", 255.0), ("i4", 65535)])
def test_thirty_two_bits_are_scaled_to_their_white(dtype: str, white: float) -> None:
    ramp = np.linspace(0, white, 24 * 40).reshape(24, 40).astype(dtype)
    media, image = examined(encoded(Pillow.fromarray(ramp), "TIFF"))
    assert np.abs(image[..., 1] - ramp * (255.0 / white)).max() <= 0.51
    assert "Samples of 32 bits were reduced to 8 bits." in media.notes


def test_samples_that_are_no_number_become_black() -> None:
    ramp = np.full((4, 4), 0.5, dtype=np.float32)
    ramp[0] = np.nan, np.inf, -np.inf, -1.0
    _, image = examined(encoded(Pillow.fromarray(ramp), "TIFF"))
    assert image[0].max() == 0
    assert image[1, 0, 0] == 128


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_transparent_parts_look_as_on_white(form: str) -> None:
    alpha = np.full((24, 40, 1), 255, dtype=np.uint8)
    alpha[:, :20] = 0
    picture = Pillow.fromarray(np.concatenate([scene(), alpha], axis=-1))
    media, image = examined(encoded(picture, form))
    assert image[:, :16].min() >= 250
    assert np.abs(image[:, 24:].astype(int) - scene()[:, 24:]).mean() < 8
    assert "Transparent parts are examined as they look on white." in media.notes


def test_a_transparent_palette_colour_is_white() -> None:
    picture = Pillow.fromarray(scene()).quantize(8)
    data = encoded(picture, "PNG", transparency=3)
    _, image = examined(data)
    assert (image[np.asarray(picture) == 3] == 255).all()


def narrow_profile() -> bytes:
    """An RGB profile whose green and red are swapped: nobody can overlook its effect."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = data.index(b"rXYZ"), data.index(b"gXYZ")
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(data)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_a_colour_profile_is_applied(form: str) -> None:
    data = encoded(Pillow.fromarray(scene()), form, icc_profile=narrow_profile())
    media, image = examined(data)
    assert np.abs(image[..., [1, 0, 2]].astype(int) - scene()).mean() < 5
    assert "Colours were converted from the file's profile to sRGB." in media.notes


def test_an_srgb_profile_leaves_every_pixel_alone() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    media, image = examined(encoded(Pillow.fromarray(scene()), "PNG", icc_profile=profile))
    assert np.array_equal(image, scene())
    assert media.notes == ()


@pytest.mark.parametrize("damage", [b"", b"not a profile", narrow_profile()[:200], b"\0" * 500])
def test_a_damaged_profile_is_ignored_and_said_so(damage: bytes) -> None:
    profile = damage or narrow_profile()[:128] + b"\xff" * 400
    media, image = examined(encoded(Pillow.fromarray(scene()), "PNG", icc_profile=profile))
    assert np.array_equal(image, scene())
    assert media.notes == ("The colour profile is damaged; it was ignored.",)


def test_a_profile_for_other_inks_is_ignored_and_said_so() -> None:
    picture = Pillow.fromarray(scene()).convert("CMYK")
    media, _ = examined(encoded(picture, "TIFF", icc_profile=narrow_profile()))
    assert media.notes == ("The colour profile does not fit the pixels; it was ignored.",)


def test_a_grey_picture_may_carry_an_rgb_profile() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = Pillow.fromarray(scene()).convert("L")
    media, image = examined(encoded(picture, "PNG", icc_profile=profile))
    assert np.array_equal(image, np.asarray(picture.convert("RGB")))
    assert media.notes == ()


@pytest.mark.parametrize(
    ("form", "word"),
    [("GIF", "frames"), ("PNG", "frames"), ("WEBP", "frames"), ("TIFF", "pictures in the file")],
)
def test_only_the_first_frame_counts_and_is_said_so(form: str, word: str) -> None:
    pictures = [Pillow.new("RGB", (16, 16), colour) for colour in ("red", "blue", "lime")]
    data = encoded(pictures[0], form, save_all=True, append_images=pictures[1:])
    media, image = examined(data)
    assert image[8, 8, 0] > 240
    assert image[8, 8, 2] < 15
    assert media.notes == (f"Only the first of 3 {word} is examined.",)


def test_a_multi_picture_jpeg_is_a_jpeg() -> None:
    pictures = [Pillow.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    media, image = examined(encoded(pictures[0], "MPO", save_all=True, append_images=pictures[1:]))
    assert media.format == "JPEG"
    assert image[8, 8, 0] > 240
    assert media.notes == ("Only the first of 2 pictures in the file is examined.",)


def test_damaged_exif_does_not_refuse_the_picture() -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01" * 20
    media, image = examined(encoded(Pillow.fromarray(scene()), "WEBP", exif=exif, lossless=True))
    assert np.array_equal(image, scene())
    assert media.width == 40


def test_pixels_do_not_depend_on_what_other_libraries_switch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = encoded(Pillow.effect_noise((64, 64), 60), "JPEG", quality=95)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(Exception, match="damaged or incomplete"):
        examined(data[: len(data) // 2])
    assert ImageFile.LOAD_TRUNCATED_IMAGES


def test_strips_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.pixels.STRIP_PIXELS", 100)
    _, image = examined(encoded(Pillow.fromarray(scene()), "PNG"))
    assert np.array_equal(image, scene())


def test_load_image_reads_what_was_written(tmp_path: Path) -> None:
    Pillow.fromarray(scene()).save(tmp_path / "scene.png")
    assert np.array_equal(load_image(tmp_path / "scene.png"), scene())


def test_no_warning_escapes() -> None:
    data = bytearray(encoded(Pillow.fromarray(scene()), "BMP"))
    data[18:26] = struct.pack("<ii", 10_000, 10_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_media(Path("large.bmp"), bytes(data)).width == 10_000
