"""Batches through torch give what the graphs that examine pictures give."""

import numpy as np
import pytest
import torch

from forensics.benchmark.clip_batches import ClipBatches
from forensics.class_tokens import TokenReader
from forensics.errors import WeightsUnavailable
from forensics.neural import clip_reading
from forensics.plugins import backbones
from forensics.schema import Image
from forensics.weights import load_tensors


@pytest.fixture(scope="module")
def network() -> ClipBatches:
    try:
        return ClipBatches(load_tensors(backbones()["clip_vit_b16"]), "cpu", torch.float32)
    except WeightsUnavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=[(48, 48), (32, 80)], ids=["square", "wide"])
def crops(request: pytest.FixtureRequest) -> list[Image]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*request.param, 3), dtype=np.uint8) for _ in range(3)]


def test_readings_are_those_of_the_graph(network: ClipBatches, crops: list[Image]) -> None:
    read = [clip_reading(crop) for crop in crops]
    expected = [np.append(each.patches.mean(axis=(0, 1)), each.whole) for each in read]
    np.testing.assert_allclose(network.features(crops).readings, expected, atol=2e-3)


def test_class_tokens_are_those_of_the_graph(network: ClipBatches, crops: list[Image]) -> None:
    expected = TokenReader().of_crops(crops).reshape(3, -1)
    np.testing.assert_allclose(network.features(crops).classes, expected, atol=2e-3)


def test_a_crop_does_not_depend_on_its_batch(network: ClipBatches, crops: list[Image]) -> None:
    together, alone = network.features(crops), network.features(crops[1:2])
    np.testing.assert_allclose(together.readings[1:2], alone.readings, atol=1e-4)
