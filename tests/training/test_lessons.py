"""A student is told what its teacher says of the crops that it sees itself."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from forensics import lessons
from forensics.errors import InvalidOption
from forensics.lessons import Teacher, softened_loss
from forensics.schema import Floats, Image

SIDE = 32


class Reader:
    """Reads each crop's mean grey level."""

    def crop_features(self, crops: list[Image]) -> Floats:
        return np.asarray([[crop.mean()] for crop in crops], np.float32)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(lessons, "load", lambda kind, name: Reader())
    head = {"weight": np.asarray([[0, 1, -1]], np.float32), "bias": np.zeros(3, np.float32)}
    save_file(head, tmp_path / "clip_pairs.safetensors")
    return tmp_path


def test_a_teacher_tells_what_its_runs_head_says_of_each_crop(run: Path) -> None:
    crops = [np.full((SIDE, SIDE, 3), level, np.uint8) for level in (3, 200, 40)]
    told = Teacher(run, SIDE).told(crops)
    np.testing.assert_allclose(told, [[0, 3, -3], [0, 200, -200], [0, 40, -40]])


def test_a_folder_without_a_teacher_is_refused(run: Path) -> None:
    with pytest.raises(InvalidOption, match="train it there first"):
        Teacher(run / "nowhere", SIDE)


@pytest.mark.parametrize("side", [100, 240])
def test_crops_that_the_teacher_cannot_read_are_refused(run: Path, side: int) -> None:
    with pytest.raises(InvalidOption, match=f"not {side}"):
        Teacher(run, side)


def test_loss_is_least_where_student_and_teacher_agree() -> None:
    told = np.asarray([[2.0, -1.0, 0.5], [0.0, 1.0, 3.0]], np.float32)
    same = softened_loss(torch.from_numpy(told) + 3.0, told)
    for change in (0.5, -0.5):
        moved = torch.from_numpy(told) + torch.tensor([0.0, change, 0.0])
        assert softened_loss(moved, told) > same
