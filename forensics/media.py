"""The border of the suite: a path in, upright 8-bit sRGB pixels out, or one clear sentence why not.

Everything behind this file sees RGB and nothing else.
"""

import hashlib
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import ExifTags, ImageFile, UnidentifiedImageError
from PIL import Image as Pillow
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from forensics.errors import ForensicsError, MediaTooLarge, UnreadableMedia, UnsupportedMedia
from forensics.headers import DEFLATE_RATIO, jpeg_area, jpeg_frame, sniff, with_noise_after_scans
from forensics.pixels import SIDEWAYS, colours_of, rgb_array, turn
from forensics.schema import Frame, Image, Media, MediaKind

MAX_BYTES = 300_000_000
MAX_PIXELS = 150_000_000
_SUFFIXES = {
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"},
    "PNG": {".png", ".apng"},
    "WEBP": {".webp"},
    "GIF": {".gif"},
    "BMP": {".bmp", ".dib"},
    "TIFF": {".tif", ".tiff"},
    "HEIC": {".heic", ".heif", ".hif"},
    "AVIF": {".avif"},
}
# 28,000 mutated files drew from Pillow, its codecs and pillow-heif: OSError (with Pillow's
# UnidentifiedImageError), ValueError, SyntaxError, RuntimeError, EOFError, TypeError and
# IndexError. The last three below were not met, but are what Python's own parts of Pillow raise
# on fields out of range, on cut structures and on damaged compressed texts.
_DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    RuntimeError,
    EOFError,
    LookupError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
)
_COUNT_NOTES = {
    "JPEG": "Only the first of {} pictures in the file is examined.",
    "TIFF": "Only the first of {} pictures in the file is examined.",
    "HEIC": "Only the main one of {} pictures in the file is examined.",
}
_PNG_CHANNELS = {2: 3, 4: 2, 6: 4}
# TIFF tags (TIFF 6.0, DNG 1.4) and the compression that keeps a JPEG in every strip or tile.
_SUBFILE, _BITS, _COMPRESSION, _PHOTOMETRIC, _STRIPS, _TILES = 254, 258, 259, 262, 273, 324
_DNG, _TIFF_JPEG, _YCBCR = 50706, 7, 6
# How far a TIFF compression can shrink: none, LZW (4,096 px in 12 bits), deflate, PackBits.
_TIFF_RATIOS = {1: 1, 5: 2731, 8: DEFLATE_RATIO, 32946: DEFLATE_RATIO, 32773: 64}
_KEPT_BITS = 8
_pillow_settings = threading.RLock()


def read_bytes(path: Path) -> bytes:
    """Read a file of at most 300 MB.

    Raises:
        UnreadableMedia: it is missing, empty, no file, or may not be read.
        MediaTooLarge: it has more than 300 MB.
    """
    if not path.exists():
        raise UnreadableMedia(f"{path.name} does not exist; check the path.")
    if not path.is_file():
        raise UnreadableMedia(f"{path.name} is not a file; give the path of a picture.")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise MediaTooLarge(
                f"{path.name} has {size / 10**6:.0f} MB; the limit is {MAX_BYTES // 10**6} MB."
            )
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnreadableMedia(f"{path.name} cannot be read ({reason}); check it.") from error
    if not data:
        raise UnreadableMedia(f"{path.name} is empty (0 bytes); fetch it again from its source.")
    return data


def open_media(path: Path, data: bytes) -> Media:
    """Describe a picture from its header; no pixel is decoded.

    Args:
        path: where the file lies; only its name and suffix are used.
        data: the whole file.

    Raises:
        UnreadableMedia: no picture, or a header that contradicts the bytes.
        UnsupportedMedia: a clip, a camera raw file or a format that is not read.
        MediaTooLarge: more than 150 megapixels.
    """
    with _opened(path.name, data) as picture:
        orientation, exif_note = _orientation(picture)
        width, height = picture.size
        if orientation in SIDEWAYS:
            width, height = height, width
        notes = (*_notes(picture, data, path.suffix.lower()), *exif_note)
        name = _format_name(picture)
    sha256 = hashlib.sha256(data).hexdigest()
    kind = MediaKind.IMAGE
    return Media(path, kind, sha256, width, height, name, orientation=orientation, notes=notes)


