from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from forensics.errors import InvalidOption
from forensics.plugins import load
from forensics.schema import Image
from forensics.training import PictureData
from generators._adversarial import AdversarialRecipe
from generators._progan import Discriminator, Generator, level_at, sides
from generators._stylegan import Generator as StyleGenerator

RELATIVES = ("dcgan", "progan", "stylegan")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def recipe_of(name: str, **fields: Any) -> AdversarialRecipe:
    small = {"resolution": 16, "images": 32, "batch": 4, "code": 8, "width": 8, "log_every": 1}
    quiet = {"snapshot_every": 0, "save_every": 12, "slope_every": 2}
    recipe: AdversarialRecipe = load("generator", name).Recipe(**{**small, **quiet, **fields})
    return recipe


def pictures(folder: Path, count: int = 40) -> PictureData:
    def read(name: str) -> Image:
        return np.random.default_rng(int(name)).integers(0, 256, (16, 16, 3), dtype=np.uint8)

    return PictureData(tuple(str(i) for i in range(count)), read, folder)


@pytest.mark.parametrize("name", RELATIVES)
@pytest.mark.parametrize("resolution", [8, 32, 64])
def test_codes_become_pictures_and_pictures_logits(name: str, resolution: int) -> None:
    recipe = recipe_of(name, resolution=resolution)
    generator, discriminator = load("generator", name).networks(recipe)
    made = generator(torch.randn(4, recipe.code))
    assert made.shape == (4, 3, resolution, resolution)
    assert discriminator(made).shape == (4,)


@pytest.mark.parametrize("name", RELATIVES)
def test_every_weight_learns(name: str) -> None:
    generator, discriminator = load("generator", name).networks(recipe_of(name))
    discriminator(generator(torch.randn(4, 8))).sum().backward()
    idle = [key for key, weight in generator.named_parameters() if weight.grad is None]
    # Only the newest resolution of a grown network is shown.
    assert all(key.startswith("show.") for key in idle)


@pytest.mark.parametrize("name", RELATIVES)
def test_stopped_training_goes_on_where_it_was(name: str, tmp_path: Path) -> None:
    plugin, recipe = load("generator", name), recipe_of(name)
    list(plugin.train(pictures(tmp_path / "whole"), recipe, 0))
    steps = plugin.train(pictures(tmp_path / "parts"), recipe, 0)
    for _ in range(4):
        next(steps)
    torch.manual_seed(99)
    list(plugin.train(pictures(tmp_path / "parts"), recipe, 0))
    files = [tmp_path / part / f"{name}.safetensors" for part in ("whole", "parts")]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("name", RELATIVES)
def test_own_weights_make_the_same_pictures_for_the_same_seed(name: str, tmp_path: Path) -> None:
    plugin = load("generator", name)
    list(plugin.train(pictures(tmp_path), recipe_of(name), 0))
    options = plugin.Options(weights=str(tmp_path / f"{name}.safetensors"))
    few, many = (load("generator", name, options).sample(count, 3) for count in (2, 9))
    assert [p.tobytes() for p in few] == [p.tobytes() for p in many[:2]]
    assert few[0].shape == (16, 16, 3)


def test_checkpoint_of_another_width_is_refused(tmp_path: Path) -> None:
    plugin = load("generator", "dcgan")
    list(plugin.train(pictures(tmp_path), recipe_of("dcgan"), 0))
    with pytest.raises(InvalidOption, match="another architecture"):
        list(plugin.train(pictures(tmp_path), recipe_of("dcgan", width=16), 0))


def test_resolution_that_does_not_halve_to_four_is_refused() -> None:
    with pytest.raises(ValueError, match="resolution must be one of"):
        recipe_of("dcgan", resolution=24)


def test_networks_grow_from_the_first_resolution_to_the_last() -> None:
    levels = [level_at(share, 4) for share in np.linspace(0, 1, 200)]
    assert levels[0] == 0
    assert levels[-1] == 3
    assert levels == sorted(levels)
    assert {0.0, 1.0, 2.0} < set(levels)


def test_resolution_that_is_not_faded_in_does_not_show() -> None:
    network, codes = Generator(16, 8, 8), torch.randn(2, 8)
    network.level.fill_(1.0)
    coarse = network(codes)
    network.level.fill_(1.0001)
    torch.testing.assert_close(network(codes), coarse, atol=1e-2, rtol=1e-2)
    assert torch.equal(coarse[..., ::2, ::2], coarse[..., 1::2, 1::2])


def test_discriminator_of_a_low_level_sees_no_detail() -> None:
    network = Discriminator(16, 8)
    network.level.fill_(1.0)
    picture = torch.randn(3, 3, 16, 16)
    blurred = torch.nn.functional.avg_pool2d(picture, 2).repeat_interleave(2, 2)
    torch.testing.assert_close(network(blurred.repeat_interleave(2, 3)), network(picture))


def test_level_is_kept_with_the_weights() -> None:
    network = Generator(32, 8, 8)
    network.grow(0.2)
    other = Generator(32, 8, 8)
    other.load_state_dict(network.state_dict())
    assert float(other.level) == pytest.approx(level_at(0.2, len(sides(32))))


def test_noise_is_fresh_in_training_only() -> None:
    network, codes = StyleGenerator(16, 8, 8), torch.randn(2, 8)
    for layer in [*network.before, *network.after]:
        torch.nn.init.ones_(layer.strength)
    assert not torch.equal(network(codes), network(codes))
    assert torch.equal(network.eval()(codes), network(codes))
