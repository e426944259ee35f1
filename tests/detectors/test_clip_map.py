"""The map of `clip_pairs` is what the head of the map says of each patch."""

import numpy as np
import pytest

from detectors.clip_pairs import ClipPairs
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
from forensics.schema import Image


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


def test_map_shows_the_logits_of_the_patches(detector: ClipPairs) -> None:
    picture = noise(64, 64)
    [drawn] = detector.locate([picture])
    logits = detector.map_head.logits(clip_reading(picture).patches)
    assert logits.shape == (4, 4)
    np.testing.assert_allclose(drawn[8::16, 8::16], 1 / (1 + np.exp(-logits)), atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (40, 75), (300, 500)])
def test_map_has_the_pictures_size_and_is_a_probability(
    detector: ClipPairs, size: tuple[int, int]
) -> None:
    [drawn] = detector.locate([noise(*size)])
    assert drawn.shape == size
    assert drawn.dtype == np.float32
    assert 0 <= drawn.min() <= drawn.max() <= 1


@pytest.mark.parametrize("size", [(250, 400), (512, 512), (600, 500), (224, 640)])
def test_a_picture_that_few_crops_cover_is_shown_but_for_borders(
    detector: ClipPairs, size: tuple[int, int]
) -> None:
    [drawn] = detector.locate([noise(*size)])
    assert (drawn[16:-16, 16:-16] > 0).all()


def test_in_a_large_picture_the_map_shows_what_the_score_looks_at(detector: ClipPairs) -> None:
    picture = noise(900, 900)
    [drawn] = detector.locate([picture])
    seen = np.zeros(picture.shape[:2], bool)
    for area in detector._areas(picture):
        seen[area] = True
    assert (drawn[~seen] == 0).all()
    assert (drawn[seen] > 0).all()


def test_where_crops_overlap_the_map_is_the_mean_of_their_logits(detector: ClipPairs) -> None:
    picture = noise(400, 224)
    [drawn] = detector.locate([picture])
    first, last = (
        np.kron(detector.map_head.logits(clip_reading(crop).patches), np.ones((16, 16)))
        for crop in (picture[:224], picture[-224:])
    )
    both = (first[176:] + last[:48]) / 2
    np.testing.assert_allclose(drawn[176:224], 1 / (1 + np.exp(-both)), atol=1e-5)


def test_a_crop_reads_the_same_on_every_core_at_once_and_on_all_cores(detector: ClipPairs) -> None:
    crops = [noise(side, side) for side in (96, 64, 48)]
    together = [reading.patches for reading in clip_readings(crops)]
    for threads in (1, 2):
        network = open_clip(threads)
        for crop, patches in zip(crops, together, strict=True):
            batch = normalised(crop, CLIP_MEAN, CLIP_STD)
            [alone] = network.run(["patches"], {"crops": batch})
            assert np.array_equal(alone.reshape(patches.shape), patches)
