"""How many faces are found, and how many are seen where none is, on the shared photographs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.faces.detect import find_faces

IMAGES = Path(__file__).resolve().parents[3] / "shared" / "data" / "images"

pytestmark = [
    pytest.mark.data,
    pytest.mark.slow,
    pytest.mark.skipif(
        not IMAGES.is_dir(), reason="the shared data set is not beside this checkout"
    ),
]


def faces_of(group: str, count: int) -> list[int]:
    """The number of faces found in each of `count` pictures, spread evenly over the group."""
    paths = sorted((IMAGES / group).iterdir())
    chosen = paths[:: max(1, len(paths) // count)][:count]
    return [len(find_faces(np.asarray(Pillow.open(path).convert("RGB")))) for path in chosen]


@pytest.mark.parametrize(("group", "count"), [("ffhq-256", 60), ("stock-faces", 20)])
def test_portraits_show_a_face(group: str, count: int) -> None:
    assert np.mean([found >= 1 for found in faces_of(group, count)]) >= 0.97


def test_portraits_rarely_show_a_second_face() -> None:
    assert np.mean([found > 1 for found in faces_of("ffhq-256", 60)]) <= 0.05


@pytest.mark.parametrize(("group", "count"), [("scenes", 40), ("objects", 30)])
def test_pictures_without_people_rarely_show_a_face(group: str, count: int) -> None:
    assert np.mean([found >= 1 for found in faces_of(group, count)]) <= 0.1