def decode(media: Media, data: bytes) -> Frame:
    """Decode the first picture of a file: upright, (H, W, 3) uint8 RGB in sRGB, C-contiguous.

    Raises:
        UnreadableMedia: the data is damaged or incomplete.
        MediaTooLarge: this machine has too little memory for it.
    """
    image = turn(*_as_stored(media.path.name, data))
    if image.shape[:2] != (media.height, media.width):
        raise UnreadableMedia(
            f"{media.path.name} promises {media.width} x {media.height} px, but holds "
            f"{image.shape[1]} x {image.shape[0]}; fetch it again from its source."
        )
    return Frame(image)


def load_image(path: Path) -> Image:
    """Return the pixels of a file, (H, W, 3) uint8 RGB. Raises what reading it raises."""
    data = read_bytes(path)
    return decode(open_media(path, data), data).image


def _as_stored(name: str, data: bytes) -> tuple[Image, int]:
    # A function of its own, so that Pillow's copy is gone before the turn makes another.
    with _opened(name, data) as picture:
        orientation, _ = _orientation(picture)
        image = rgb_array(picture, bits=_sample_bits(picture, data))
        if picture.format in ("JPEG", "MPO"):
            _check_complete(picture, data)
    return image, orientation


@contextmanager
def _opened(name: str, data: bytes) -> Iterator[Pillow.Image]:
    """Open a picture; whatever goes wrong inside becomes an error of ours."""
    try:
        with _strict_pillow(), _open(sniff(data, name), data) as picture:
            _refuse_raw(picture, name)
            _check_plausible(picture, data)
            yield picture
    except ForensicsError:
        raise
    except Pillow.DecompressionBombError as error:
        raise MediaTooLarge(
            f"{name} has more than {MAX_PIXELS // 10**6} megapixels, the limit."
        ) from error
    except MemoryError as error:
        raise MediaTooLarge(f"{name} needs more memory than this machine has left.") from error
    except UnidentifiedImageError as error:
        raise UnreadableMedia(
            f"{name} has a damaged header; fetch it again from its source."
        ) from error
    except _DAMAGE as error:
        # libheif's messages end in a line break.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableMedia(
            f"{name} is damaged or incomplete ({reason}); fetch it again from its source."
        ) from error


@contextmanager
def _strict_pillow() -> Iterator[None]:
    """Hold Pillow's process-wide settings at ours: no half files, 150 megapixels, no warnings."""
    with _pillow_settings, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = ImageFile.LOAD_TRUNCATED_IMAGES, Pillow.MAX_IMAGE_PIXELS
        # Pillow warns above this number and refuses above twice this number.
        ImageFile.LOAD_TRUNCATED_IMAGES, Pillow.MAX_IMAGE_PIXELS = False, MAX_PIXELS // 2
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES, Pillow.MAX_IMAGE_PIXELS = before


def _open(kind: str, data: bytes) -> Pillow.Image:
    if kind != "HEIF":
        return Pillow.open(BytesIO(data), formats=[kind])
    # Takes .2 s to import, which only those who have such a file should pay.
    from pillow_heif import HeifImageFile

    picture: Pillow.Image = HeifImageFile(BytesIO(data))  # type: ignore[no-untyped-call]
    if picture.width * picture.height > MAX_PIXELS:
        raise Pillow.DecompressionBombError
    return picture


def _refuse_raw(picture: Pillow.Image, name: str) -> None:
    if not isinstance(picture, TiffImageFile):
        return
    # The first picture of a raw file is a preview, which must not pass for the photograph.
    if _DNG in picture.tag_v2 or picture.tag_v2.get(_SUBFILE, 0) & 1:
        raise UnsupportedMedia(f"{name} is a camera raw file; export it as TIFF, PNG or JPEG.")


