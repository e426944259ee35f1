import cv2
import numpy as np
import pytest

from forensics.schema import Floats
from forensics.traces.thumbnails import compare_thumbnail


def texture(seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    layers = [cv2.resize(rng.normal(0, 25, (n, n)), (400, 400)) for n in (5, 12, 30)]
    return np.asarray(np.sum(layers, axis=0), np.float32)


def small(picture: Floats) -> Floats:
    return np.asarray(cv2.resize(picture, (100, 100), interpolation=cv2.INTER_AREA), np.float32)


@pytest.mark.parametrize("seed", [0, 7, 10])
def test_a_large_change_does_not_make_the_whole_a_crop(seed: int) -> None:
    picture = np.full((400, 400), 40, np.float32)
    picture[:, 60:] = (128 + texture(seed))[:, 60:]
    thumbnail = small(picture)
    picture[60:330, 60:300] = (140 + texture(seed + 50))[60:330, 60:300]
    found = compare_thumbnail(picture, thumbnail)
    assert found is not None
    assert found.picture_share * found.thumbnail_share > 0.9
    assert found.differing_share > 0.2


def test_a_crop_is_found_where_it_was_cut() -> None:
    whole = 128 + texture(3)
    found = compare_thumbnail(np.ascontiguousarray(whole[100:340, 60:300]), small(whole))
    assert found is not None
    assert found.thumbnail_share == pytest.approx(0.36, abs=0.05)
    assert found.correlation > 0.95
