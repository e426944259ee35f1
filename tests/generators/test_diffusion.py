import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.plugins import load
from forensics.schema import Image
from forensics.training import PictureData
from generators._diffusion import DiffusionOptions, DiffusionRecipe
from generators._unet import UNet, denoised, noised, signal_and_noise

RECIPE = DiffusionRecipe(
    resolution=8, images=1000, batch=8, rate=5e-3, wide=16, middle=16, deep=16, log_every=1
)


def four(folder: Path) -> PictureData:
    def read(name: str) -> Image:
        grey = np.random.default_rng(int(name)).integers(0, 256, (2, 2, 3))
        return np.kron(grey, np.ones((4, 4, 1))).astype(np.uint8)

    # None of these names is held out.
    return PictureData(("1", "2", "3", "4"), read, folder)


def test_picture_follows_from_mixture_and_velocity() -> None:
    picture, noise, time = torch.rand(3, 3, 4, 4), torch.randn(3, 3, 4, 4), torch.rand(3)
    mixture, velocity = noised(picture, noise, time)
    signal, spread = (share[:, None, None, None] for share in signal_and_noise(time))
    torch.testing.assert_close(signal * mixture - spread * velocity, picture)
    torch.testing.assert_close(spread * mixture + signal * velocity, noise)


@pytest.mark.parametrize("steps", [1, 4, 25])
def test_ddim_finds_the_picture_with_a_network_that_knows_it(steps: int) -> None:
    picture = torch.rand(2, 3, 4, 4) * 2 - 1

    def velocity(mixture: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        signal, spread = (share[:, None, None, None] for share in signal_and_noise(time))
        return (signal * mixture - picture) / spread

    *_, found = denoised(velocity, torch.randn(2, 3, 4, 4), steps)
    torch.testing.assert_close(found, picture, atol=1e-4, rtol=0)


def test_ddim_is_deterministic() -> None:
    torch.manual_seed(0)
    network, noise = UNet((8, 8, 8), 8).eval(), torch.randn(2, 3, 8, 8)
    torch.nn.init.normal_(network.leave.weight)
    with torch.inference_mode():
        first, second = (list(denoised(network, noise, 3))[-1] for _ in range(2))
    assert torch.equal(first, second)


def test_network_is_told_the_time() -> None:
    torch.manual_seed(0)
    network, mixture = UNet((8, 8, 8), 8).eval(), torch.randn(1, 3, 8, 8).repeat(2, 1, 1, 1)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.normal_(module.weight)
    early, late = network(mixture, torch.tensor([0.1, 0.9]))
    assert not torch.allclose(early, late)


def test_four_pictures_are_learned(tmp_path: Path) -> None:
    plugin = load("generator", "diffusion")
    losses = [step.figures["loss"] for step in plugin.train(four(tmp_path), RECIPE, 0)]
    assert np.mean(losses[-10:]) < 0.85 * np.mean(losses[:10])


def test_stopped_training_goes_on_where_it_was(tmp_path: Path) -> None:
    plugin = load("generator", "diffusion")
    recipe = DiffusionRecipe(
        resolution=8, images=48, batch=8, wide=8, middle=8, deep=8, log_every=1, save_every=16
    )
    list(plugin.train(four(tmp_path / "whole"), recipe, 0))
    for _ in itertools.islice(plugin.train(four(tmp_path / "parts"), recipe, 0), 3):
        pass
    list(plugin.train(four(tmp_path / "parts"), recipe, 0))
    files = [tmp_path / part / "diffusion.safetensors" for part in ("whole", "parts")]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("steps", [0, 1001])
def test_steps_out_of_range_are_refused(steps: int) -> None:
    with pytest.raises(ValueError, match="steps must be 1 to 1000"):
        DiffusionOptions(steps=steps)


def test_widths_that_do_not_divide_into_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 8"):
        DiffusionRecipe(wide=12)
