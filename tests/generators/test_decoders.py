from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.errors import InvalidManifest
from forensics.plugins import load
from forensics.schema import Image
from forensics.traces.texture import high_frequency_energy
from forensics.training import PictureData
from generators._recipe import PatchRecipe
from generators.decoders import HELD_OUT, TRAINING, DecodersOptions
from generators.decoders.networks import COUNT, UPSAMPLINGS, PatchAutoencoder, architecture
from generators.decoders.training import train_all

EVERY = [architecture(index) for index in range(COUNT)]


@pytest.fixture
def photograph() -> Image:
    grey = np.random.default_rng(1).integers(40, 220, (10, 10, 3)).astype(np.uint8)
    return np.kron(grey, np.ones((8, 8, 1), np.uint8))[:70, :75]


def test_four_held_out_decoders_cover_all_upsamplings() -> None:
    assert {EVERY[index].upsampling for index in HELD_OUT} == set(UPSAMPLINGS)
    assert sorted((*TRAINING, *HELD_OUT)) == list(range(COUNT))


def test_upsampling_tells_neither_code_nor_discriminator() -> None:
    for upsampling in UPSAMPLINGS:
        same = [each for each in EVERY if each.upsampling == upsampling]
        assert sum(each.quantised for each in same) == len(same) / 2
        assert sum(each.adversarial for each in same) == len(same) / 2


@pytest.mark.parametrize("index", range(COUNT))
def test_tiles_join_without_a_seam(index: int) -> None:
    network = PatchAutoencoder(architecture(index)).eval()
    wide = torch.rand(1, 3, 8, 8 * 60, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        whole = network(wide)[0][..., : 8 * 20]
        tile = network(wide[..., : 8 * 29])[0][..., : 8 * 20]
    torch.testing.assert_close(tile, whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("decoder", range(COUNT))
def test_decoding_changes_a_picture_but_not_its_texture(photograph: Image, decoder: int) -> None:
    made = load("generator", "decoders", DecodersOptions(decoder)).apply([photograph], 0)[0][0]
    assert (made != photograph).any()
    energies = high_frequency_energy(made), high_frequency_energy(photograph)
    assert energies[0] == pytest.approx(energies[1], rel=0.5)


def test_seed_draws_among_the_training_decoders_only() -> None:
    plugin = load("generator", "decoders")
    assert {plugin.chosen(seed, 0) for seed in range(200)} == set(TRAINING)


def test_held_out_decoders_are_drawn_on_request_only() -> None:
    plugin = load("generator", "decoders", DecodersOptions(held_out=True))
    assert {plugin.chosen(seed, 0) for seed in range(100)} == set(HELD_OUT)


def test_unknown_decoder_is_refused() -> None:
    with pytest.raises(ValueError, match="-1 to 15"):
        DecodersOptions(16)


def test_stopped_training_goes_on_where_it_was(tmp_path: Path, photograph: Image) -> None:
    recipe = PatchRecipe(steps=4, batch=1, side=16, save_every=1)
    whole = PictureData(("a",), lambda _: photograph, tmp_path / "whole")
    parts = PictureData(("a",), lambda _: photograph, tmp_path / "parts")
    list(train_all(whole, recipe, 0, "decoders"))
    steps = train_all(parts, recipe, 0, "decoders")
    for _ in range(6):
        next(steps)
    list(train_all(parts, recipe, 0, "decoders"))
    files = [folder / "decoders.safetensors" for folder in (whole.folder, parts.folder)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_training_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidManifest, match="none"):
        PictureData((), lambda _: np.zeros((8, 8, 3), np.uint8), tmp_path)
