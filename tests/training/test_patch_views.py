"""Which views teach a map, and what of them is kept."""

from pathlib import Path

import numpy as np
import pytest

from forensics import patch_views
from forensics.augmentation import Chain
from forensics.neural import CLIP_PATCH, CLIP_WIDTH, ClipReading
from forensics.patch_views import DRAWN, PatchViews, local_views
from forensics.schema import Image
from forensics.training import Sample, TrainingData
from forensics.views import View, all_views

SIDE = 96


def picture(sample: Sample) -> Image:
    rng = np.random.default_rng(sample.seed(0))
    return rng.integers(0, 200, (SIDE, SIDE, 3), dtype=np.uint8)


def brighter_in_part(sample: Sample) -> Image:
    changed = picture(sample)
    changed[: SIDE // 2, : SIDE // 2] += 40
    return changed


def brightness(crop: Image) -> ClipReading:
    """Tokens that hold their patch's mean grey level, and noise of their own."""
    cells = crop.shape[0] // CLIP_PATCH
    levels = crop.reshape(cells, CLIP_PATCH, cells, CLIP_PATCH, 3).mean(axis=(1, 3, 4))
    patches = np.random.default_rng(0).normal(size=(cells, cells, CLIP_WIDTH))
    patches[..., 0] = levels
    return ClipReading(patches.astype(np.float32), np.zeros(768, np.float32))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingData:
    monkeypatch.setattr(patch_views, "clip_reading", brightness)
    real = [Sample(f"r{n}", 0, "", "camera", "A", f"r{n}", check=False) for n in range(12)]
    other = [Sample(f"o{n}", 0, "", "phone", "A", f"o{n}", check=False) for n in range(3)]
    fake = [Sample(f"f{n}", 1, "gan", "gan", "A", f"f{n}", check=False) for n in range(5)]
    makers = {"part": brighter_in_part, "none": picture}
    return TrainingData((*real, *other, *fake), picture, makers, tmp_path, tmp_path)


def views_of(data: TrainingData) -> list[View]:
    return all_views(data.samples, 0.5, 1.0, tuple(data.makers))


def test_only_some_real_pictures_of_each_group_and_their_twins_teach(data: TrainingData) -> None:
    near = local_views(views_of(data), 4)
    assert len({view.sample.path for view in near if view.sample.group == "camera"}) == 4
    assert len({view.sample.path for view in near if view.sample.group == "phone"}) == 3
    assert not any(view.sample.fake for view in near)
    assert {view.twin for view in near} == {"", "part", "none"}
    assert set(near) < set(local_views(views_of(data), 12))


def test_a_view_changed_in_part_keeps_patches_of_both_kinds(data: TrainingData) -> None:
    views = local_views(views_of(data), 12)
    read = PatchViews(data, Chain())
    assert list(read.read(views))[-1] == 0
    patches, told = read.rows(views)
    assert patches.shape == (len(views), DRAWN, CLIP_WIDTH)
    for view, labels in zip(views, told, strict=True):
        assert (labels == 1).any() == (view.twin == "part")
        assert (labels == 0).any()


def test_what_was_read_is_not_read_again(
    data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = local_views(views_of(data), 2)
    list(PatchViews(data, Chain()).read(views))

    def refuse(crop: Image) -> ClipReading:
        raise AssertionError("read again")

    monkeypatch.setattr(patch_views, "clip_reading", refuse)
    assert not list(PatchViews(data, Chain()).read(views))


def test_head_finds_what_was_changed(data: TrainingData) -> None:
    views = local_views(views_of(data), 12)
    read = PatchViews(data, Chain())
    list(read.read(views))
    head = read.fit(views, 0.5, 1.0)
    assert head.weight[0] > 3 * np.abs(head.weight[1:]).max()
