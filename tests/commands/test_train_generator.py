"""Where a generator's pictures come from."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.cli import main
from forensics.commands.train_generator import picture_data
from forensics.errors import InvalidManifest, InvalidOption
from generators._gan_data import load_arrays


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "pictures"
    (made / "inner").mkdir(parents=True)
    for name in ("b.png", "a.jpg", "inner/c.png"):
        Pillow.new("RGB", (40, 30), (9, 99, 200)).save(made / name)
    (made / "notes.txt").write_text("no picture")
    return made


def test_folder_gives_its_pictures_in_the_same_order_always(folder: Path, tmp_path: Path) -> None:
    data = picture_data(folder, None, 10, tmp_path)
    assert data.names == ("a.jpg", "b.png", "inner/c.png")
    assert data.read("b.png").shape == (30, 40, 3)


def test_archive_gives_what_its_folder_gives(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in sorted(folder.rglob("*.*")):
            archive.write(path, path.relative_to(folder))
    data = picture_data(tmp_path / "all.zip", None, 10, tmp_path)
    plain = picture_data(folder, None, 10, tmp_path)
    assert data.names == plain.names
    for name in data.names:
        np.testing.assert_array_equal(data.read(name), plain.read(name))


def test_manifest_without_folds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="--folds"):
        picture_data(tmp_path / "manifest.csv", None, 10, tmp_path)


def test_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidManifest, match="no pictures"):
        picture_data(tmp_path, None, 10, tmp_path)


def test_anything_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pictures.tar").write_bytes(b"x")
    with pytest.raises(InvalidManifest, match="no manifest"):
        picture_data(tmp_path / "pictures.tar", None, 10, tmp_path)


def test_command_trains_and_leaves_a_log(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    recipe = ["steps=2", "batch=1", "side=16"]
    given = ["train", "super_resolution", "--data", str(folder), "--out", str(out), "--recipe"]
    assert main([*given, *recipe]) == 0
    assert (out / "super_resolution.safetensors").exists()
    assert len((out / "log.csv").read_text().splitlines()) == 3


def test_generator_that_cannot_be_trained_says_so(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["train", "reconstruction", "--data", str(folder), "--out", str(tmp_path / "run")]
    assert main(given) == 1
    assert "has no recipe" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["tar", "gztar"])
def test_tar_gives_what_its_folder_gives(folder: Path, tmp_path: Path, kind: str) -> None:
    path = Path(shutil.make_archive(str(tmp_path / "all"), kind, folder))
    data, plain = (picture_data(each, None, 10, tmp_path) for each in (path, folder))
    assert sorted(Path(name).as_posix() for name in data.names) == list(plain.names)
    for name in data.names:
        np.testing.assert_array_equal(data.read(name), plain.read(Path(name).as_posix()))


def test_refused_run_leaves_the_folder_its_recipe(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = ["train", "dcgan", "--data", str(folder), "--out", str(out), "--resolution", "16"]
    small = ["--recipe", "images=8", "batch=4", "width=8", "code=4", "compare=0", "log_every=1"]
    assert main([*given, *small]) == 0
    before = (out / "recipe.json").read_bytes()
    assert json.loads(before)["recipe"]["resolution"] == 16
    assert main([*given, *small, "width=16"]) == 1
    assert (out / "recipe.json").read_bytes() == before


@pytest.mark.parametrize("resolution", ["48", "4096", "0"])
def test_impossible_resolution_is_a_message(
    resolution: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["train", "stylegan2", "--data", str(folder), "--out", str(tmp_path / "run")]
    assert main([*given, "--resolution", resolution]) == 1
    assert "resolution must be" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_picture_damaged_inside_an_archive_is_left_out_by_name(
    folder: Path, tmp_path: Path
) -> None:
    for index in range(4):
        Pillow.new("RGB", (40, 30 + index)).save(folder / f"{index}.png")
    path = Path(shutil.make_archive(str(tmp_path / "all"), "zip", folder))
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("b.png").header_offset
    content = bytearray(path.read_bytes())
    content[place + 60 : place + 90] = bytes(30)
    path.write_bytes(content)
    arrays = load_arrays(picture_data(path, None, 10, tmp_path), 16)
    assert list(arrays.skipped) == ["b.png"]
    assert "cannot be read from its archive" in arrays.skipped["b.png"]


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_archive_that_ends_early_is_refused_by_name(
    kept: float, folder: Path, tmp_path: Path
) -> None:
    path = Path(shutil.make_archive(str(tmp_path / "all"), "gztar", folder))
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(InvalidManifest, match=r"all\.tar\.gz"):
        picture_data(path, None, 10, tmp_path)
