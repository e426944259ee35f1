"""What a file carries beside its pixels, cut out of its bytes: PNG texts, EXIF fields, XMP packets.

The bytes are hostile until shown otherwise: every size is capped and nothing here raises.
"""

import math
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from PIL import ExifTags
from PIL import Image as Pillow

MAX_TEXT = 1_000_000
"""Bytes of one text or packet, after decompression; more is cut off."""
MAX_CHUNKS = 256
HALF_TURN, HOUR = 180, 60
MAX_PACKETS = 8
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# JPEG, HEIC and AVIF announce a TIFF block by "Exif", WebP and PNG by the name of their chunk.
_EXIF_BLOCK = re.compile(rb"(?:Exif\0\0|EXIF.{4}|eXIf)(?=II\*\0|MM\0\*)", re.DOTALL)
_TIFF_STARTS = (b"II*\0", b"MM\0*")
# All that Pillow's EXIF reader was seen to raise on mutated blocks.
EXIF_DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    LookupError,
    OverflowError,
    RuntimeError,
    struct.error,
)


@dataclass(frozen=True)
class Position:
    """What the GPS fields say, None where they do not: degrees east, and UTC."""

    longitude: float | None
    time: datetime | None


@dataclass(frozen=True)
class Exif:
    """The fields of a file's EXIF block as text, by name; `position` where it holds GPS fields."""

    fields: dict[str, str]
    position: Position | None


def png_texts(data: bytes) -> dict[str, str]:
    """The tEXt, zTXt and iTXt chunks of a PNG by keyword, the first of each; empty for others."""
    texts: dict[str, str] = {}
    for name, body in _png_chunks(data):
        keyword, _, rest = body.partition(b"\0")
        if name in _TEXT_READERS and len(texts) < MAX_CHUNKS:
            texts.setdefault(_decoded(keyword[:79], "latin-1"), _TEXT_READERS[name](rest))
    return texts


def read_exif(data: bytes) -> Exif | None:
    """The first EXIF block of a file; None where there is none.

    Raises:
        ValueError: there is a block, but it is damaged.
    """
    found = _EXIF_BLOCK.search(data)
    if found is None and not data.startswith(_TIFF_STARTS):
        return None
    block = data if found is None else data[found.end() : found.end() + MAX_TEXT]
    exif = Pillow.Exif()
    try:
        with warnings.catch_warnings():
            # Pillow warns on stderr of fields that it skips.
            warnings.simplefilter("ignore")
            exif.load(block)
            tags = {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
            position = _position(exif.get_ifd(ExifTags.IFD.GPSInfo))
    except EXIF_DAMAGE as error:
        raise ValueError(f"the EXIF block is damaged: {error}") from error
    named = {ExifTags.TAGS[tag]: value for tag, value in tags.items() if tag in ExifTags.TAGS}
    return Exif({name: _as_text(value) for name, value in named.items()}, position)


def _position(tags: dict[int, object]) -> Position | None:
    if not tags:
        return None
    return Position(_longitude(tags), _satellite_time(tags))


def _longitude(tags: dict[int, object]) -> float | None:
    values = _numbers(tags.get(ExifTags.GPS.GPSLongitude))
    side = str(tags.get(ExifTags.GPS.GPSLongitudeRef, "")).strip("\0 ").upper()
    if values is None or side not in ("E", "W"):
        return None
    degrees = values[0] + values[1] / 60 + values[2] / 3600
    return (degrees if side == "E" else -degrees) if 0 <= degrees <= HALF_TURN else None


def _satellite_time(tags: dict[int, object]) -> datetime | None:
    values = _numbers(tags.get(ExifTags.GPS.GPSTimeStamp))
    text = str(tags.get(ExifTags.GPS.GPSDateStamp, "")).strip("\0 ")
    if values is None or not all(0 <= value <= HOUR for value in values):
        return None
    try:
        day = datetime.strptime(text, "%Y:%m:%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    hours, minutes, seconds = values
    return day + timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _numbers(value: object) -> tuple[float, float, float] | None:
    """Three finite rationals; None for anything else."""
    if not isinstance(value, tuple) or len(value) != 3:  # noqa: PLR2004
        return None
    try:
        first, second, third = (float(part) for part in value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return (first, second, third) if math.isfinite(first + second + third) else None


def xmp_packets(data: bytes, texts: dict[str, str]) -> list[str]:
    """The XMP packets of a file, at most eight: in plain sight, or a PNG's compressed text.

    Args:
        data: the whole file.
        texts: its PNG texts.
    """
    packets = [_decoded(packet, "utf-8") for packet in _plain_packets(data)]
    compressed = texts.get("XML:com.adobe.xmp")
    if compressed and not packets:
        packets = [_decoded(packet, "utf-8") for packet in _plain_packets(compressed.encode())]
    return packets


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(PNG_SIGNATURE)
    while data.startswith(PNG_SIGNATURE) and at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        name = data[at + 4 : at + 8]
        # Pixel data is skipped unread; a text is read up to its cap.
        yield name, data[at + 8 : at + 8 + min(length, MAX_TEXT)] if name in _TEXT_READERS else b""
        at += 12 + length


def _read_compressed(rest: bytes) -> str:
    return _decoded(_inflated(rest[1:]), "latin-1")


def _read_international(rest: bytes) -> str:
    compressed = rest[:1] == b"\1"
    body = rest[2:].split(b"\0", 2)[-1]
    return _decoded(_inflated(body) if compressed else body, "utf-8")


def _read_plain(rest: bytes) -> str:
    return _decoded(rest, "latin-1")


_TEXT_READERS = {b"tEXt": _read_plain, b"zTXt": _read_compressed, b"iTXt": _read_international}


def _inflated(body: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(body, MAX_TEXT)
    except zlib.error:
        return b""


def _plain_packets(data: bytes) -> Iterator[bytes]:
    at = 0
    for _ in range(MAX_PACKETS):
        start = data.find(b"<x:xmpmeta", at)
        end = data.find(b"</x:xmpmeta>", start, start + MAX_TEXT) if start >= 0 else -1
        if end < 0:
            return
        at = end + len(b"</x:xmpmeta>")
        yield data[start:at]


def _as_text(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)[:MAX_TEXT]
    # EXIF 2.32, 4.6.5: a comment begins with its character code in eight bytes.
    if value.startswith(b"UNICODE\0"):
        # Writers disagree on the byte order; Latin letters show it.
        order = "utf-16-be" if value[8:9] == b"\0" else "utf-16-le"
        return _decoded(value[8:], order)
    return _decoded(value.removeprefix(b"ASCII\0\0\0"), "utf-8")


def _decoded(body: bytes, encoding: str) -> str:
    return body[:MAX_TEXT].decode(encoding, errors="replace")
