"""What the first bytes of a file say it is, and whether its bytes can hold what it promises."""

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from forensics.errors import UnreadableMedia, UnsupportedMedia

_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AVIF_BRANDS = {b"avif", b"avis"}
_NEUTRAL_BRANDS = {b"mif1", b"msf1", b"miaf"}
_PICTURES = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "WEBP"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"II[\x2a\x2b]\0|MM\0[\x2a\x2b]"), "TIFF"),
    (re.compile(rb"BM"), "BMP"),
)
_CLIPS = re.compile(
    rb"\x1a\x45\xdf\xa3"  # Matroska, WebM
    rb"|RIFF....AVI |FLV\x01|OggS"
    rb"|\0\0\x01[\xb3\xba]"  # MPEG
    rb"|\x30\x26\xb2\x75\x8e\x66\xcf\x11"  # ASF, WMV
    rb"|\x47.{187}\x47.{187}\x47"  # MPEG transport stream
    rb"|....(moov|mdat|wide|skip|free|pnot)",  # QuickTime without ftyp
    re.DOTALL,
)
_OTHER_PICTURES = {
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"8BPS": "Photoshop",
    b"%PDF": "PDF",
    b"%!PS": "PostScript",
}
# Deflate's longest match costs at least two bits: it cannot shrink further than this.
DEFLATE_RATIO = 1032
# JPEG markers. Tables and an extension lie among the frame markers (ITU-T T.81, table B.1).
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_END, _SCAN, _SCAN_END = 0xD9, 0xDA, -1
_MARKER = re.compile(rb"\xff+([\x01-\xfe])")
_AFTER_SCAN = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")
# Enough to make any Huffman decoder that is still waiting for bits move away from zero; the
# restart markers reach one that waits for its next interval.
_NOISE = b"".join(bytes(range(1, 129)) + bytes((0xFF, marker)) for marker in range(0xD0, 0xD8))


def sniff(data: bytes, name: str) -> str:
    """Return the format that the first bytes announce, by Pillow's name ("JPEG", "HEIF", ...).

    Args:
        data: the whole file.
        name: the file's name, for the message.

    Raises:
        UnsupportedMedia: a clip, or a picture format that this version does not read.
        UnreadableMedia: no format that is known here.
    """
    if data[4:8] == b"ftyp":
        return _sniff_boxes(data, name)
    for pattern, found in _PICTURES:
        if pattern.match(data):
            return found
    if _CLIPS.match(data):
        raise UnsupportedMedia(f"{name} is a clip; video is not examined by this version.")
    for start, title in _OTHER_PICTURES.items():
        if data.startswith(start):
            raise UnsupportedMedia(
                f"{name} is a {title} file, which this version does not read; "
                f"save the original as PNG or TIFF."
            )
    raise UnreadableMedia(
        f"{name} is not a picture: its first bytes ({data[:8].hex(' ')}) belong to none of "
        f"JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC and AVIF."
    )


def _sniff_boxes(data: bytes, name: str) -> str:
    length = min(struct.unpack(">I", data[:4])[0], 256)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, length, 4))]
    if brands[0] in _HEIF_BRANDS | _AVIF_BRANDS | _NEUTRAL_BRANDS:
        first = next((brand for brand in brands if brand not in _NEUTRAL_BRANDS), b"")
        return "AVIF" if first in _AVIF_BRANDS else "HEIF"
    raise UnsupportedMedia(f"{name} is a clip; video is not examined by this version.")


@dataclass(frozen=True)
class JpegFrame:
    """What a JPEG's frame header promises: px, and the fewest bytes its entropy coder needs."""

    width: int
    height: int
    fewest_bytes: int


def jpeg_frame(data: bytes, start: int = 0) -> JpegFrame | None:
    """Read the first frame header (SOF) of the JPEG that begins at `start`; None without one."""
    for marker, at in _segments(data, start):
        if marker in _FRAMES and at + 10 <= len(data):
            return _read_frame(data, marker, at)
    return None


def jpeg_area(data: bytes, offsets: Iterable[int]) -> int:
    """Sum of the px that the JPEGs at these offsets of a file promise."""
    frames = (jpeg_frame(data, offset) for offset in offsets)
    return sum(frame.width * frame.height for frame in frames if frame)


def _read_frame(data: bytes, marker: int, at: int) -> JpegFrame:
    height, width, count = struct.unpack(">HHB", data[at + 5 : at + 10])
    table = data[at + 10 : at + 10 + 3 * count]
    factors = [(value >> 4, value & 15) for value in table[1::3]]
    widest, tallest = (max((pair[axis] for pair in factors), default=1) or 1 for axis in (0, 1))
    blocks = sum(
        _ceil(_ceil(width * across, widest), 8) * _ceil(_ceil(height * down, tallest), 8)
        for across, down in factors
    )
    # A Huffman code has at least one bit: a sequential block has one code for DC and one for
    # its end, a progressive block one for DC. Arithmetic coding (0xC9 up) has no such bound.
    bits = {0xC0: 2, 0xC1: 2, 0xC2: 1}.get(marker, 0)
    return JpegFrame(width, height, blocks * bits // 8)


def with_noise_after_scans(data: bytes) -> bytes:
    """Return the JPEG with surplus bytes behind the entropy-coded data of every scan.

    A complete scan ignores them. A scan that stops short takes them for its missing blocks, so
    that the picture changes: libjpeg fills such blocks with grey and reports no error.
    """
    cuts = [at for marker, at in _segments(data, 0) if marker == _SCAN_END]
    pieces = [data[first:last] for first, last in pairwise([0, *cuts, len(data)])]
    return _NOISE.join(pieces)


def _segments(data: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Yield (marker, offset) of a JPEG's segments, and (_SCAN_END, offset) behind each scan."""
    found = _MARKER.search(data, start + 2)
    while found and found[1][0] != _END:
        marker, at = found[1][0], found.start(1) - 1
        yield marker, at
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _SCAN:
            behind = _AFTER_SCAN.search(data, at)
            at = behind.start() if behind else len(data)
            yield _SCAN_END, at
        found = _MARKER.search(data, at)


def _ceil(value: int, step: int) -> int:
    return -(-value // step)
