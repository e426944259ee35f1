"""Statements of a file that cannot all be true: sizes, times and places, software and structure.

CIPA DC-008 (EXIF 2.32) for the fields. What a contradiction comes from is not said: clocks are set
wrong, and editors forget fields, in innocent pictures too.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from forensics.case import Case
from forensics.evidence._embedded import Exif, Position
from forensics.evidence._jpeg import jpeg_of
from forensics.evidence._words import quoted
from forensics.pixels import SIDEWAYS
from forensics.schema import Finding
from forensics.traces.jpeg_encoders import encoder_of
from forensics.traces.jpeg_file import JpegFile

ZONES = (timedelta(hours=-12, minutes=-5), timedelta(hours=14, minutes=5))
"""Differences to UTC that exist, with five minutes for a clock that goes wrong."""
NEAR = timedelta(minutes=30)
FAR_ZONE = 4.0
"""Hours between a time zone and the sun's time of a place: no country has more than 3.5."""
QUARTER = 900.0
OFF_QUARTER = 300.0
SHAPE = 0.01
"""Relative difference of two ratios of width to height, beyond which a picture was cut."""
_EDITORS = re.compile(r"photoshop|lightroom|adobe|gimp|affinity|paint|snapseed|picasa|acd", re.I)
_ZONE = re.compile(r"([+-])(\d\d):(\d\d)")


def contradictions(case: Case, exif: Exif | None) -> Iterator[Finding]:
    """Every pair of the file's statements that do not fit each other."""
    if exif is None:
        return
    yield from _sizes(case, exif.fields)
    yield from _times(exif.fields)
    yield from _places(exif)
    jpeg = jpeg_of(case)
    if jpeg is not None:
        yield from _structure(exif.fields, jpeg)


def _sizes(case: Case, fields: dict[str, str]) -> Iterator[Finding]:
    """The size that EXIF gives is that of the stored picture, before its turn."""
    stated = [_number(fields.get(name, "")) for name in ("ExifImageWidth", "ExifImageHeight")]
    held = [case.media.width, case.media.height]
    if case.media.orientation in SIDEWAYS:
        held = held[::-1]
    if not all(stated) or stated == held:
        return
    words = (
        f"EXIF gives the picture {stated[0]} x {stated[1]} px, the file holds "
        f"{held[0]} x {held[1]} px"
    )
    if stated == held[::-1]:
        yield Finding(f"{words}: it was turned.", code="exif_size_turned")
        return
    stretched = abs(stated[0] * held[1] / (stated[1] * held[0]) - 1)
    if stretched > SHAPE:
        yield Finding(f"{words}, of another shape: it was cut.", code="exif_size_of_other_shape")
    else:
        yield Finding(f"{words}, of the same shape.", code="exif_size_differs")


def _times(fields: dict[str, str]) -> Iterator[Finding]:
    taken, changed = (_time(fields.get(name, "")) for name in ("DateTimeOriginal", "DateTime"))
    if taken and changed and changed < taken:
        yield Finding(
            f"EXIF dates the last change ({changed}) before the picture was taken ({taken}).",
            code="changed_before_taken",
        )


def _places(exif: Exif) -> Iterator[Finding]:
    taken = _time(exif.fields.get("DateTimeOriginal", ""))
    offset = _offset(exif.fields)
    position = exif.position
    if position is None:
        return
    yield from _clock(taken, offset, position)
    if offset is not None and position.longitude is not None:
        hours, sun = offset.total_seconds() / 3600, position.longitude / 15
        # Either side of the date line is near the other.
        apart = abs((hours - sun + 12) % 24 - 12)
        if apart > FAR_ZONE:
            yield Finding(
                f"EXIF gives the time zone UTC{hours:+.1f} h and a place at "
                f"{position.longitude:.1f} degrees of longitude, where the sun is at UTC{sun:+.1f} "
                f"h.",
                code="zone_against_place",
            )


def _clock(taken: datetime | None, offset: timedelta | None, place: Position) -> Iterator[Finding]:
    """The camera's clock against the satellites' time, which is UTC."""
    if taken is None or place.time is None:
        return
    ahead = taken.replace(tzinfo=UTC) - place.time
    if offset is not None:
        if abs(ahead - offset) > NEAR:
            yield Finding(
                f"EXIF dates the picture {taken} in a zone of {_hours(offset)}, but the "
                f"satellites' time {place.time:%Y-%m-%d %H:%M:%S} differs from it by "
                f"{_hours(ahead)}.",
                code="clock_against_satellites",
            )
        return
    remainder = ahead.total_seconds() % QUARTER
    if not ZONES[0] <= ahead <= ZONES[1] or OFF_QUARTER < remainder < QUARTER - OFF_QUARTER:
        yield Finding(
            f"The picture's date {taken} differs from the satellites' time "
            f"{place.time:%Y-%m-%d %H:%M:%S} by {_hours(ahead)}, which is no time zone.",
            code="clock_against_satellites",
        )


def _structure(fields: dict[str, str], jpeg: JpegFile) -> Iterator[Finding]:
    camera = " ".join(fields[name] for name in ("Make", "Model") if name in fields)
    software = fields.get("Software", "")
    adobe = jpeg.has("APP13 Photoshop") or jpeg.has("APP12 Ducky")
    if not camera:
        return
    named = quoted(camera)
    if adobe and not _EDITORS.search(software):
        yield Finding(
            f"EXIF names the camera {named} and no editor, but the file has segments that Adobe's "
            f"programs write.",
            code="editor_not_named",
        )
    if jpeg.luma_table is not None and not _EDITORS.search(software):
        encoder = encoder_of(jpeg.luma_table)
        if encoder.kind in ("photoshop", "mozjpeg"):
            yield Finding(
                f"EXIF names the camera {named} and no editor, but the quantisation tables are "
                f"{encoder.words}, which no camera is known to write.",
                code="tables_of_an_editor",
            )
    if jpeg.progressive:
        yield Finding(
            f"EXIF names the camera {named}, but the file is progressive, which cameras do not "
            f"write.",
            code="camera_but_progressive",
        )


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"\d{1,6}", text) else 0


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text.strip("\0 ")[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None


def _offset(fields: dict[str, str]) -> timedelta | None:
    found = _ZONE.match(fields.get("OffsetTimeOriginal", ""))
    if found is None:
        return None
    sign, hours, minutes = found.groups()
    apart = timedelta(hours=int(hours), minutes=int(minutes))
    return -apart if sign == "-" else apart


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:+.2f} h"
