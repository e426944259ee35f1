"""Warping, masks, blending and chips: laws on pictures made in sight."""

import numpy as np
import pytest

from forensics.faces import blending, chips, masks, warping
from forensics.schema import Floats, Image


def landmarks(scale: float = 1.0) -> Floats:
    """A schematic face of about 100 px at (100, 100)."""
    angles = np.linspace(np.pi, 0, 17)
    jaw = np.stack([100 + 50 * np.cos(angles), 100 + 60 * np.sin(angles)], axis=1)
    brows = np.stack([np.linspace(60, 140, 10), np.full(10, 85)], axis=1)
    nose = np.stack([np.full(9, 100), np.linspace(95, 118, 9)], axis=1)
    nose[4:, 0] += [-8, -4, 0, 4, 8]
    ring = np.linspace(np.pi, -np.pi, 6, endpoint=False)
    eyes = [np.stack([x + 9 * np.cos(ring), 95 - 4 * np.sin(ring)], axis=1) for x in (78, 122)]
    wide, narrow = (np.linspace(np.pi, -np.pi, n, endpoint=False) for n in (12, 8))
    outer = np.stack([100 + 20 * np.cos(wide), 135 - 8 * np.sin(wide)], axis=1)
    inner = np.stack([100 + 14 * np.cos(narrow), 135 - 3 * np.sin(narrow)], axis=1)
    return (scale * np.concatenate([jaw, brows, nose, *eyes, outer, inner])).astype(np.float32)


def waves(side: int = 200) -> Image:
    y, x = np.mgrid[:side, :side]
    parts = [np.sin(x / 19 + y / 31), np.sin(x / 23), np.sin(y / 17 - x / 40)]
    return np.rint(127.5 + 90 * np.stack(parts, axis=2)).astype(np.uint8)


def test_warping_onto_its_own_points_changes_nothing() -> None:
    points, image = landmarks(), waves()
    bent = warping.warp_onto(image, points, points, warping.triangulated(points), image.shape)
    rows, columns = bent.region
    corner = np.asarray([columns.start, rows.start], np.float32)
    inside = masks.hull_mask(points - corner, bent.image.shape) == 1
    assert inside.mean() > 0.6
    difference = np.abs(bent.image.astype(int) - image[rows, columns])[inside]
    assert difference.max() <= 2


def test_warping_moves_and_scales_as_its_points_do() -> None:
    points, image = landmarks(), waves()
    moved = points * 0.5 + np.float32(12)
    bent = warping.warp_onto(image, points, moved, warping.triangulated(points), (120, 120))
    rows, columns = bent.region
    for index in (30, 8, 36, 54):
        x, y = (moved[index] * 0.98 + moved.mean(axis=0) * 0.02).astype(int)
        across, down = ((np.array([x, y]) + 0.5 - 12) / 0.5).astype(int)
        found = bent.image[y - rows.start, x - columns.start]
        assert found == pytest.approx(image[down, across], abs=14)


def test_a_softened_mask_is_zero_where_it_was_and_one_inside() -> None:
    hull = masks.hull_mask(landmarks(), (200, 200))
    soft = masks.softened(hull, 10)
    assert np.all(soft[hull == 0] == 0)
    assert soft[110, 100] == 1
    assert len(np.unique(np.round(soft, 2))) > 20


def test_a_softened_mask_falls_to_zero_at_the_picture_s_border() -> None:
    soft = masks.softened(np.ones((40, 40), np.float32), 8)
    assert soft[0].max() < 0.1
    assert soft[20, 20] == 1


def test_mouth_opening_grows_with_the_gap() -> None:
    closed, wide = landmarks(), landmarks()
    wide[60:68, 1] = 135 + 4 * (wide[60:68, 1] - 135)
    assert masks.mouth_opening(wide) == pytest.approx(4 * masks.mouth_opening(closed), rel=1e-3)


def test_matched_colours_have_the_target_s_mean() -> None:
    face, target = waves(), (waves()[::-1] * [0.5, 0.7, 0.6]).astype(np.uint8)
    mask = masks.hull_mask(landmarks(), (200, 200))
    made = blending.matched_colours(face, target, mask)
    inside = mask > 0.5
    assert made[inside].mean(axis=0) == pytest.approx(target[inside].mean(axis=0), abs=6)


def test_poisson_blending_leaves_no_step_at_the_edge() -> None:
    target = np.full((160, 160, 3), 90, np.uint8)
    face = np.clip(waves(160).astype(int) // 4 + 140, 0, 255).astype(np.uint8)
    mask = masks.softened(masks.hull_mask(landmarks(0.8), (160, 160)), 6)
    step = np.abs(np.diff(blending.poisson_blended(target, face, mask).astype(int), axis=1))
    plain = np.abs(np.diff(blending.mixed(target, face, mask).astype(int), axis=1))
    assert np.percentile(step, 99.9) < 0.6 * np.percentile(plain, 99.9)


def test_poisson_blending_touches_no_pixel_outside_the_mask() -> None:
    target, face = waves(), 255 - waves()
    mask = masks.softened(masks.hull_mask(landmarks(), (200, 200)), 10)
    made = blending.poisson_blended(target, face, mask)
    np.testing.assert_array_equal(made[mask == 0], target[mask == 0])


def test_masks_of_another_size_are_refused() -> None:
    from forensics.swapping import checked_mask

    with pytest.raises(ValueError, match=r"\(200, 200\) float32 like its picture, got \(10, 9\)"):
        checked_mask(np.zeros((10, 9), np.float32), waves())


def test_a_chip_cut_and_laid_back_is_where_it_was() -> None:
    image, points = waves(), landmarks()
    matrix = chips.chip_matrix(points, 128)
    bent = chips.laid_back(chips.cut(image, matrix, 128), matrix, image.shape)
    inside = chips.coverage(np.zeros((128, 128, 3), np.uint8), matrix, image.shape) == 1
    rows, columns = bent.region
    difference = np.abs(bent.image.astype(int) - image[rows, columns])[inside]
    assert inside.sum() > 2000
    assert difference.mean() < 2
