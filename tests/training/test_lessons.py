"""A student is told what its teacher says, of pairs through one window, the same in every run."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from forensics import lessons
from forensics.augmentation import Chain
from forensics.errors import InvalidOption
from forensics.head_training import head_rows
from forensics.lessons import Lessons, softened_loss
from forensics.linear_head import HeadRows
from forensics.schema import Image
from forensics.training import Sample, TrainingData
from forensics.views import View, all_views

SIDE = 32


class Teacher:
    """Reads each view's mean grey level, so that its answers say which crop they are of."""

    def views(self, data: TrainingData, recipe: Any) -> list[View]:
        return all_views(data.samples, 0.5, 1.0, tuple(data.makers))

    def read(self, views: list[View], data: TrainingData, recipe: Any) -> Iterator[int]:
        yield 0

    def rows(
        self, views: list[View], data: TrainingData, recipe: Any
    ) -> tuple[HeadRows, list[View]]:
        levels = [view.crop(data, Chain(), 224, 16).mean() for view in views]
        return head_rows(np.asarray(levels, np.float32)[:, None], views, 0.5), views


def picture(sample: Sample) -> Image:
    return np.full((48, 80, 3), 5 + 4 * int(sample.path[1:]), np.uint8)


def brighter(sample: Sample) -> Image:
    return picture(sample) + 100


@pytest.fixture
def taught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lessons:
    recipe = SimpleNamespace(chain=Chain())
    monkeypatch.setattr(lessons, "load", lambda kind, name: Teacher())
    monkeypatch.setattr(
        lessons, "plugin_class", lambda kind, name: SimpleNamespace(Recipe=lambda: recipe)
    )
    weight = np.asarray([[0, 1, 0]], np.float32)
    save_file(
        {"weight": weight, "bias": np.zeros(3, np.float32)}, tmp_path / "clip_pairs.safetensors"
    )
    samples = [Sample(f"r{n}", 0, "", "camera", "A", f"r{n}", check=False) for n in range(12)]
    samples += [Sample(f"f{n}", 1, "gan", "gan", "A", f"f{n}", check=False) for n in range(12)]
    data = TrainingData(tuple(samples), picture, {"brighter": brighter}, tmp_path, tmp_path)
    return Lessons(data, tmp_path, SIDE, 16)


def test_a_lesson_depends_on_seed_and_step_alone(taught: Lessons) -> None:
    first, again, other = taught.lesson(1, 7), taught.lesson(1, 7), taught.lesson(1, 8)
    assert first.crops.shape == (16, SIDE, SIDE, 3)
    assert (first.crops == again.crops).all()
    assert (first.told == again.told).all()
    assert (first.crops != other.crops).any()


def test_what_is_told_is_of_the_view_that_is_shown(taught: Lessons) -> None:
    for step in range(5):
        lesson = taught.lesson(0, step)
        # The pictures are flat, so that a window is as bright as its view, but for what noise left.
        shown = lesson.crops.mean(axis=(1, 2, 3))
        assert np.corrcoef(shown, lesson.told[:, 1])[0, 1] > 0.95


def test_half_of_a_lesson_are_pairs_that_differ_in_their_trace_alone(taught: Lessons) -> None:
    lesson = taught.lesson(0, 3)
    for real, twin in zip(lesson.crops[:8:2], lesson.crops[1:8:2], strict=True):
        assert real.mean() < twin.mean()


def test_a_folder_without_a_teacher_is_refused(taught: Lessons, tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="train it there first"):
        Lessons(taught._data, tmp_path / "nowhere", SIDE, 16)


def test_loss_is_least_where_student_and_teacher_agree() -> None:
    told = np.asarray([[2.0, -1.0, 0.5], [0.0, 1.0, 3.0]], np.float32)
    same = softened_loss(torch.from_numpy(told) + 3.0, told)
    for change in (0.5, -0.5):
        moved = torch.from_numpy(told) + torch.tensor([0.0, change, 0.0])
        assert softened_loss(moved, told) > same
