"""The map of `clip_pairs` is what its score consists of."""

import numpy as np
import pytest

from detectors.clip_pairs import HEATMAP_GAIN, ClipPairs
from forensics.detector import fake_logit
from forensics.errors import WeightsUnavailable
from forensics.neural import (
    CLIP_MEAN,
    CLIP_STD,
    clip_reading,
    clip_readings,
    normalised,
    open_clip,
)
from forensics.plugins import load
from forensics.schema import Floats, Image


@pytest.fixture(scope="module")
def detector() -> ClipPairs:
    try:
        clip_reading(np.zeros((16, 16, 3), np.uint8))
    except WeightsUnavailable as missing:
        pytest.skip(str(missing))
    loaded: ClipPairs = load("detector", "clip_pairs")
    return loaded


def noise(height: int, width: int) -> Image:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def as_read(picture: Image) -> Floats:
    """Each patch beside what the whole crop says, (h * w, D)."""
    reading = clip_reading(picture)
    patches = reading.patches.reshape(-1, reading.patches.shape[2])
    return np.hstack([patches, np.tile(reading.whole, (len(patches), 1))])


def test_a_classs_logit_of_a_crop_is_the_mean_of_those_of_its_patches(detector: ClipPairs) -> None:
    picture = noise(96, 96)
    weight, bias = detector.head.weight, detector.head.bias
    by_patch = as_read(picture) @ weight + bias
    [whole] = detector.features(picture) @ weight + bias
    np.testing.assert_allclose(whole, by_patch.mean(axis=0), atol=1e-3)


def test_a_kinds_logit_of_a_crop_is_at_most_the_mean_of_its_patches(detector: ClipPairs) -> None:
    picture = noise(96, 96)
    by_patch = detector.head.class_logits(as_read(picture)).mean(axis=0)
    [whole] = detector.class_logits([picture])
    # A kind of several classes is their log-sum-exp, which is convex; one class is exact.
    assert (whole[0] <= by_patch + 1e-3).all()
    single = np.bincount(detector.head.kinds, minlength=3) == 1
    np.testing.assert_allclose(whole[0][single], by_patch[single], atol=1e-3)


def test_map_shows_the_logits_of_the_patches(detector: ClipPairs) -> None:
    picture = noise(64, 64)
    [drawn] = detector.locate([picture])
    logits = fake_logit(detector.head.class_logits(as_read(picture)))
    expected = 1 / (1 + np.exp(-logits.reshape(4, 4) / HEATMAP_GAIN))
    np.testing.assert_allclose(drawn[8::16, 8::16], expected, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (40, 75), (300, 500)])
def test_map_has_the_pictures_size_and_is_a_probability(
    detector: ClipPairs, size: tuple[int, int]
) -> None:
    [drawn] = detector.locate([noise(*size)])
    assert drawn.shape == size
    assert drawn.dtype == np.float32
    assert 0 <= drawn.min() <= drawn.max() <= 1


def test_map_is_empty_where_no_crop_looked(detector: ClipPairs) -> None:
    picture = noise(500, 500)
    [drawn] = detector.locate([picture])
    seen = np.zeros(picture.shape[:2], bool)
    for area in detector._areas(picture):
        seen[area] = True
    assert (drawn[~seen] == 0).all()
    assert (drawn[seen] > 0).all()


def test_a_crop_reads_the_same_on_every_core_at_once_and_on_all_cores(detector: ClipPairs) -> None:
    crops = [noise(side, side) for side in (96, 64, 48)]
    together = [reading.patches for reading in clip_readings(crops)]
    for threads in (1, 2):
        network = open_clip(threads)
        for crop, patches in zip(crops, together, strict=True):
            batch = normalised(crop, CLIP_MEAN, CLIP_STD)
            [alone] = network.run(["patches"], {"crops": batch})
            assert np.array_equal(alone.reshape(patches.shape), patches)
