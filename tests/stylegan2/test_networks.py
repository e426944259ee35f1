"""StyleGAN2's networks and losses against slow twins and finite differences."""

import pytest
import torch
from torch import Tensor

from generators._gan_blocks import (
    blurred,
    doubled,
    doubled_picture,
    halved,
    with_spread,
)
from generators._picture_training import decay_of
from generators.stylegan2.augmentation import Augmentation, colouring, geometry
from generators.stylegan2.losses import (
    length_penalty,
    path_lengths,
    slope_penalty,
    unconvincing,
    wrong_about,
)
from generators.stylegan2.modulation import (
    Coloured,
    Finished,
    ModulatedColours,
    ModulatedConv,
)
from generators.stylegan2.networks import Discriminator, Layer, StyleGenerator
from generators.stylegan2.shape import Shape
from tests.stylegan2 import slow_twin

ARCHITECTURES = [(g, d) for g in ("skip", "resnet") for d in ("skip", "resnet")]


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def small(**changes: object) -> Shape:
    fields = {"resolution": 16, "width": 64, "at_most": 8, "styles": 6, "mapping": 2}
    return Shape(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("up", [False, True])
def test_scaled_activations_give_what_weights_modulated_per_picture_give(
    up: bool, rng: torch.Generator
) -> None:
    conv = ModulatedConv(5, 7, 3, 4, enlarge=up)
    x, w = torch.randn(3, 5, 6, 6, generator=rng), torch.randn(3, 4, generator=rng)
    maps, rates = conv(x, w)
    made = maps * rates[:, :, None, None]
    for index in range(3):
        style = conv.affine(w)[index]
        twin = slow_twin.modulated(x[index], conv.weight, style, demodulate=True, up=up)
        torch.testing.assert_close(made[index], 2**0.5 * twin, atol=1e-5, rtol=1e-5)


def test_colours_are_what_weights_modulated_per_picture_give(rng: torch.Generator) -> None:
    conv = ModulatedColours(5, 4)
    x, w = torch.randn(3, 5, 6, 6, generator=rng), torch.randn(3, 4, generator=rng)
    bias = torch.randn(3, generator=rng)
    made = conv(x, w, bias)
    for index in range(3):
        style = conv.affine(w)[index] * conv.scale
        twin = slow_twin.modulated(x[index], conv.weight, style, demodulate=False, up=False)
        torch.testing.assert_close(made[index], twin + bias[:, None, None], atol=1e-5, rtol=1e-5)


def drawn(rng: torch.Generator, *shapes: tuple[int, ...]) -> list[Tensor]:
    return [torch.randn(shape, generator=rng).double().requires_grad_() for shape in shapes]


@pytest.mark.parametrize("noises", [1, 2])
def test_gradients_of_finished_maps_are_those_of_finite_differences(
    noises: int, rng: torch.Generator
) -> None:
    x, rate, bias, strength = drawn(rng, (2, 3, 4, 4), (2, 3), (3,), ())
    noise = torch.randn(noises, 1, 4, 4, generator=rng).double()
    assert torch.autograd.gradcheck(Finished.apply, (x, rate, bias, noise, strength))
    assert torch.autograd.gradgradcheck(Finished.apply, (x, rate, bias, noise, strength))


def test_gradients_of_colours_are_those_of_finite_differences(rng: torch.Generator) -> None:
    given = drawn(rng, (2, 5, 4, 3), (2, 3, 5), (3,))
    assert torch.autograd.gradcheck(Coloured.apply, given)
    assert torch.autograd.gradgradcheck(Coloured.apply, given)


@pytest.mark.parametrize("pad", [(1, 1), (2, 1), (2, 2)])
def test_gradients_of_blurred_maps_are_those_of_finite_differences(
    pad: tuple[int, int], rng: torch.Generator
) -> None:
    (x,) = drawn(rng, (1, 2, 5, 4))

    def filtered(maps: Tensor) -> Tensor:
        return blurred(maps, pad, gain=4)

    assert torch.autograd.gradcheck(filtered, x)
    assert torch.autograd.gradgradcheck(filtered, x)


@pytest.mark.parametrize("own", [False, True])
def test_finished_maps_are_demodulated_noisy_and_active(own: bool, rng: torch.Generator) -> None:
    layer = Layer(5, 7, 6, 4, enlarge=False)
    torch.nn.init.normal_(layer.bias, generator=rng)
    torch.nn.init.constant_(layer.strength, 0.3)
    x, w = torch.randn(3, 5, 6, 6, generator=rng), torch.randn(3, 4, generator=rng)
    noise = torch.randn(3, 1, 6, 6, generator=rng)
    made = layer(x, w, None if own else noise)
    maps, rates = layer.conv(x, w)
    added = 0.3 * (layer.noise if own else noise) + layer.bias[:, None, None]
    expected = slow_twin.active(maps * rates[:, :, None, None] / 2**0.5 + added)
    torch.testing.assert_close(made, expected, atol=1e-5, rtol=1e-5)


def test_every_layer_has_noise_of_its_size_and_its_own(rng: torch.Generator) -> None:
    synthesis = StyleGenerator(small()).synthesis
    drawn = [each for block in synthesis.drawn_noise(3, rng) for each in block]
    assert [each.shape for each in drawn] == [(3, 1, side, side) for side in (4, 8, 8, 16, 16)]
    assert torch.cat([each.flatten() for each in drawn]).unique().numel() > 3 * 650


@pytest.mark.parametrize(("generator", "discriminator"), ARCHITECTURES)
@pytest.mark.parametrize("side", [8, 32])
def test_pictures_and_logits_have_their_shapes(
    generator: str, discriminator: str, side: int
) -> None:
    shape = small(resolution=side, generator=generator, discriminator=discriminator)
    pictures = StyleGenerator(shape)(torch.randn(2, 6))
    assert pictures.shape == (2, 3, side, side)
    assert Discriminator(shape)(pictures).shape == (2,)


def test_config_f_at_1024_px_has_its_known_size() -> None:
    with torch.device("meta"):
        network = StyleGenerator(Shape(1024, 32768, 512, 512, 8))
    assert sum(p.numel() for p in network.parameters()) == 30_370_060


@pytest.mark.parametrize("side", [0, 12, 4, 2048])
def test_impossible_resolution_is_refused(side: int) -> None:
    with pytest.raises(ValueError, match="resolution must be"):
        small(resolution=side)


def test_truncation_zero_gives_the_mean_picture(rng: torch.Generator) -> None:
    network = StyleGenerator(small())
    one, other = network(torch.randn(2, 6, generator=rng), psi=0.0)
    torch.testing.assert_close(one, other)


def test_mean_of_a_picture_survives_resampling() -> None:
    flat = torch.full((1, 2, 16, 16), 3.0)
    for resampled in (doubled(flat), halved(flat), blurred(flat, (2, 1))):
        torch.testing.assert_close(resampled[..., 2:-2, 2:-2].mean(), torch.tensor(3.0))


def test_doubling_equals_its_slow_twin(rng: torch.Generator) -> None:
    x = torch.randn(2, 3, 5, 4, generator=rng)
    for made in (doubled(x), doubled_picture(x)):
        torch.testing.assert_close(made[1], slow_twin.doubled(x[1]))


def test_spread_is_nothing_in_a_batch_of_equals() -> None:
    made = with_spread(torch.ones(8, 3, 4, 4))
    assert made.shape == (8, 4, 4, 4)
    torch.testing.assert_close(made[:, 3], torch.full((8, 4, 4), 1e-4))


def numeric_slope(function: object, x: Tensor, step: float = 1e-6) -> Tensor:
    """The gradient of a number by central differences."""
    slope = torch.zeros_like(x)
    for place in range(x.numel()):
        moved = torch.zeros_like(x).flatten()
        moved[place] = step
        moved = moved.view_as(x)
        slope.view(-1)[place] = (function(x + moved) - function(x - moved)) / (2 * step)  # type: ignore[operator]
    return slope


def test_slope_penalty_is_that_of_finite_differences(rng: torch.Generator) -> None:
    network = Discriminator(small(resolution=8, width=16, at_most=2)).double()
    x = torch.randn(2, 3, 8, 8, generator=rng, dtype=torch.double).requires_grad_()
    penalty = slope_penalty(x, network(x))
    with torch.no_grad():
        slope = numeric_slope(lambda moved: network(moved).sum(), x.detach())
    torch.testing.assert_close(penalty, slope.square().sum() / 2, rtol=1e-4, atol=1e-9)


def test_slope_penalty_teaches_as_finite_differences_say(rng: torch.Generator) -> None:
    network = Discriminator(small(resolution=8, width=16, at_most=2)).double()
    x = torch.randn(2, 3, 8, 8, generator=rng, dtype=torch.double).requires_grad_()
    slope_penalty(x, network(x)).backward()
    weight = network.hidden.weight
    step = 1e-5

    def penalty_at(change: float) -> Tensor:
        with torch.no_grad():
            weight[0, 0] += change
        found = slope_penalty(x, network(x)).detach()
        with torch.no_grad():
            weight[0, 0] -= change
        return found

    expected = (penalty_at(step) - penalty_at(-step)) / (2 * step)
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad[0, 0], expected, rtol=1e-4, atol=1e-10)