def _check_plausible(picture: Pillow.Image, data: bytes) -> None:
    """Refuse, before any pixel is allocated, what the codec cannot express in so few bytes."""
    width, height = picture.size
    fewest = 0
    if picture.format in ("JPEG", "MPO"):
        frame = jpeg_frame(data)
        fewest = frame.fewest_bytes if frame else 0
    elif picture.format == "PNG":
        bits = data[24] * _PNG_CHANNELS.get(data[25], 1)
        fewest = height * (width * bits // 8) // DEFLATE_RATIO
    elif isinstance(picture, TiffImageFile):
        fewest = _fewest_tiff_bytes(picture.tag_v2, width * height, data)
    if len(data) < fewest:
        raise ValueError(f"{len(data)} bytes cannot hold the promised {width} x {height} px")


def _fewest_tiff_bytes(tags: ImageFileDirectory_v2, area: int, data: bytes) -> int:
    compression = tags.get(_COMPRESSION, 1)
    if compression == _TIFF_JPEG:
        covered = jpeg_area(data, tags.get(_STRIPS) or tags.get(_TILES) or ())
        return len(data) + 1 if covered < area else 0
    # Chroma of YCbCr may be stored at a quarter of its size.
    if compression not in _TIFF_RATIOS or tags.get(_PHOTOMETRIC) == _YCBCR:
        return 0
    return area * int(sum(tags.get(_BITS, (1,)))) // 8 // _TIFF_RATIOS[compression]


def _check_complete(picture: Pillow.Image, data: bytes) -> None:
    """Refuse a loaded JPEG whose scan stops short: libjpeg greys the rest and says nothing."""
    corner = picture.getpixel((picture.width - 1, picture.height - 1))
    levels = corner if isinstance(corner, tuple) else (corner,)
    # The grey of missing blocks: coefficients of zero, as they are or inverted (Adobe's CMYK).
    if not all(level in (127, 128) for level in levels):
        return
    if _eighth(data) != _eighth(with_noise_after_scans(data)):
        raise ValueError("the picture data ends before the picture does")


def _eighth(data: bytes) -> bytes:
    with Pillow.open(BytesIO(data), formats=["JPEG"]) as picture:
        picture.draft(None, (max(1, picture.width // 8), max(1, picture.height // 8)))
        return picture.tobytes()


def _orientation(picture: Pillow.Image) -> tuple[int, tuple[str, ...]]:
    """The EXIF turn that is still to be done, 1 to 8, and what there is to say about it."""
    # libheif and Pillow's TIFF reader turn the pixels themselves.
    if picture.format in ("HEIF", "TIFF"):
        return 1, ()
    try:
        # PNG's own getexif() would decode all pixels to look for EXIF behind them.
        value = Pillow.Image.getexif(picture).get(ExifTags.Base.Orientation, 1)
    except _DAMAGE:
        return 1, ("The EXIF data is damaged; the picture is examined as it is stored.",)
    return (value if isinstance(value, int) and value in range(1, 9) else 1), ()


def _notes(picture: Pillow.Image, data: bytes, suffix: str) -> Iterator[str]:
    """Yield what decoding this file has to decide, one sentence each."""
    name = _format_name(picture)
    if suffix and suffix not in _SUFFIXES[name]:
        yield f"The file is named {suffix}, but holds {name} data."
    count = getattr(picture, "n_frames", 1)
    if count > 1:
        yield _COUNT_NOTES.get(name, "Only the first of {} frames is examined.").format(count)
    bits = _sample_bits(picture, data)
    if bits > _KEPT_BITS:
        yield f"Samples of {bits} bits were reduced to 8 bits."
    if picture.has_transparency_data:
        yield "Transparent parts are examined as they look on white."
    if note := colours_of(picture).note:
        yield note


def _sample_bits(picture: Pillow.Image, data: bytes) -> int:
    if picture.format == "PNG":
        return data[24]
    if isinstance(picture, TiffImageFile):
        return int(max(picture.tag_v2.get(_BITS, (1,))))
    return int(picture.info.get("bit_depth", _KEPT_BITS))


def _format_name(picture: Pillow.Image) -> str:
    name = str(picture.format)
    return {"MPO": "JPEG", "HEIF": "HEIC"}.get(name, name)
