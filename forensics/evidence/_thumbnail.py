"""The thumbnails that a JPEG carries in its EXIF block and in Photoshop's, and what they show."""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags
from PIL import Image as Pillow

from forensics.case import Case
from forensics.errors import ForensicsError
from forensics.evidence._embedded import EXIF_DAMAGE
from forensics.evidence._jpeg import upright
from forensics.media import decode, open_media
from forensics.schema import Finding, Floats
from forensics.traces.jpeg_file import JpegFile
from forensics.traces.noise import luma
from forensics.traces.thumbnails import FILLED, SAME, Comparison, compare_thumbnail

MOST_BYTES = 1 << 17
MOST_SIDE = 512
"""Thumbnails above this many px on a side are previews, which are compared at this size."""
PICTURE_SIDE = 640
DIFFERING = 0.02
"""Share of the comparable windows above which a thumbnail is said to differ."""
_START, _LENGTH = 0x0201, 0x0202
# Adobe Photoshop File Formats Specification, image resource 1036: 28 bytes, then a JPEG.
_RESOURCE = re.compile(rb"8BIM\x04\x0c\0\0(.{4}).{28}", re.DOTALL)


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """The bytes of a thumbnail and whose it is ("EXIF", "Photoshop")."""

    place: str
    data: bytes


def thumbnails(jpeg: JpegFile) -> Iterator[Thumbnail]:
    """Cut the thumbnails out of the segments; a lying length gives what is there."""
    for segment in jpeg.segments:
        if segment.name.startswith("APP1 Exif") and (data := _exif_thumbnail(segment.body[6:])):
            yield Thumbnail("EXIF", data)
        if segment.name.startswith("APP13 Photoshop") and (found := _RESOURCE.search(segment.body)):
            length = int.from_bytes(found[1], "big") - 28
            yield Thumbnail("Photoshop", segment.body[found.end() :][: max(0, length)])


def _exif_thumbnail(block: bytes) -> bytes:
    exif = Pillow.Exif()
    try:
        with warnings.catch_warnings():
            # Pillow warns on stderr of fields that it skips.
            warnings.simplefilter("ignore")
            exif.load(block)
            tags = exif.get_ifd(ExifTags.IFD.IFD1)
        start, length = int(tags.get(_START, 0)), int(tags.get(_LENGTH, 0))
    except EXIF_DAMAGE:
        return b""
    return block[start : start + min(length, MOST_BYTES)] if start > 0 and length > 0 else b""


def thumbnail_finding(case: Case, thumbnail: Thumbnail, picture: Floats) -> Finding:
    """Say what a thumbnail shows beside its picture.

    Args:
        case: the picture's case.
        thumbnail: one that `thumbnails` gave.
        picture: (H, W) float32 grey levels of the stored picture, small, from `small_picture`.
    """
    name = f"The {thumbnail.place} thumbnail"
    try:
        media = open_media(Path("thumbnail.jpg"), thumbnail.data)
        shown = decode(media, thumbnail.data).image
    except ForensicsError:
        return Finding(f"{name} is damaged and was not compared.", code="thumbnail_damaged")
    found = compare_thumbnail(picture, small_picture(luma(shown), MOST_SIDE))
    if found is None:
        words = f"{name} is too small or too dark to be compared with the picture."
        return Finding(words, code="thumbnail_unclear")
    return _compared(case, name, found)


def small_picture(gray: Floats, side: int = PICTURE_SIDE) -> Floats:
    """(H, W) float32 grey levels, shrunk so that the longer side has at most `side` px."""
    factor = side / max(gray.shape)
    if factor >= 1:
        return np.asarray(gray, dtype=np.float32)
    width, height = (max(1, round(length * factor)) for length in gray.shape[::-1])
    small = cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)


def _compared(case: Case, name: str, found: Comparison) -> Finding:
    measured = f"correlation {found.correlation:.2f} where they match best"
    if found.correlation < SAME - 0.3:
        words = f"{name} shows another picture than the file does ({measured})."
        return Finding(words, code="thumbnail_other")
    if found.differing_share > DIFFERING:
        words = (
            f"{name} shows other content than the picture in {found.differing_share:.0%} of what "
            f"can be compared, beyond crop and tone ({measured})."
        )
        return Finding(words, heatmap=upright(case, found.map), code="thumbnail_differs")
    if min(found.picture_share, found.thumbnail_share) < FILLED:
        part = min(found.picture_share, found.thumbnail_share)
        larger = "picture" if found.picture_share < found.thumbnail_share else "thumbnail"
        words = f"{name} shows the same, cropped otherwise: {part:.0%} of the {larger} is in both."
        return Finding(words, code="thumbnail_cropped")
    words = f"{name} shows what the picture shows ({measured})."
    return Finding(words, code="thumbnail_agrees")
