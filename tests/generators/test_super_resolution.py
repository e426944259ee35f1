from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.plugins import load
from forensics.schema import Image
from forensics.traces.texture import high_frequency_energy
from forensics.training import PictureData
from generators._super_resolution import Enlarger
from generators.super_resolution import SuperResolutionRecipe


@pytest.fixture
def photograph() -> Image:
    grey = np.random.default_rng(1).integers(40, 220, (12, 11, 3)).astype(np.uint8)
    return np.kron(grey, np.ones((6, 6, 1), np.uint8))[:71, :65]


def test_network_doubles_both_sides() -> None:
    assert Enlarger()(torch.rand(1, 3, 9, 14)).shape == (1, 3, 18, 28)


def test_tiles_join_without_a_seam() -> None:
    network, wide = Enlarger().eval(), torch.rand(1, 3, 6, 120)
    with torch.inference_mode():
        whole, part = network(wide), network(wide[..., :69])
    torch.testing.assert_close(part[..., :120], whole[..., :120])


def test_enlarging_changes_a_picture_but_not_its_texture(photograph: Image) -> None:
    [made], [mask] = load("generator", "super_resolution").apply([photograph], seed=0)
    assert (made != photograph).any()
    assert mask.min() == 1
    energies = high_frequency_energy(made), high_frequency_energy(photograph)
    assert energies[0] == pytest.approx(energies[1], rel=0.5)


def test_stopped_training_goes_on_where_it_was(tmp_path: Path, photograph: Image) -> None:
    recipe = SuperResolutionRecipe(steps=6, batch=1, side=16, save_every=2)
    plugin = load("generator", "super_resolution")
    whole = PictureData(("a",), lambda _: photograph, tmp_path / "whole")
    parts = PictureData(("a",), lambda _: photograph, tmp_path / "parts")
    list(plugin.train(whole, recipe, 0))
    steps = plugin.train(parts, recipe, 0)
    for _ in range(4):
        next(steps)
    list(plugin.train(parts, recipe, 0))
    files = [folder / "super_resolution.safetensors" for folder in (whole.folder, parts.folder)]
    assert files[0].read_bytes() == files[1].read_bytes()