def test_path_lengths_are_those_of_finite_differences(rng: torch.Generator) -> None:
    network = StyleGenerator(small(resolution=8, at_most=4)).double()
    w = torch.randn(2, network.shape.layers, 6, generator=rng, dtype=torch.double).requires_grad_()
    noise = torch.randn(2, 3, 8, 8, generator=rng, dtype=torch.double)
    lengths = path_lengths(network.synthesis(w), w, noise)

    def moved(styles: Tensor) -> Tensor:
        made: Tensor = network.synthesis(styles)
        return (made * noise).sum() / 8

    with torch.no_grad():
        slope = numeric_slope(moved, w.detach())
    expected = slope.square().sum(dim=2).mean(dim=1).sqrt()
    torch.testing.assert_close(lengths, expected, rtol=1e-4, atol=1e-9)


def test_equal_path_lengths_at_their_mean_cost_nothing() -> None:
    penalty, mean = length_penalty(torch.full((4,), 2.0), torch.tensor(2.0))
    assert (penalty.item(), mean.item()) == (0, 2)


def test_losses_fall_as_logits_become_right() -> None:
    sure, unsure = torch.full((3,), 4.0), torch.zeros(3)
    assert wrong_about(sure, -sure) < wrong_about(unsure, unsure) < wrong_about(-sure, sure)
    assert unconvincing(sure) < unconvincing(unsure)


