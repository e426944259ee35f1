"""Laws of attacks: what is climbed is the detector itself, and nothing moves further than told."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from forensics.benchmark.adversary import TO_FAKE, TO_REAL, attacked
from forensics.benchmark.clip_in_torch import ClipInTorch
from forensics.benchmark.gradients import COPIES, SIDE, copy_of, fused, pixels_of
from forensics.class_tokens import TokenReader
from forensics.detector import CropDetector
from forensics.errors import BrokenPlugin, WeightsUnavailable
from forensics.fusion import LinearFusion
from forensics.loading import load_detector
from forensics.neural import clip_reading
from forensics.plugins import backbones
from forensics.schema import Image
from forensics.weights import load_tensors


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


@pytest.mark.parametrize("size", [(224, 224), (128, 160), (16, 48)])
def test_clip_in_torch_says_what_the_graph_says(size: tuple[int, int]) -> None:
    try:
        theirs = clip_reading(picture(*size))
        clip = ClipInTorch(load_tensors(backbones()["clip_vit_b16"]))
    except WeightsUnavailable as error:
        pytest.skip(str(error))
    with torch.inference_mode():
        patches, whole = (part.numpy() for part in clip.reading(pixels_of(picture(*size))))
    for ours, expected in ((patches, theirs.patches.reshape(patches.shape)), (whole, theirs.whole)):
        assert np.abs(ours - expected).max() < 1e-3 * np.abs(expected).max()


def test_class_tokens_in_torch_are_those_of_the_graph() -> None:
    given = picture(96, 96)
    try:
        [theirs] = TokenReader().of_crops([given])
        clip = ClipInTorch(load_tensors(backbones()["clip_vit_b16"]))
    except WeightsUnavailable as error:
        pytest.skip(str(error))
    with torch.inference_mode():
        streams = list(clip.streams(pixels_of(given), len(theirs)))
    ours = torch.stack([stream[0] for stream in streams]).numpy()
    assert (np.abs(ours - theirs).max(axis=1) < 1e-3 * np.abs(theirs).max(axis=1)).all()


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
