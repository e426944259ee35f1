from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from PIL import ExifTags
from PIL import Image as Pillow
from PIL.TiffImagePlugin import IFDRational

from forensics import plugins
from forensics.case import Case

Fields: TypeAlias = dict[int, Any]
B, G = ExifTags.Base, ExifTags.GPS
TAKEN: Fields = {B.DateTimeOriginal: "2024:06:01 14:30:00"}
CAMERA: Fields = {B.Make: "Maker", B.Model: "M1"}


def degrees(value: float) -> tuple[IFDRational, ...]:
    return tuple(IFDRational(part) for part in (int(value), round(value % 1 * 60), 0))


def place(east: float, clock: tuple[int, int, int], day: str = "2024:06:01") -> dict[int, Any]:
    """GPS fields of a longitude, degrees east, and of UTC."""
    return {
        G.GPSLongitudeRef: "E" if east >= 0 else "W",
        G.GPSLongitude: degrees(abs(east)),
        G.GPSTimeStamp: tuple(map(IFDRational, clock)),
        G.GPSDateStamp: day,
    }


def codes(
    folder: Path,
    *,
    first: Fields | None = None,
    second: Fields | None = None,
    gps: Fields | None = None,
    **saving: Any,
) -> set[str]:
    """Codes of what metadata says of a 64 x 48 px JPEG with these EXIF fields."""
    exif, buffer = Pillow.Exif(), BytesIO()
    exif.update(first or {})
    exif[ExifTags.IFD.Exif] = second or {}
    exif[ExifTags.IFD.GPSInfo] = gps or {}
    Pillow.new("RGB", (64, 48), "grey").save(buffer, "JPEG", exif=exif.tobytes(), **saving)
    (folder / "a.jpg").write_bytes(buffer.getvalue())
    evidence = plugins.load("analysis", "metadata").examine(Case(folder / "a.jpg"))
    found = {finding.code for finding in evidence.findings}
    contradictions = {code for code in found if code in CONTRADICTIONS}
    assert evidence.measurements["contradictions_count"] == len(contradictions)
    return contradictions


CONTRADICTIONS = {
    "exif_size_turned",
    "exif_size_of_other_shape",
    "exif_size_differs",
    "changed_before_taken",
    "zone_against_place",
    "clock_against_satellites",
    "editor_not_named",
    "tables_of_an_editor",
    "camera_but_progressive",
}


@pytest.mark.parametrize(
    ("size", "orientation", "expected"),
    [
        ((64, 48), 1, set()),
        ((64, 48), 6, set()),
        ((48, 64), 1, {"exif_size_turned"}),
        ((640, 480), 1, {"exif_size_differs"}),
        ((640, 400), 1, {"exif_size_of_other_shape"}),
        ((0, 0), 1, set()),
    ],
)
def test_the_size_that_exif_gives_is_compared(
    tmp_path: Path, size: tuple[int, int], orientation: int, expected: set[str]
) -> None:
    fields: Fields = {B.ExifImageWidth: size[0], B.ExifImageHeight: size[1]}
    assert codes(tmp_path, first={B.Orientation: orientation}, second=fields) == expected


@pytest.mark.parametrize(
    ("zone", "gps", "expected"),
    [
        # Berlin in summer: two hours ahead of the satellites, 13 degrees east.
        ("+02:00", place(13.4, (12, 30, 0)), set()),
        ("", place(13.4, (12, 30, 0)), set()),
        ("+02:00", place(13.4, (9, 0, 0)), {"clock_against_satellites"}),
        ("", place(13.4, (12, 7, 0)), {"clock_against_satellites"}),
        ("", place(13.4, (12, 30, 0), "2023:06:01"), {"clock_against_satellites"}),
        ("+02:00", place(-120, (12, 30, 0)), {"zone_against_place"}),
        # Western China keeps Beijing's time; Kiribati lies beyond the date line.
        ("+08:00", place(76, (6, 30, 0)), set()),
        ("+14:00", place(-157, (0, 30, 0)), set()),
        ("+02:00", {G.GPSLongitude: degrees(500), G.GPSDateStamp: "tomorrow"}, set()),
    ],
)
def test_clock_zone_and_place_are_compared(
    tmp_path: Path, zone: str, gps: dict[int, Any], expected: set[str]
) -> None:
    second: Fields = {**TAKEN, **({B.OffsetTimeOriginal: zone} if zone else {})}
    assert codes(tmp_path, second=second, gps=gps) == expected


def test_a_change_before_the_picture_was_taken_is_said(tmp_path: Path) -> None:
    first: Fields = {B.DateTime: "2024:05:31 09:00:00"}
    assert codes(tmp_path, first=first, second=TAKEN) == {"changed_before_taken"}


def test_structure_of_an_editor_without_its_name_is_said(tmp_path: Path) -> None:
    adobe: dict[str, Any] = {"extra": b"\xff\xed\x00\x12Photoshop 3.0\x008B"}
    assert codes(tmp_path, first=CAMERA, **adobe) == {"editor_not_named"}
    assert codes(tmp_path, first=CAMERA, qtables="web_high") == {"tables_of_an_editor"}
    assert codes(tmp_path, first=CAMERA, progressive=True) == {"camera_but_progressive"}


def test_an_editor_that_is_named_contradicts_nothing(tmp_path: Path) -> None:
    named: Fields = {**CAMERA, B.Software: "Adobe Photoshop 25"}
    assert not codes(tmp_path, first=named, qtables="web_high")


def test_sound_metadata_contradict_nothing(tmp_path: Path) -> None:
    second: Fields = {**TAKEN, B.ExifImageWidth: 64, B.ExifImageHeight: 48}
    first: Fields = {**CAMERA, B.DateTime: "2024:06:01 14:30:00"}
    assert not codes(tmp_path, first=first, second=second)
