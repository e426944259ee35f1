"""Laws of attacks: what is climbed is the detector itself, and nothing moves further than told."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from forensics.benchmark.adversary import TO_FAKE, TO_REAL, attacked
from forensics.benchmark.gradients import COPIES, SIDE, copy_of, fused, pixels_of
from forensics.detector import CropDetector
from forensics.errors import BrokenPlugin, WeightsUnavailable
from forensics.fusion import LinearFusion
from forensics.loading import load_detector
from forensics.schema import Image


def picture(*shape: int) -> Image:
    given: Image = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    return given


def shipped(name: str) -> Any:
    try:
        return load_detector(name)
    except WeightsUnavailable as error:
        pytest.skip(str(error))


def brightness(pixels: Tensor) -> Tensor:
    return pixels.mean() / 255


@pytest.mark.parametrize("name", sorted(COPIES))
def test_the_copy_that_is_climbed_says_what_the_detector_says(name: str) -> None:
    detector = shipped(name)
    given = picture(SIDE, SIDE)
    with torch.inference_mode():
        ours = float(copy_of(detector)(pixels_of(given)))
    assert ours == pytest.approx(float(detector.score([given])[0]), abs=1e-2)


def test_a_copy_of_another_detector_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COPIES, "efficientnet_lite0", lambda _: lambda pixels: pixels.mean())
    detector: CropDetector = shipped("efficientnet_lite0")
    with pytest.raises(BrokenPlugin, match="differentiable copy"):
        copy_of(detector)


@pytest.mark.parametrize("most", [2, 4])
@pytest.mark.parametrize("towards", [TO_FAKE, TO_REAL])
def test_no_value_changes_by_more_than_it_may(most: int, towards: int) -> None:
    given = picture(24, 32)
    changed = attacked(given, brightness, most=most, towards=towards, seed=0)
    assert changed.dtype == np.uint8
    assert np.abs(changed.astype(int) - given).max() == most


def test_an_attack_goes_all_the_way_where_the_way_is_straight() -> None:
    given = picture(24, 32)
    brighter = attacked(given, brightness, most=4, towards=TO_FAKE, seed=0)
    darker = attacked(given, brightness, most=4, towards=TO_REAL, seed=0)
    assert (brighter == np.minimum(given.astype(int) + 4, 255)).all()
    assert (darker == np.maximum(given.astype(int) - 4, 0)).all()


def test_the_same_seed_gives_the_same_attack() -> None:
    def wavy(pixels: Tensor) -> Tensor:
        return torch.sin(pixels).sum()

    first, again, other = (
        attacked(picture(8, 8), wavy, most=4, towards=TO_FAKE, seed=seed) for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_a_detector_is_moved_the_way_it_is_pushed() -> None:
    detector = shipped("efficientnet_lite0")
    given, logit = picture(SIDE, SIDE), copy_of(detector)
    ways = [attacked(given, logit, most=2, towards=to, seed=0) for to in (TO_REAL, TO_FAKE)]
    to_real, plain, to_fake = detector.score([ways[0], given, ways[1]]).tolist()
    assert to_real < plain < to_fake


def test_the_fused_logit_weighs_its_parts_as_the_fusion_does() -> None:
    numbers = {"means": [1.0, 2.0], "scales": [2.0, 4.0], "weights": [0.5, 3.0]}
    arrays = {name: np.asarray(values) for name, values in numbers.items()}
    fusion = LinearFusion(
        inputs=("one.mean", "two.mean"),
        bias=0.3,
        precision=np.eye(2),
        distance_limit=9.0,
        **arrays,
    )
    parts = {"one": lambda pixels: pixels[0], "two": lambda pixels: pixels[1]}
    given, other = torch.tensor([5.0, 7.0]), torch.tensor([6.0, 3.0])
    logit = fused(parts, fusion)
    expected = fusion.logits(given[None].numpy()) - fusion.logits(other[None].numpy())
    assert float(logit(given) - logit(other)) == pytest.approx(float(expected[0]))
