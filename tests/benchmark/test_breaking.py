"""Laws of simulated cameras and of drawings: still the same scene, never the same pixels."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.benchmark.breaking import BREAKINGS, beauty_filter, night, printed
from forensics.benchmark.drawn import DRAWINGS, drawn_picture
from forensics.benchmark.unseen import photographs
from forensics.errors import InvalidManifest
from forensics.schema import Image
from forensics.traces.texture import high_frequency_energy


def scene(height: int = 160, width: int = 192) -> Image:
    """Smooth coloured shapes with pores, (height, width, 3) uint8 RGB."""
    y, x = np.mgrid[:height, :width] / 30
    shapes = np.stack([170 + 50 * np.sin(x + y), 130 + 40 * np.cos(y), 105 + 30 * np.sin(x)], 2)
    noise = np.random.default_rng(0).normal(0, 5, shapes.shape)
    given: Image = np.clip(shapes + noise, 0, 255).astype(np.uint8)
    return given


@pytest.mark.parametrize("way", BREAKINGS)
def test_a_broken_picture_is_drawn_by_its_seed_alone(way: str) -> None:
    first, again, other = (
        BREAKINGS[way](scene(), np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    assert first.dtype == np.uint8
    assert (first == again).all()
    assert first.shape != other.shape or (first != other).any()


@pytest.mark.parametrize("way", [way for way in BREAKINGS if way != "screenshot"])
def test_a_broken_picture_keeps_its_size_and_its_scene(way: str) -> None:
    changed = BREAKINGS[way](scene(), np.random.default_rng(1))
    assert changed.shape == scene().shape
    likeness = np.corrcoef(changed.mean(axis=2).ravel(), scene().mean(axis=2).ravel())[0, 1]
    assert likeness > 0.4


@pytest.mark.parametrize("way", BREAKINGS)
@pytest.mark.parametrize("shape", [(33, 47), (96, 40)])
def test_small_pictures_are_broken_too(way: str, shape: tuple[int, int]) -> None:
    assert BREAKINGS[way](scene(*shape), np.random.default_rng(0)).shape[2] == 3


def test_a_beauty_filter_leaves_less_texture() -> None:
    smooth = beauty_filter(scene(), np.random.default_rng(0))
    assert high_frequency_energy(smooth) < 0.7 * high_frequency_energy(scene())


def test_a_night_is_dark() -> None:
    assert night(scene(), np.random.default_rng(0)).mean() < 0.7 * scene().mean()


def test_a_print_has_dots() -> None:
    flat = np.full((128, 128, 3), 140, np.uint8)
    assert printed(flat, np.random.default_rng(0)).std() > 5


@pytest.mark.parametrize("kind", DRAWINGS)
def test_a_drawing_depends_on_its_seed_alone(kind: str) -> None:
    first, again, other = (drawn_picture(kind, seed) for seed in (0, 0, 1))
    assert first.shape == (384, 384, 3)
    assert (first == again).all()
    assert (first != other).any()


def png(level: int, side: int) -> bytes:
    buffer = io.BytesIO()
    Pillow.new("RGB", (side, side), (level, level, level)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three photographs of two people, and four small faces of two sources."""
    wild, small = tmp_path / "lfw" / "images", tmp_path / "faces64"
    wild.mkdir(parents=True)
    small.mkdir()
    for index, name in enumerate(["A_Person_0001", "A_Person_0002", "Other_0001"]):
        Pillow.new("RGB", (50, 40), (index, 0, 0)).save(wild / f"{name}.jpg")
    rows = ["file,source,identity"]
    with zipfile.ZipFile(small / "faces64.zip", "w") as archive:
        for index, source in enumerate(["ffhq", "ffhq", "lfw", "lfw"]):
            archive.writestr(f"{index}.png", png(10 * index, 64))
            rows.append(f"{index}.png,{source},{'Somebody' if source == 'lfw' else ''}")
    (small / "faces64.csv").write_text("\n".join(rows), encoding="utf-8")
    return tmp_path


def test_photographs_come_by_source_with_who_is_on_them(data: Path) -> None:
    found = photographs(data, 9, 9)
    assert {each.source for each in found} == {"LFW", "ffhq, 64 px", "lfw, 64 px"}
    assert {e.person for e in found if e.source == "LFW"} == {"A_Person", "Other"}
    assert {e.person for e in found if e.source == "lfw, 64 px"} == {"Somebody"}
    assert len({e.person for e in found if e.source == "ffhq, 64 px"}) == 2


def test_a_photograph_gives_its_own_pixels(data: Path) -> None:
    found = {each.name: each.read() for each in photographs(data, 9, 9)}
    assert found["A_Person_0001.jpg"].shape == (40, 50, 3)
    assert (found["faces64/3.png"] == 30).all()


def test_a_cap_holds_for_each_source_and_draws_the_same(data: Path) -> None:
    found = photographs(data, 1, 2)
    assert [each.source for each in found] == ["LFW", *["ffhq, 64 px"] * 2, *["lfw, 64 px"] * 2]
    assert [e.name for e in found] == [each.name for each in photographs(data, 1, 2)]


def test_a_folder_without_either_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidManifest, match="neither"):
        photographs(tmp_path, 5, 5)
