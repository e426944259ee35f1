"""Laws of partial convolutions, of holes, and of what filling leaves alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor, nn

from forensics.errors import InvalidOption
from forensics.plugins import load
from forensics.schema import Image
from forensics.traces.holes import SHARE, random_holes
from forensics.training import PictureData
from generators._partial import PartialConv, PartialUNet
from generators.inpainting import InpaintingOptions, InpaintingRecipe, _halved


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def slow_partial(layer: PartialConv, x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Window by window, as the paper's equations 1 and 2 read (borders as if all known)."""
    half, weight = layer.kernel // 2, layer.conv.weight
    out = torch.zeros(weight.shape[0], *x.shape[2:])
    seen = torch.zeros(x.shape[2:])
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            rows = slice(max(0, i - half), i + half + 1)
            columns = slice(max(0, j - half), j + half + 1)
            part, there = x[0, :, rows, columns], known[0, :, rows, columns]
            if there.sum() == 0:
                continue
            top, left = rows.start - i + half, columns.start - j + half
            kernel = weight[:, :, top : top + part.shape[1], left : left + part.shape[2]]
            total = (kernel * (part * there)).sum((1, 2, 3)) * there.numel() / there.sum()
            out[:, i, j], seen[i, j] = total + layer.bias, 1
    return out, seen


@pytest.mark.parametrize("kernel", [3, 5])
def test_partial_convolution_equals_its_slow_twin(kernel: int) -> None:
    layer, x = PartialConv(2, 3, kernel), draw(1, 2, 9, 8)
    nn.init.normal_(layer.bias)
    known = (draw(1, 2, 9, 8, seed=1) > 0.5).float()
    made, mask = layer(x, known)
    slow, seen = slow_partial(layer, x, known)
    torch.testing.assert_close(made[0], slow)
    torch.testing.assert_close(mask[0, 0], seen)


def test_valid_window_equals_a_plain_convolution() -> None:
    layer, x = PartialConv(3, 4, 3), draw(1, 3, 12, 12)
    known = torch.ones_like(x)
    known[..., 8:, 8:] = 0
    plain = nn.functional.conv2d(x, layer.conv.weight, layer.bias, padding=1)
    torch.testing.assert_close(layer(x, known)[0][..., :7, :7], plain[..., :7, :7])


def test_unknown_values_change_nothing() -> None:
    layer, x = PartialConv(2, 2, 3), draw(1, 2, 8, 8)
    known = torch.ones_like(x)
    known[..., 2:5, 2:5] = 0
    other = torch.where(known > 0, x, 99 * torch.ones_like(x))
    torch.testing.assert_close(layer(x, known), layer(other, known))


def test_hole_shrinks_by_half_a_kernel_a_layer() -> None:
    known = torch.ones(1, 1, 20, 20)
    known[..., 5:15, 5:15] = 0
    mask = PartialConv(1, 1, 3)(known, known)[1]
    assert (mask == 0).nonzero()[:, 2:].min() == 6
    assert (mask == 0).nonzero()[:, 2:].max() == 13


def test_gradient_of_a_partial_convolution_is_right() -> None:
    layer = PartialConv(2, 2, 3).double()
    x = draw(1, 2, 5, 5).double().requires_grad_()
    known = (draw(1, 2, 5, 5, seed=2) > 0).double()
    assert torch.autograd.gradcheck(lambda given: layer(given, known)[0], x)


def test_network_keeps_the_size_and_ignores_what_lies_in_holes() -> None:
    network, x, known = PartialUNet().eval(), draw(1, 3, 64, 96), torch.ones(1, 1, 64, 96)
    known[..., 20:40, 30:60] = 0
    with torch.inference_mode():
        made, other = network(x, known), network(x * known, known)
    assert made.shape == x.shape
    torch.testing.assert_close(made, other)


@pytest.mark.parametrize("size", [(1, 1), (64, 64), (33, 200)])
def test_holes_are_some_of_the_picture(size: tuple[int, int]) -> None:
    for seed in range(20):
        holes = random_holes(*size, np.random.default_rng(seed))
        assert holes.shape == size
        assert holes.any()
        assert holes.mean() <= max(SHARE, 1 / holes.size)


