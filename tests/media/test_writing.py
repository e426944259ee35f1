"""What we make says that we made it, and says so again when it is read."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.errors import OutputFailed
from forensics.fakes import Row, write_manifest
from forensics.media import load_image
from forensics.schema import Image
from forensics.writing import Provenance, read_provenance, write_picture

ROWS = [
    Provenance("reconstruction", "1.0", 7, "a" * 64, "b" * 64, composite=True),
    Provenance("tiny_gan", "2.1", 0, "c" * 64),
    Provenance('<odd> & "quoted" é 顔', "0", -3, ""),
]
SUFFIXES = [".png", ".jpg", ".jpeg", ".JPG"]


def gradient() -> Image:
    return np.tile(np.arange(64, dtype=np.uint8)[None, :, None] * 3, (48, 1, 3))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("provenance", ROWS)
def test_provenance_survives_the_file(tmp_path: Path, suffix: str, provenance: Provenance) -> None:
    path = tmp_path / f"made{suffix}"
    write_picture(path, gradient(), provenance)
    assert read_provenance(path.read_bytes()) == provenance


def test_png_keeps_every_pixel(tmp_path: Path) -> None:
    write_picture(tmp_path / "made.png", gradient(), ROWS[0])
    assert np.array_equal(load_image(tmp_path / "made.png"), gradient())


def test_jpeg_keeps_pixels_as_well_as_its_quality(tmp_path: Path) -> None:
    write_picture(tmp_path / "fine.jpg", gradient(), ROWS[0], quality=98)
    write_picture(tmp_path / "poor.jpg", gradient(), ROWS[0], quality=20)
    assert np.abs(load_image(tmp_path / "fine.jpg").astype(int) - gradient()).max() <= 3
    assert (tmp_path / "poor.jpg").stat().st_size < (tmp_path / "fine.jpg").stat().st_size


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize(
    ("provenance", "source_type"),
    [(ROWS[0], "compositeWithTrainedAlgorithmicMedia"), (ROWS[1], "trainedAlgorithmicMedia")],
)
def test_other_readers_find_the_iptc_source_type(
    tmp_path: Path, suffix: str, provenance: Provenance, source_type: str
) -> None:
    write_picture(tmp_path / f"made{suffix}", gradient(), provenance)
    with Pillow.open(tmp_path / f"made{suffix}") as picture:
        described = picture.getxmp()["xmpmeta"]["RDF"]["Description"]
    assert described["DigitalSourceType"].endswith(f"/digitalsourcetype/{source_type}")
    assert "Synthetic picture made by" in described["statement"]


@pytest.mark.parametrize("suffix", [".gif", ".webp", ""])
def test_other_suffixes_are_refused_and_leave_nothing(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(ValueError, match="are written as"):
        write_picture(tmp_path / f"made{suffix}", gradient(), ROWS[0])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("image", [np.zeros((4, 4)), np.zeros((4, 4, 3)), np.zeros((4, 4, 4))])
def test_what_is_no_rgb_picture_is_refused(tmp_path: Path, image: Image) -> None:
    with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8"):
        write_picture(tmp_path / "made.png", image, ROWS[0])


def disk_full(*_: object) -> None:
    raise OSError("full")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made.png").write_bytes(b"old")
    monkeypatch.setattr(Path, "replace", disk_full)
    with pytest.raises(OutputFailed, match=r"made\.png could not be written \(full\)"):
        write_picture(tmp_path / "made.png", gradient(), ROWS[0])
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_failed_manifest_keeps_the_old_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        Row(name, "fake", "gan", "g", "g", "", "s", 1, 1, 9, "00", "n", "")
        for name in ("a.png", "b.png")
    ]
    write_manifest(tmp_path / "manifest.csv", rows[:1])
    before = (tmp_path / "manifest.csv").read_bytes()
    monkeypatch.setattr(Path, "replace", disk_full)
    with pytest.raises(OutputFailed, match=r"manifest\.csv could not be written"):
        write_manifest(tmp_path / "manifest.csv", rows[1:])
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


def test_the_same_picture_is_the_same_file(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        write_picture(tmp_path / name, gradient(), ROWS[1])
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<x:xmpmeta></x:xmpmeta>",
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><a></x:xmpmeta>",
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>",
    ],
)
def test_a_file_without_our_words_says_nothing(data: bytes) -> None:
    assert read_provenance(data) is None


def test_a_photograph_says_nothing() -> None:
    file = BytesIO()
    Pillow.fromarray(gradient()).save(file, "JPEG")
    assert read_provenance(file.getvalue()) is None


def test_a_damaged_statement_says_nothing(tmp_path: Path) -> None:
    write_picture(tmp_path / "made.png", gradient(), ROWS[1])
    data = (tmp_path / "made.png").read_bytes()
    assert read_provenance(data.replace(b'made:seed="0"', b'made:seed="x"')) is None
