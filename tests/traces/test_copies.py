from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from forensics import plugins
from forensics.case import Case
from forensics.schema import Image
from forensics.traces.copies import find_copies
from forensics.traces.jpeg import recompress

CENTRE, TARGET, RADIUS = (130, 150), (360, 330), 60


def scene(*, seed: int = 0, side: int = 500) -> Image:
    """Texture of many sizes, which never repeats."""
    rng = np.random.default_rng(seed)
    sizes = (6, 20, 60, 120)
    layers = [cv2.resize(rng.normal(0, 22, (n, n, 3)), (side, side)) for n in sizes]
    return np.clip(128 + sum(np.asarray(x) for x in layers), 0, 255).astype(np.uint8)


def with_copy(image: Image, degrees: float, scale: float, *, brighter: int = 0) -> Image:
    """Copy a disc, turned clockwise and scaled, from CENTRE to TARGET."""
    transform = np.asarray(cv2.getRotationMatrix2D(CENTRE, -degrees, scale))
    transform[:, 2] += np.subtract(TARGET, CENTRE)
    size = image.shape[1::-1]
    disc = cv2.circle(np.zeros(image.shape[:2], np.uint8), CENTRE, RADIUS, 1, -1)
    mask = cv2.warpAffine(disc, transform, size) > 0
    made = image.copy()
    moved = np.asarray(cv2.warpAffine(image, transform, size, flags=cv2.INTER_CUBIC))
    made[mask] = cv2.add(moved, np.full_like(moved, brighter))[mask]
    return made


@pytest.mark.parametrize(
    ("degrees", "scale"), [(0, 1.0), (25, 0.8), (25, 1.2), (90, 1.0), (-150, 0.9)]
)
def test_a_copy_is_found_with_its_turn_and_scale(degrees: float, scale: float) -> None:
    found = find_copies(recompress(with_copy(scene(), degrees, scale), 80))
    assert len(found) == 1
    # Which of the two regions came first cannot be told: the turn may be the other way.
    sign = 1 if abs(found[0].scale - scale) < abs(found[0].scale - 1 / scale) else -1
    assert found[0].scale == pytest.approx(scale**sign, abs=0.03)
    assert abs(found[0].degrees) == pytest.approx(abs(degrees), abs=2)


def test_both_regions_are_where_they_are() -> None:
    [found] = find_copies(with_copy(scene(), 30, 1.1))
    centres = [np.argwhere(mask).mean(axis=0)[::-1] for mask in (found.source, found.copy)]
    # The scene is smaller than the size that keypoints are looked for at.
    zoom = found.copy.shape[0] / 500
    expected = sorted([np.multiply(CENTRE, zoom), np.multiply(TARGET, zoom)], key=np.sum)
    assert np.allclose(sorted(centres, key=np.sum), expected, atol=6)


def test_lines_lead_from_region_to_region_in_the_picture_itself() -> None:
    [found] = find_copies(with_copy(scene(side=1200), 30, 1.1))
    ends = found.lines.reshape(-1, 2, 2)
    away = [np.linalg.norm(ends - place, axis=2).min(axis=1) for place in (CENTRE, TARGET)]
    assert max(distances.max() for distances in away) < 1.2 * RADIUS


@pytest.mark.parametrize("seed", range(2))
def test_a_scene_that_never_repeats_has_no_copy(seed: int) -> None:
    assert not find_copies(recompress(scene(seed=seed), 80))


def test_a_copy_of_another_brightness_is_no_copy() -> None:
    assert not find_copies(with_copy(scene(), 30, 1.0, brighter=12))


def test_flat_tiny_and_thin_pictures_have_no_copies() -> None:
    shapes = [(1, 1, 3), (300, 300, 3), (3, 5000, 3), (9000, 40, 3)]
    assert not any(find_copies(np.full(shape, 90, np.uint8)) for shape in shapes)


def test_a_copy_is_said_with_map_and_lines(tmp_path: Path) -> None:
    Pillow.fromarray(with_copy(scene(), 25, 1.0)).save(tmp_path / "a.png")
    evidence = plugins.load("analysis", "copy_move").examine(Case(tmp_path / "a.png"))
    [finding] = evidence.findings
    assert finding.code == "region_twice"
    assert finding.lines is not None
    assert finding.lines.shape[1] == 4
    assert finding.heatmap is not None
    assert finding.heatmap.max() == 1
    assert evidence.measurements["repeated_regions_count"] == 1
