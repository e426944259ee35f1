"""What follows the end of a JPEG's first picture: further pictures, a clip, or bytes of no use."""

import re
from collections.abc import Iterator

from forensics.evidence._embedded import xmp_packets
from forensics.schema import Finding
from forensics.traces.jpeg_file import JpegFile

_CLIP = re.compile(rb"....ftyp[\x20-\x7e]{4}", re.DOTALL)
# Google's camera app and its forerunner; Samsung's trailer names its parts.
_MOTION_CLAIM = re.compile(r"(?:MotionPhoto|MicroVideo)\s*=\s*[\"']1[\"']")
_SAMSUNG = b"SEFT"
_PADDING = re.compile(rb"[\0\xff\s]*")
_NUMBER_OF_PICTURES = 0xB001
MOST_FIELDS = 64


def trailing_findings(data: bytes, jpeg: JpegFile) -> Iterator[Finding]:
    """Say what lies behind the end marker, and what was promised to lie there.

    Args:
        data: the whole file.
        jpeg: its structure.
    """
    if jpeg.end is None:
        yield Finding("The file has no end marker: it was cut, or never finished.", code="no_end")
        return
    pictures = pictures_promised(jpeg)
    rest = data[jpeg.end :]
    if pictures:
        yield Finding(
            f"The file is a multi-picture file that lists {pictures} pictures, as phones write "
            f"them for gain maps, depth or previews.",
            code="multi_picture",
        )
    if b"\xff\xd8\xff" not in rest and pictures > 1:
        yield Finding(
            "The further pictures that the file lists are missing from it.", code="pictures_missing"
        )
    yield from _clip(data, rest)
    if rest and not pictures and not _CLIP.search(rest) and not _PADDING.fullmatch(rest):
        where = ", a Samsung trailer among them" if rest.endswith(_SAMSUNG) else ""
        yield Finding(f"{len(rest)} bytes follow the end of the picture{where}.", code="after_end")


def _clip(data: bytes, rest: bytes) -> Iterator[Finding]:
    if _CLIP.search(rest):
        yield Finding(
            "A clip follows the picture, as in the motion photos of phones.", code="motion_clip"
        )
    elif any(_MOTION_CLAIM.search(packet) for packet in xmp_packets(data, {})):
        yield Finding(
            "The file calls itself a motion photo, but no clip follows the picture.",
            code="clip_missing",
        )


def pictures_promised(jpeg: JpegFile) -> int:
    """The number of pictures in the multi-picture index (CIPA DC-007), 0 where there is none."""
    for segment in jpeg.segments:
        if segment.name.startswith("APP2 MPF"):
            return _indexed(segment.body[4:])
    return 0


def _indexed(block: bytes) -> int:
    order = {b"II": "little", b"MM": "big"}.get(block[:2])
    if order is None:
        return 0

    def number(at: int, size: int) -> int:
        return int.from_bytes(block[at : at + size], "little" if order == "little" else "big")

    start = number(4, 4)
    for index in range(min(number(start, 2), MOST_FIELDS)):
        at = start + 2 + 12 * index
        if number(at, 2) == _NUMBER_OF_PICTURES:
            return number(at + 8, 4)
    return 0
