"""What copies are found with: matches on a grid, exact transforms, coincidence."""

import cv2
import numpy as np
import pytest

from forensics.schema import Floats
from forensics.traces.alignment import Slopes, aligned
from forensics.traces.coincidence import Region, Shades, coinciding, distinct
from forensics.traces.harmonics import dense_matches
from forensics.traces.matches import Matches, Tolerance, Transform, agreeing

SIDE = 240
SOURCE, RADIUS = (70.0, 80.0), 30


def smooth_scene(seed: int = 0, least: float = 5.0) -> Floats:
    """Clouds without a corner: noise of 5 px deviation and more."""
    rng = np.random.default_rng(seed)
    layers = [
        cv2.GaussianBlur(rng.normal(0, 1, (SIDE, SIDE)), (0, 0), blur) * blur * 40
        for blur in (least, 2.5 * least)
    ]
    return np.clip(128 + sum(np.asarray(layer) for layer in layers), 0, 255).astype(np.float32)


def to(target: tuple[float, float], degrees: float, scale: float) -> Transform:
    turn = np.asarray(cv2.getRotationMatrix2D(SOURCE, -degrees, scale), np.float64)
    turn[:, 2] += np.subtract(target, SOURCE)
    return turn


def pasted(gray: Floats, transform: Transform) -> Floats:
    disc = np.zeros(gray.shape, np.uint8)
    cv2.circle(disc, (round(SOURCE[0]), round(SOURCE[1])), RADIUS, 1, -1)
    size = (SIDE, SIDE)
    moved = cv2.warpAffine(gray, transform, size, flags=cv2.INTER_CUBIC)
    return np.where(cv2.warpAffine(disc, transform, size) > 0, moved, gray).astype(np.float32)


def through(transform: Transform, places: np.ndarray) -> np.ndarray:
    return np.asarray(places @ transform[:, :2].T + transform[:, 2])


def members(transform: Transform) -> Matches:
    """Matches all over the disc that follow a transform."""
    offsets = np.array([(x, y) for x in (-20, -8, 8, 20) for y in (-20, -8, 8, 20)], float)
    starts = SOURCE + offsets
    turns = np.full(len(starts), complex(*transform[:, 0]))
    return Matches(starts, through(transform, starts), turns)


@pytest.mark.parametrize(("degrees", "scale"), [(0, 1.0), (70, 1.15), (-160, 1.1)])
def test_discs_match_where_there_is_no_corner(degrees: float, scale: float) -> None:
    transform = to((165, 160), degrees, scale)
    found = dense_matches(pasted(smooth_scene(), transform))
    missed = np.linalg.norm(through(transform, found.starts) - found.ends, axis=1)
    right = missed < 4
    assert right.sum() >= 20
    turns = found.turns[right] / complex(*transform[:, 0])
    assert np.median(np.abs(np.angle(turns, deg=True))) < 6
    assert np.median(np.abs(turns)) == pytest.approx(1, abs=0.08)


def test_a_scene_that_never_repeats_has_few_agreeing_discs() -> None:
    found = dense_matches(smooth_scene(seed=3))
    groups = agreeing(found, 12, Tolerance(near=3, reach=0.15, fewest=20, far=60))
    assert not list(groups)


@pytest.mark.parametrize("shape", [(1, 1), (39, 500), (60, 60)])
def test_flat_and_tiny_pictures_have_no_matches(shape: tuple[int, int]) -> None:
    assert not len(dense_matches(np.full(shape, 90, np.float32)))


@pytest.mark.parametrize("seed", range(3))
def test_alignment_finds_the_transform_that_pixels_follow(seed: int) -> None:
    rng = np.random.default_rng(seed)
    transform = to((165, 160), rng.uniform(-180, 180), rng.uniform(0.85, 1.2))
    picture = pasted(smooth_scene(seed, least=3.0), transform)
    near = to((165, 160), 0, 1)
    near[:, :2] = transform[:, :2] @ np.array([[1.03, -0.03], [0.03, 1.03]])
    near[:, 2] = through(transform, np.array([SOURCE]))[0] - near[:, :2] @ SOURCE + (1.5, -1)
    ends = members(transform).ends
    found = aligned(Slopes(picture), near, ends, 2.0, radius=8)
    assert found is not None
    starts = members(transform).starts
    before = np.linalg.norm(through(near, starts) - ends, axis=1).mean()
    after = np.linalg.norm(through(found, starts) - ends, axis=1).mean()
    assert before > 1
    assert after < 0.25


def test_alignment_of_what_has_no_texture_is_refused() -> None:
    transform = to((165, 160), 0, 1)
    flat = np.full((SIDE, SIDE), 90, np.float32)
    assert aligned(Slopes(flat), transform, members(transform).ends, 2.0, radius=8) is None


def region(gray: Floats, transform: Transform) -> Region | None:
    return coinciding(Shades(gray), transform, members(transform), 4)


def test_a_region_is_where_the_copy_is_and_lies_beside_its_source() -> None:
    transform = to((165, 160), 40, 1.1)
    found = region(pasted(smooth_scene(least=3.0), transform), transform)
    assert found is not None
    for mask, centre in ((found.copy, (165, 160)), (found.source, SOURCE)):
        assert np.allclose(np.argwhere(mask).mean(axis=0)[::-1], centre, atol=4)
    assert found.agreement > 0.95
    ends = np.rint(found.lines[:, 2:]).astype(int)
    assert len(ends) >= 8
    assert found.copy[ends[:, 1], ends[:, 0]].all()


def test_a_copy_turned_by_half_maps_onto_its_source_and_back() -> None:
    """The transform is its own inverse: both regions coincide, each beside its own source."""
    transform = to((165, 160), 180, 1)
    found = region(pasted(smooth_scene(least=3.0), transform), transform)
    assert found is not None


def test_what_lies_on_itself_is_no_copy() -> None:
    """Rings turned about their own centre."""
    y, x = np.mgrid[:SIDE, :SIDE]
    rings = (128 + 60 * np.sin(np.hypot(x - SOURCE[0], y - SOURCE[1]) / 2)).astype(np.float32)
    assert region(rings, to(SOURCE, 120, 1)) is None


def test_a_straight_edge_runs_one_way() -> None:
    """One stretch of it maps onto another, and nobody copied anything."""
    edge = np.where(np.arange(SIDE) < SOURCE[0], 60, 180).astype(np.float32)
    picture = cv2.GaussianBlur(np.tile(edge, (SIDE, 1)), (0, 0), 2)
    found = region(np.asarray(picture), to((SOURCE[0], SOURCE[1] + 120), 0, 1))
    copied = to((165, 160), 40, 1)
    other = region(pasted(smooth_scene(least=3.0), copied), copied)
    assert found is not None
    assert other is not None
    assert found.evenness < 0.01
    assert other.evenness > 0.2


def test_the_same_copy_counts_once() -> None:
    transform = to((165, 160), 40, 1.1)
    found = region(pasted(smooth_scene(least=3.0), transform), transform)
    assert found is not None
    assert distinct([found, found]) == [found]
