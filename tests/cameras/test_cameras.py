import stat
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from forensics import plugins
from forensics.cameras import (
    cameras_folder,
    enrol,
    known_cameras,
    load_camera,
    remove_camera,
)
from forensics.case import Case
from forensics.cli import main
from forensics.errors import CameraUnusable
from forensics.schema import Evidence, Floats, Image

HEIGHT, WIDTH = 256, 320
Shoot = Callable[..., Path]


def sensor(seed: int) -> Floats:
    """Pixels that answer to light by a fiftieth more or less."""
    rng = np.random.default_rng(seed)
    return (1 + 0.02 * rng.normal(0, 1, (HEIGHT, WIDTH, 1))).astype(np.float32)


def scene(seed: int) -> Image:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 200, (6, 7, 3)).astype(np.float32)
    smooth = np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC))
    return np.clip(smooth + rng.normal(0, 3, smooth.shape), 0, 255).astype(np.uint8)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FORENSICS_CAMERAS", str(tmp_path / "cameras"))
    return tmp_path / "cameras"


@pytest.fixture
def shoot(tmp_path: Path) -> Shoot:
    """Photograph scene `seed` through a sensor: `shoot(seed, camera=1)`; writes a JPEG."""

    def take(seed: int, *, camera: int = 1, turn: int = 0, orientation: int = 1) -> Path:
        image = np.clip(np.rint(scene(seed) * sensor(camera)), 0, 255).astype(np.uint8)
        path = tmp_path / f"photo-{seed}-{camera}-{turn}-{orientation}.jpg"
        exif = Pillow.Exif()
        exif[0x0112] = orientation
        Pillow.fromarray(np.rot90(image, turn)).save(path, quality=92, exif=exif)
        return path

    return take


@pytest.fixture
def enrolled(shoot: Shoot) -> str:
    list(enrol("one", [shoot(seed) for seed in range(10)]))
    return "one"


def compared(path: Path, camera: str) -> Evidence:
    options = plugins.plugin_class("analysis", "prnu").Options(camera=camera)
    return plugins.load("analysis", "prnu", options).examine(Case(path))  # type: ignore[no-any-return]


def test_a_new_picture_of_the_camera_matches(enrolled: str, shoot: Shoot) -> None:
    evidence = compared(shoot(50), enrolled)
    assert evidence.findings[0].code == "camera_matches"
    assert evidence.measurements["chance_of_a_false_match_share"] < 1e-6


@pytest.mark.parametrize("seed", range(50, 58))
def test_a_picture_of_another_camera_does_not(enrolled: str, shoot: Shoot, seed: int) -> None:
    evidence = compared(shoot(seed, camera=2), enrolled)
    assert evidence.findings[0].code == "camera_does_not_match"
    assert evidence.measurements["peak_to_correlation_energy_ratio"] < 40


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_picture_that_was_turned_matches(enrolled: str, shoot: Shoot, turn: int) -> None:
    assert compared(shoot(50, turn=turn), enrolled).findings[0].code == "camera_matches"


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_the_turn_of_exif_is_taken_back(enrolled: str, shoot: Shoot, orientation: int) -> None:
    path = shoot(50, orientation=orientation)
    assert compared(path, enrolled).findings[0].code == "camera_matches"


def codes(evidence: Evidence) -> list[str]:
    return [finding.code for finding in evidence.findings]


def test_tables_of_the_cameras_own_files_are_recognised(enrolled: str, shoot: Shoot) -> None:
    assert codes(compared(shoot(77), enrolled)) == ["camera_matches", "tables_of_camera"]


def test_a_file_saved_again_has_tables_that_the_camera_never_wrote(
    enrolled: str, shoot: Shoot, tmp_path: Path
) -> None:
    again = tmp_path / "again.jpg"
    Pillow.open(shoot(77)).save(again, quality=88)
    assert codes(compared(again, enrolled)) == ["camera_matches", "tables_not_of_camera"]


def test_nothing_is_said_of_tables_where_the_file_has_none(
    enrolled: str, shoot: Shoot, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.png"
    Pillow.open(shoot(77)).save(plain)
    assert codes(compared(plain, enrolled)) == ["camera_matches"]


def test_a_part_of_a_picture_matches_where_it_lay(
    enrolled: str, shoot: Shoot, tmp_path: Path
) -> None:
    part = Pillow.open(shoot(50)).crop((40, 30, 280, 230))
    part.save(tmp_path / "part.png")
    evidence = compared(tmp_path / "part.png", enrolled)
    assert evidence.findings[0].code == "camera_matches"
    assert evidence.measurements["places_tried_count"] == (320 - 240 + 1) * (256 - 200 + 1)


def test_what_is_larger_than_the_sensor_is_not_compared(enrolled: str, tmp_path: Path) -> None:
    Pillow.fromarray(np.full((400, 400, 3), 90, np.uint8)).save(tmp_path / "large.png")
    evidence = compared(tmp_path / "large.png", enrolled)
    assert evidence.findings[0].code == "camera_not_comparable"


def test_pictures_of_other_sizes_are_left_out_with_the_reason(shoot: Shoot, tmp_path: Path) -> None:
    Pillow.new("RGB", (300, 200)).save(tmp_path / "small.png")
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam")
    paths = [*(shoot(seed) for seed in range(8)), tmp_path / "small.png", tmp_path / "letter.txt"]
    reasons = [passed.reason for passed in enrol("one", paths)]
    assert reasons[:8] == [""] * 8
    assert reasons[8] == "has 300 x 200 px, the first picture 320 x 256 px"
    assert reasons[9]


def test_too_few_pictures_make_no_fingerprint(shoot: Shoot) -> None:
    with pytest.raises(CameraUnusable, match="3 pictures of one size are too few"):
        list(enrol("one", [shoot(seed) for seed in range(3)]))
    assert not known_cameras()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights")
def test_only_the_owner_may_read(enrolled: str, folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    [file] = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_was_enrolled_is_listed_and_removed(enrolled: str) -> None:
    [camera] = known_cameras()
    assert (camera.name, camera.pictures, camera.height, camera.width) == ("one", 10, 256, 320)
    remove_camera("one")
    assert not known_cameras()
    with pytest.raises(CameraUnusable, match="none yet"):
        load_camera("one")


@pytest.mark.parametrize("name", ["../one", "", ".hidden", "a/b", "x" * 64, "a\n"])
def test_a_name_is_never_a_path(name: str) -> None:
    with pytest.raises(CameraUnusable):
        load_camera(name)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_damaged_fingerprint_is_refused(enrolled: str, share: float) -> None:
    path = cameras_folder() / "one.safetensors"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(CameraUnusable, match="damaged"):
        load_camera(enrolled)


def test_the_commands_enrol_list_compare_and_remove(
    shoot: Shoot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(9):
        shoot(seed).rename(photos / f"{seed}.jpg")
    assert main(["camera", "enrol", str(photos), "--name", "desk"]) == 0
    assert main(["camera", "list", "--json"]) == 0
    picture = str(shoot(70))
    assert main(["examine", picture, "--analysis", "prnu", "--camera", "desk", "--fast"]) == 0
    assert main(["camera", "remove", "--name", "desk"]) == 0
    said = capsys.readouterr().out
    assert "9 of 9 pictures make the fingerprint 'desk'" in said
    assert '"pictures": 9' in said
    assert "above the threshold of 60" in " ".join(said.split())
    assert main(["examine", picture, "--camera", "desk"]) == 1
