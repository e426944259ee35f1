"""CLIP in torch says what the graphs that examine pictures say, and has a gradient."""

import numpy as np
import pytest
import torch
from torch import Tensor

from forensics.benchmark.clip_in_torch import ClipInTorch, nothing, pixels_of
from forensics.class_tokens import TokenReader
from forensics.errors import WeightsUnavailable
from forensics.neural import clip_reading
from forensics.plugins import backbones
from forensics.schema import Floats, Image
from forensics.weights import load_tensors


@pytest.fixture(scope="module")
def clip() -> ClipInTorch:
    try:
        return ClipInTorch(load_tensors(backbones()["clip_vit_b16"]))
    except WeightsUnavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=[(48, 48), (32, 80), (224, 224)], ids=["square", "wide", "whole"])
def crops(request: pytest.FixtureRequest) -> list[Image]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*request.param, 3), dtype=np.uint8) for _ in range(3)]


def gap(ours: Floats, theirs: Floats) -> float:
    """The mean difference as a share of the mean size: the graph rounds to 16 bits, torch not."""
    return float(np.abs(ours - theirs).mean() / np.abs(theirs).mean())


def test_readings_are_those_of_the_graph(clip: ClipInTorch, crops: list[Image]) -> None:
    read = [clip_reading(crop) for crop in crops]
    expected = [np.append(each.patches.mean(axis=(0, 1)), each.whole) for each in read]
    assert gap(clip.features(crops).readings, np.asarray(expected)) < 1e-3


def test_single_patches_are_those_of_the_graph(clip: ClipInTorch, crops: list[Image]) -> None:
    patches = clip_reading(crops[0]).patches
    *_, last = clip.streams(pixels_of(crops[:1]), 7)
    expected = patches.reshape(-1, patches.shape[2])[:, -768:]
    assert gap(last[0, 1:].numpy(), expected) < 2e-3


def test_class_tokens_are_those_of_the_graph(clip: ClipInTorch, crops: list[Image]) -> None:
    expected = TokenReader().of_crops(crops).reshape(3, -1)
    np.testing.assert_allclose(clip.features(crops).classes, expected, atol=2e-3)


def test_a_crop_does_not_depend_on_its_batch(clip: ClipInTorch, crops: list[Image]) -> None:
    together, alone = clip.features(crops), clip.features(crops[1:2])
    np.testing.assert_allclose(together.readings[1:2], alone.readings, atol=1e-4)


def test_the_gradient_says_where_the_reading_goes(clip: ClipInTorch) -> None:
    rng = np.random.default_rng(1)
    pixels = pixels_of([rng.integers(0, 256, (16, 32, 3), dtype=np.uint8)]).requires_grad_()
    along = torch.from_numpy(rng.standard_normal(4 * 768).astype(np.float32))
    (slope,) = torch.autograd.grad(clip.reading(pixels)[0] @ along, pixels)
    with torch.no_grad():
        step = 2 * slope / slope.norm()
        ahead, behind = (clip.reading(pixels + way * step)[0] @ along for way in (1, -1))
    assert float(ahead - behind) == pytest.approx(4 * float(slope.norm()), rel=0.1)


def test_what_is_added_to_a_product_reaches_the_reading(clip: ClipInTorch) -> None:
    rng = np.random.default_rng(2)
    pixels = pixels_of([rng.integers(0, 256, (16, 32, 3), dtype=np.uint8)])
    tensors = load_tensors(backbones()["clip_vit_b16"])

    def added(name: str, rows: Tensor) -> Tensor | None:
        return 0.1 * rows if name == "encoder.layers.4.self_attn.out_proj" else None

    before, after = (ClipInTorch(tensors, added=each).reading(pixels) for each in (nothing, added))
    assert torch.equal(before, clip.reading(pixels))
    assert not torch.equal(after, before)
