from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from forensics import plugins
from forensics.case import Case
from forensics.schema import Image
from forensics.traces.colour_filter import lattices, missing_cells, missing_map
from forensics.traces.jpeg import recompress


def scene(side: int = 512, *, seed: int = 0) -> Image:
    """Texture of many sizes."""
    rng = np.random.default_rng(seed)
    layers = [
        cv2.resize(rng.normal(0, 18, (n, n, 3)), (side, side), interpolation=cv2.INTER_CUBIC)
        for n in (8, 32, 128, side)
    ]
    shades = 128 + sum(np.asarray(layer, np.float64) for layer in layers)
    return np.clip(shades, 0, 255).astype(np.uint8)


def through_a_bayer_filter(image: Image) -> Image:
    """Keep one colour a pixel (red first) and interpolate the others from their neighbours."""
    mosaic = image[..., 1].copy()
    mosaic[::2, ::2] = image[::2, ::2, 0]
    mosaic[1::2, 1::2] = image[1::2, 1::2, 2]
    return np.asarray(cv2.cvtColor(mosaic, cv2.COLOR_BayerRGGB2RGB), np.uint8)


@pytest.mark.parametrize("quality", [None, 98, 95])
def test_a_colour_filter_leaves_its_lattice(quality: int | None) -> None:
    image = through_a_bayer_filter(scene())
    found = lattices(image if quality is None else recompress(image, quality))
    assert found.median < -0.1
    assert found.errors < -6


def test_the_lattice_turns_with_the_first_pixel() -> None:
    image = through_a_bayer_filter(scene())
    assert lattices(image).median * lattices(image[:, 1:]).median < 0


@pytest.mark.parametrize("quality", [None, 95, 75])
def test_a_picture_without_a_filter_has_no_lattice(quality: int | None) -> None:
    image = scene() if quality is None else recompress(scene(), quality)
    assert abs(lattices(image).errors) < 4


def test_resizing_removes_the_lattice() -> None:
    image = through_a_bayer_filter(scene(1024))
    small = np.asarray(cv2.resize(image, (700, 700), interpolation=cv2.INTER_AREA), np.uint8)
    assert abs(lattices(small).errors) < 4


def test_a_part_without_the_lattice_is_found_where_it_lies() -> None:
    image = through_a_bayer_filter(scene())
    image[160:320, 192:352] = scene(seed=1)[160:320, 192:352]
    missing = missing_cells(lattices(image))
    inside = np.zeros_like(missing)
    inside[5:10, 6:11] = True
    assert (missing & inside).sum() / (missing | inside).sum() > 0.7
    assert missing_map(lattices(image))[6:9, 7:10].min() > 0.6


@pytest.mark.parametrize("shape", [(1, 1, 3), (40, 40, 3), (3, 5000, 3), (300, 20, 3)])
def test_small_pictures_tell_nothing(shape: tuple[int, int, int]) -> None:
    assert lattices(np.full(shape, 7, np.uint8)).errors == 0


def test_both_kinds_are_said(tmp_path: Path) -> None:
    image = through_a_bayer_filter(scene())
    image[160:320, 192:352] = scene(seed=1)[160:320, 192:352]
    Pillow.fromarray(image).save(tmp_path / "a.png")
    evidence = plugins.load("analysis", "demosaicing").examine(Case(tmp_path / "a.png"))
    assert [f.code for f in evidence.findings] == ["lattice", "lattice_missing_in_part"]
