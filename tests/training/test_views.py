"""Laws of views and their weights."""

from pathlib import Path

import numpy as np
import pytest

from forensics.augmentation import Chain
from forensics.errors import InvalidManifest
from forensics.schema import Image
from forensics.training import Sample, TrainingData, blended, soft_mask, source_weights
from forensics.views import SHRUNK, View, all_views, changed, kinds_of, pairs_of


def sample(number: int, kind: int = 0, source: str = "camera") -> Sample:
    generator, group = (source, f"{source}-set") if kind else ("", source)
    return Sample(f"{source}/{number}.png", kind, generator, group, "A", str(number), check=False)


def picture(given: Sample) -> Image:
    rng = np.random.default_rng(given.seed(0))
    return rng.integers(0, 256, (80, 80, 3), dtype=np.uint8)


def negative(given: Sample) -> Image:
    return 255 - picture(given)


def some_data(samples: list[Sample], folder: Path) -> TrainingData:
    return TrainingData(tuple(samples), picture, {"negative": negative}, folder, folder)


SAMPLES = [sample(i) for i in range(20)] + [sample(i, 1, "gan") for i in range(10)]


def test_every_twin_has_its_real_partner_in_the_same_view() -> None:
    views = all_views(SAMPLES, 0.5, 0.5, ["one", "two"])
    for real, fake in pairs_of(views):
        assert (views[real].sample, views[real].number) == (views[fake].sample, views[fake].number)
        assert views[fake].twin
        assert not views[real].twin


def test_twins_are_fakes_and_only_real_pictures_have_them() -> None:
    views = all_views(SAMPLES, 1, 1, ["one"])
    assert all(kind > 0 for kind, view in zip(kinds_of(views), views, strict=True) if view.twin)
    assert not any(view.twin and view.sample.fake for view in views)


def test_a_larger_share_only_adds_views() -> None:
    few, many = (set(all_views(SAMPLES, share, share, ["one"])) for share in (0.3, 0.8))
    assert few < many


def test_view_keys_are_distinct_and_hold_no_blank() -> None:
    keys = [view.key for view in all_views(SAMPLES, 1, 1, ["one", "two"])]
    assert len(set(keys)) == len(keys)
    assert not any(" " in key for key in keys)


def test_a_twin_shares_its_partners_crop(tmp_path: Path) -> None:
    views = all_views(SAMPLES[:20], 0, 1, ["negative"])
    data = some_data(SAMPLES, tmp_path)
    real, fake = pairs_of(views)[0]
    crops = [views[row].crop(data, Chain(), 64) for row in (real, fake)]
    assert crops[0].shape == crops[1].shape == (64, 64, 3)
    assert (crops[0] != crops[1]).any()


def test_a_twin_that_was_left_unchanged_is_not_learned_from() -> None:
    views = all_views([sample(number) for number in range(4)], 0.0, 1.0, ("a", "b"))
    rows = np.arange(len(views), dtype=np.float32)[:, None].repeat(3, axis=1)
    real, twin = pairs_of(views)[0]
    rows[twin] = rows[real]
    assert set(range(len(views))) - set(changed(views, rows).tolist()) == {twin}


def test_without_twins_all_views_are_learned_from() -> None:
    views = all_views([sample(0), sample(1)], 1.0, 0.0, ())
    same = np.zeros((len(views), 2), np.float32)
    np.testing.assert_array_equal(changed(views, same), np.arange(len(views)))


def test_makers_draw_pictures_of_their_own() -> None:
    views = all_views(SAMPLES[:20], 0, 0.5, ["one", "two"])
    drawn = [{v.sample.path for v in views if v.twin == maker} for maker in ("one", "two")]
    assert drawn[0] != drawn[1]
    assert {view.shown.source for view in views if view.twin} == {"one", "two"}


def test_large_pictures_come_shrunk_without_twins_and_as_sources_of_their_own() -> None:
    large = {SAMPLES[0].path, SAMPLES[-1].path}
    views = all_views(SAMPLES, 1, 1, ["one"], large=large, shrunk_views=3)
    shown = [view for view in views if view.number >= SHRUNK]
    assert [view.sample.path for view in shown] == [SAMPLES[0].path] * 3 + [SAMPLES[-1].path] * 3
    assert not any(view.twin for view in shown)
    assert [view.shown.source for view in shown[::3]] == ["camera shrunk", "gan shrunk"]
    assert all(view.shown.fake == view.sample.fake for view in shown)
    assert set(views) - set(shown) == set(all_views(SAMPLES, 1, 1, ["one"]))


def test_shrunk_views_look_at_the_whole_and_others_do_not(tmp_path: Path) -> None:
    def wider(given: Sample) -> Image:
        return np.full((1000, 1200, 3), 250, np.uint8)

    large = frozenset({SAMPLES[0].path})
    data = TrainingData(tuple(SAMPLES), picture, {}, tmp_path, tmp_path, large, wider)
    plain = Chain(camera=0, blurring=0, noising=0, uncompressed=1)
    means = [View(SAMPLES[0], n).crop(data, plain, 224, 16).mean() for n in range(SHRUNK + 2)]
    assert all(mean < 200 for mean in means[:SHRUNK])
    assert all(mean > 240 for mean in means[SHRUNK:])


def test_small_picture_gives_a_small_crop_of_whole_cells(tmp_path: Path) -> None:
    data = some_data(SAMPLES, tmp_path)
    sides = {View(one, n).crop(data, Chain(), 224, 16).shape for one in SAMPLES for n in (0, 1)}
    assert (80, 80, 3) in sides
    assert all(side[0] == side[1] <= 128 and side[0] % 16 == 0 for side in sides)


def test_classes_count_alike_and_weights_sum_to_one() -> None:
    weights = source_weights(SAMPLES)
    fake = np.asarray([one.fake for one in SAMPLES])
    assert weights[fake].sum() == pytest.approx(weights[~fake].sum())
    assert weights.sum() == pytest.approx(1)


def test_a_large_source_counts_by_the_square_root_of_its_size() -> None:
    samples = [sample(i, 1, "a") for i in range(16)] + [sample(i, 1, "b") for i in range(4)]
    weights = source_weights(samples)
    assert weights[:16].sum() == pytest.approx(2 * weights[16:].sum())


def test_blending_leaves_what_the_mask_does_not_cover() -> None:
    image, twin = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 200, np.uint8)
    kinds = {}
    for seed in range(40):
        mixed, kind = blended(image, twin, seed)
        kinds[kind] = mixed
    assert kinds[1].min() > 0
    assert (kinds[2] == 0).any()
    assert (kinds[2] > 0).any()


def test_a_soft_mask_stays_within_zero_and_one() -> None:
    masks = [soft_mask(50, 70, np.random.default_rng(seed)) for seed in range(20)]
    assert all(0 <= mask.min() <= mask.max() <= 1 for mask in masks)
    assert all(mask.shape == (50, 70) for mask in masks)


def test_one_class_alone_cannot_be_trained_on(tmp_path: Path) -> None:
    with pytest.raises(InvalidManifest, match="one class is missing"):
        some_data(SAMPLES[:20], tmp_path)
