"""Laws of reading a manifest, and of the equalising store."""

import csv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.benchmark.datasets import PictureStore, capped, read_samples, without_fold
from forensics.errors import InvalidManifest
from forensics.training import Sample

FOLD_COLUMNS = ("path", "label", "generator", "group", "fold", "cluster", "parent", "check")


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def fold_row(path: str, label: str, **more: str) -> dict[str, str]:
    return {**dict.fromkeys(FOLD_COLUMNS, ""), "path": path, "label": label, "fold": "A", **more}


def one(path: str, group: str = "camera", *, check: bool = False, fold: str = "A") -> Sample:
    return Sample(path, 0, "", group, fold, path, check)


def test_families_come_from_the_manifest_and_the_archive(tmp_path: Path) -> None:
    manifest = write(tmp_path / "manifest.csv", [{"path": "a.png", "family": "swap"}])
    write(tmp_path / "crops256" / "crops256.csv", [{"file": "b.jpg", "family": "gan"}])
    rows = [
        fold_row("a.png", "fake", generator="swapper"),
        fold_row("crops256/b.jpg", "fake", generator="gan"),
        fold_row("c.png", "real", group="camera", check="1"),
    ]
    samples = read_samples(write(tmp_path / "folds.csv", rows), manifest)
    assert [sample.kind for sample in samples] == [2, 1, 0]
    assert [sample.source for sample in samples] == ["swapper", "gan", "camera"]
    assert [sample.check for sample in samples] == [False, False, True]


def test_a_fake_without_a_family_is_refused_by_its_path(tmp_path: Path) -> None:
    manifest = write(tmp_path / "manifest.csv", [{"path": "other.png", "family": "gan"}])
    folds = write(tmp_path / "folds.csv", [fold_row("lost.png", "fake")])
    with pytest.raises(InvalidManifest, match=r"lost\.png"):
        read_samples(folds, manifest)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    manifest = write(tmp_path / "manifest.csv", [{"path": "a.png"}])
    with pytest.raises(InvalidManifest, match="family"):
        read_samples(write(tmp_path / "folds.csv", [fold_row("a.png", "real")]), manifest)


def test_pictures_come_from_files_and_from_archives_alike(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    (tmp_path / "files").mkdir()
    Pillow.fromarray(noise).save(tmp_path / "files" / "x.png")
    (tmp_path / "packed").mkdir()
    with zipfile.ZipFile(tmp_path / "packed" / "packed.zip", "w") as archive:
        archive.write(tmp_path / "files" / "x.png", "x.png")
    store = PictureStore(tmp_path, tmp_path / "cache")
    assert (store.read(one("files/x.png")) == noise).all()
    assert (store.read(one("packed/x.png")) == noise).all()


def test_a_large_picture_is_cut_and_never_resampled(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (500, 450, 3), dtype=np.uint8)
    Pillow.fromarray(noise).save(tmp_path / "x.png")
    region = PictureStore(tmp_path, tmp_path / "cache").read(one("x.png"))
    assert region.shape == (384, 384, 3)
    corners = np.argwhere((noise == region[0, 0]).all(axis=2))
    assert any(
        (noise[y : y + 384, x : x + 384] == region).all()
        for y, x in corners.tolist()
        if y + 384 <= 500 and x + 384 <= 450
    )


def test_a_cap_keeps_check_rows_and_does_not_depend_on_order() -> None:
    samples = [one(f"{i}.png", check=i % 10 == 0) for i in range(60)]
    few = capped(samples, 5)
    assert sum(sample.check for sample in few) == 6
    assert {s.path for s in few} == {s.path for s in capped(samples[::-1], 5)}


def test_left_out_means_left_out() -> None:
    samples = [one("a", fold="A"), one("b", fold="B"), one("c", fold="B", check=True)]
    assert [sample.path for sample in without_fold(samples, "B")] == ["a"]
    assert [sample.path for sample in without_fold(samples, None)] == ["a", "b"]
