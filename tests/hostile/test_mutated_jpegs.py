"""However a JPEG is damaged, the JPEG analyses say something of it, or its reading is refused."""

import random
import struct
import warnings
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics import plugins
from forensics.analysis import Analysis
from forensics.case import Case
from forensics.errors import ForensicsError
from forensics.traces.jpeg_file import read_jpeg

NAMES = ("jpeg_structure", "double_compression", "jpeg_grid", "jpeg_ghosts")
RUNS_PER_FILE = 125
SLOWEST = 10.0


def picture(seed: int = 5) -> Pillow.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (14, 18, 3), dtype=np.uint8)
    return Pillow.fromarray(coarse).resize((136, 128), Pillow.Resampling.BICUBIC)


def encoded(shown: Pillow.Image, form: str = "JPEG", **options: object) -> bytes:
    file = BytesIO()
    save: Callable[..., object] = shown.copy().save
    save(file, form, **options)
    return file.getvalue()


def exif() -> bytes:
    """An EXIF block with a thumbnail in its second directory."""
    thumbnail = encoded(picture().resize((48, 40)))
    first = struct.pack(">HHHIHxxI", 1, 0x0112, 3, 1, 6, 26)
    second = struct.pack(">HHHIIHHIII", 2, 0x0201, 4, 1, 56, 0x0202, 4, 1, len(thumbnail), 0)
    return b"Exif\0\0MM\0*\0\0\0\x08" + first + second + thumbnail


FILES = {
    "plain": encoded(picture(), exif=exif()),
    "progressive": encoded(picture(), progressive=True, exif=exif()),
    "inks": encoded(picture().convert("CMYK")),
    "several": encoded(picture(), "MPO", save_all=True, append_images=[picture(6)]),
}


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Cut it, flip bytes (mostly in the header), or drop or double a stretch of it."""
    kind = rng.random()
    if kind < 0.1:
        return data[: rng.randrange(1, len(data))]
    damaged = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        at = rng.randrange(min(len(data), 700) if rng.random() < 0.7 else len(data))
        damaged[at] = rng.choice([0, 255, rng.randrange(256), damaged[at] ^ 1 << rng.randrange(8)])
    if kind > 0.9:
        at = rng.randrange(len(damaged))
        damaged[at : at + 40] = damaged[at : at + 40] * rng.choice([0, 2])
    return bytes(damaged)


@pytest.fixture(scope="module")
def analyses() -> list[Analysis]:
    return [plugins.load("analysis", name) for name in NAMES]


def evidence_seconds(data: bytes, path: Path, analyses: list[Analysis]) -> Iterator[float]:
    """How long each analysis took over these bytes; nothing where the picture is refused."""
    path.write_bytes(data)
    try:
        case = Case(path)
        _ = case.image
    except ForensicsError:
        return
    for analysis in analyses:
        evidence = analysis.examine(case)
        assert evidence.findings
        yield evidence.seconds


@pytest.mark.parametrize("name", FILES)
def test_a_mutated_jpeg_gives_findings_in_time(
    name: str, tmp_path: Path, analyses: list[Analysis]
) -> None:
    rng = random.Random(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(RUNS_PER_FILE):
            damaged = mutated(FILES[name], rng)
            assert all(t < SLOWEST for t in evidence_seconds(damaged, tmp_path / "a", analyses))


@pytest.mark.parametrize("name", FILES)
def test_the_structure_of_any_bytes_is_read(name: str) -> None:
    rng = random.Random(name)
    for _ in range(200):
        found = read_jpeg(mutated(FILES[name], rng))
        assert found.luma_table is None or found.luma_table.shape == (8, 8)


def test_steps_of_nought_are_no_division(tmp_path: Path, analyses: list[Analysis]) -> None:
    data = bytearray(FILES["plain"])
    at = data.index(b"\xff\xdb") + 5
    data[at : at + 64] = bytes(64)
    assert list(evidence_seconds(bytes(data), tmp_path / "a", analyses)) != [None]


def test_many_empty_segments_end(tmp_path: Path, analyses: list[Analysis]) -> None:
    data = FILES["plain"]
    padded = data[:2] + b"\xff\xfe\0\2" * 100_000 + data[2:]
    assert all(t < SLOWEST for t in evidence_seconds(padded, tmp_path / "a", analyses))
