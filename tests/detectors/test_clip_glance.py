"""Laws of the quick look: the head of clip_pairs at less of the picture."""

from collections.abc import Sequence

import numpy as np
import pytest

from detectors.clip_glance import SIDE
from forensics.benchmark.out_of_fold import trained_as
from forensics.detector import CropDetector
from forensics.errors import WeightsUnavailable
from forensics.plugins import default_detectors, entries, load
from forensics.schema import Image


def noise(height: int, width: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def logits(name: str, images: Sequence[Image]) -> list[np.ndarray]:
    detector: CropDetector = load("detector", name)
    try:
        return detector.class_logits(images)
    except WeightsUnavailable as error:
        pytest.skip(str(error))


# A picture of the crop's size, a smaller one, and one smaller than a patch.
@pytest.mark.parametrize("shape", [(SIDE, SIDE), (70, 100), (9, 20)])
def test_at_a_picture_of_its_crops_size_it_says_what_clip_pairs_says(
    shape: tuple[int, int],
) -> None:
    [ours], [full] = (logits(name, [noise(*shape)]) for name in ("clip_glance", "clip_pairs"))
    np.testing.assert_array_equal(ours, full)


def test_it_looks_at_the_middle_and_nowhere_else() -> None:
    picture, other = noise(300, 420), noise(300, 420, seed=1)
    middle = slice(150 - SIDE // 2, 150 + SIDE // 2), slice(210 - SIDE // 2, 210 + SIDE // 2)
    other[middle] = picture[middle]
    [whole], [bordered], [cut] = (
        logits("clip_glance", [one]) for one in (picture, other, picture[middle])
    )
    np.testing.assert_array_equal(whole, bordered)
    np.testing.assert_array_equal(whole, cut)


def test_its_weights_are_those_that_the_training_of_clip_pairs_gave() -> None:
    ours, theirs = (entries("detector")[name].card for name in ("clip_glance", "clip_pairs"))
    assert ours.weights == theirs.weights
    assert ours.trained_on == theirs.trained_on
    assert trained_as("clip_glance") == "clip_pairs"


@pytest.mark.parametrize("name", default_detectors())
def test_a_detector_with_weights_of_its_own_is_trained_as_itself(name: str) -> None:
    assert trained_as(name) == name