@pytest.fixture
def photograph() -> Image:
    return np.random.default_rng(4).integers(0, 256, (70, 90, 3), dtype=np.uint8)


def test_pixels_outside_the_holes_stay_to_the_bit(photograph: Image) -> None:
    [made], [mask] = load("generator", "inpainting").apply([photograph], seed=3)
    np.testing.assert_array_equal(made[mask == 0], photograph[mask == 0])
    assert (made[mask == 1] != photograph[mask == 1]).any()


def test_what_lay_in_a_hole_is_forgotten(photograph: Image) -> None:
    plugin = load("generator", "inpainting")
    holes: NDArray[np.bool_] = plugin.holes(photograph, 3, 0)
    other = photograph.copy()
    other[holes] = 255 - other[holes]
    np.testing.assert_array_equal(plugin.filled(photograph, holes), plugin.filled(other, holes))


def test_no_line_shows_where_a_deep_hole_s_two_sizes_meet() -> None:
    grain = np.random.default_rng(0).integers(10, 50, (96, 96, 1), dtype=np.uint8)
    holes = np.zeros((96, 96), bool)
    holes[28:68, 28:68] = True
    made = load("generator", "inpainting").filled(np.repeat(grain, 3, axis=2), holes)
    inner = made[33:63, 33:63].mean(axis=2)
    assert max(np.abs(np.diff(inner, axis=axis)).max() for axis in (0, 1)) < 6


def test_mask_of_another_size_is_refused(photograph: Image, tmp_path: Path) -> None:
    Pillow.new("L", (91, 70), 255).save(tmp_path / "mask.png")
    plugin = load("generator", "inpainting", InpaintingOptions(mask=str(tmp_path / "mask.png")))
    with pytest.raises(InvalidOption, match="91 x 70 px, not 90 x 70"):
        plugin.apply([photograph], 0)


def test_mask_says_where_to_fill(photograph: Image, tmp_path: Path) -> None:
    drawn = np.zeros((70, 90), np.uint8)
    drawn[10:20, 30:50] = 255
    Pillow.fromarray(drawn).save(tmp_path / "mask.png")
    plugin = load("generator", "inpainting", InpaintingOptions(mask=str(tmp_path / "mask.png")))
    [made], [mask] = plugin.apply([photograph], 0)
    np.testing.assert_array_equal(mask > 0, drawn > 0)
    assert (made != photograph).any(axis=2)[drawn == 0].sum() == 0


def test_no_mask_and_no_random_holes_is_refused() -> None:
    with pytest.raises(ValueError, match="--mask"):
        InpaintingOptions(random_holes=False)


def test_training_overfits_one_picture(tmp_path: Path) -> None:
    ramp = np.linspace(40, 200, 32).astype(np.uint8)
    picture = np.repeat(np.tile(ramp, (32, 1))[..., None], 3, axis=2)
    data = PictureData(("a",), lambda _: picture, tmp_path)
    recipe = InpaintingRecipe(steps=60, batch=2, side=32, adversarial_from=1.0)
    steps = list(load("generator", "inpainting").train(data, recipe, 0))
    assert steps[-1].figures["l1"] < steps[0].figures["l1"] / 2
    assert (tmp_path / "inpainting.safetensors").exists()


def test_holes_deeper_than_the_network_sees_are_filled_with_what_surrounds_them() -> None:
    plain = np.full((640, 560, 3), (190, 120, 60), np.uint8)
    holes = np.zeros(plain.shape[:2], np.bool_)
    holes[80:560, 70:500] = True
    made = load("generator", "inpainting").filled(plain, holes).astype(int)
    middle = made[300:340, 260:300].reshape(-1, 3).mean(axis=0)
    assert np.abs(middle - plain[0, 0]).max() < np.abs(127.5 - plain[0, 0].astype(float)).min()


def test_half_the_size_knows_what_known_pixels_say() -> None:
    image = np.zeros((6, 4, 3), np.uint8)
    image[:2, :2] = [[[10] * 3, [20] * 3], [[30] * 3, [250] * 3]]
    holes = np.ones(image.shape[:2], np.bool_)
    holes[0, :2] = holes[1, 0] = False
    half, lost = _halved(image, holes)
    assert (half[0, 0] == 20).all()
    assert not lost[0, 0]
    assert lost.sum() == lost.size - 1