def test_half_is_forgotten_after_its_half_life() -> None:
    assert decay_of(100, 10) ** 10 == pytest.approx(0.5)


def test_no_augmentation_leaves_pictures(rng: torch.Generator) -> None:
    pictures = torch.rand(2, 3, 8, 8)
    assert Augmentation(0.6, 1000)(pictures, rng) is pictures


def test_augmentation_grows_while_the_discriminator_is_too_sure() -> None:
    augment = Augmentation(0.6, 1000)
    augment.adapt(0.9, 100)
    grown = augment.p
    augment.adapt(0.1, 40)
    assert [grown, augment.p] == pytest.approx([0.1, 0.06])


def test_augmentation_never_grows_where_its_target_is_nought() -> None:
    augment = Augmentation(0, 1000)
    augment.adapt(1.0, 100)
    assert augment.p == 0


def test_improbable_changes_leave_pictures(rng: torch.Generator) -> None:
    expected = torch.eye(3).repeat(4, 1, 1)
    torch.testing.assert_close(geometry(4, 1e-12, rng), expected[:, :2])
    torch.testing.assert_close(colouring(4, 1e-12, rng)[:, :, :3], expected)


def test_augmented_pictures_depend_on_their_pictures_and_teach(rng: torch.Generator) -> None:
    augment = Augmentation(0.6, 1000)
    augment.p = 1.0
    pictures = torch.rand(6, 3, 16, 16, generator=rng).requires_grad_()
    made = augment(pictures, rng)
    made.square().mean().backward()
    assert made.shape == pictures.shape
    assert pictures.grad is not None
    assert bool((pictures.grad.abs().sum(dim=(1, 2, 3)) > 0).all())


def test_colour_changes_keep_grey_grey_but_for_brightness(rng: torch.Generator) -> None:
    maps = colouring(50, 1.0, rng)
    grey = maps[:, :, :3].sum(dim=2)
    torch.testing.assert_close(grey, grey[:, :1].expand(-1, 3), atol=1e-5, rtol=1e-5)
