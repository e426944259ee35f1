"""Small convolutional autoencoders that differ in what leaves a trace: how they sample up.

A number names an architecture: upsampling, kernel, activation, normalisation, latent code and
whether a patch discriminator took part in its training are drawn from it, each upsampling and each
latent equally often.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

COUNT = 16
HELD_OUT = (12, 13, 14, 15)
"""For tests only: these never train a detector."""
CODES = 256
"""Entries of a code book."""
WIDTHS = {2: (32,), 4: (24, 40)}
"""Channels at half and at quarter size, by factor."""

Upsampling = Literal["nearest", "bilinear", "transposed", "pixel_shuffle"]
UPSAMPLINGS: tuple[Upsampling, ...] = ("nearest", "bilinear", "transposed", "pixel_shuffle")
ACTIVATIONS = {"relu": nn.ReLU, "leaky": nn.LeakyReLU, "silu": nn.SiLU, "gelu": nn.GELU}
NORMALISATIONS = ("none", "batch", "pixel")


@dataclass(frozen=True)
class Architecture:
    """One member of the family. `factor`: pixels a cell of the latent code spans, each way."""

    upsampling: Upsampling
    kernel: int
    activation: str
    normalisation: str
    factor: int
    latent: int
    quantised: bool
    adversarial: bool


def architecture(index: int) -> Architecture:
    """Draw architecture `index` of `COUNT`; the four held out cover all four upsamplings."""
    if not 0 <= index < COUNT:
        raise ValueError(f"there are decoders 0 to {COUNT - 1}, not {index}")
    rng = np.random.default_rng([2026, index])
    factor = int(rng.choice([2, 4]))
    return Architecture(
        upsampling=UPSAMPLINGS[index % 4],
        kernel=int(rng.choice([3, 5])),
        activation=str(rng.choice(list(ACTIVATIONS))),
        normalisation=str(rng.choice(NORMALISATIONS)),
        factor=factor,
        latent={2: 4, 4: 12}[factor],
        quantised=bool((index // 4 + index) % 2),
        adversarial=bool((index // 4 + index // 2) % 2),
    )


class PatchAutoencoder(nn.Module):
    """Encodes (N, 3, H, W) in [0, 1], sides multiples of 4, and decodes it to the same shape.

    The code of a cell is its mean colour and `latent` numbers more. What the decoder paints is
    added to the mean colours, enlarged (the skip architecture of StyleGAN2), so that colours hold
    from the first step on. Every output depends on the 72 px around it alone, so that large
    pictures may go in tiles.
    """

    def __init__(self, chosen: Architecture) -> None:
        super().__init__()
        widths = WIDTHS[chosen.factor]
        self.chosen = chosen
        self.encoder = nn.Sequential(*_encoder(chosen, widths))
        self.codes = CodeBook(chosen.latent) if chosen.quantised else None
        self.decoder = nn.Sequential(*_decoder(chosen, widths))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the reconstruction, not clipped, and the code book's loss (0 without one)."""
        colours = functional.avg_pool2d(2 * x - 1, self.chosen.factor)
        latent = self.encoder(2 * x - 1)
        loss = latent.new_zeros(())
        if self.codes is not None:
            latent, loss = self.codes(latent)
        plain = _enlarged(colours, self.chosen)
        return (plain + self.decoder(torch.cat([colours, latent], 1)) + 1) / 2, loss


class CodeBook(nn.Module):
    """Vector quantisation with a straight-through gradient (van den Oord et al. 2017)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.entries = nn.Parameter(torch.randn(CODES, width) / width**0.5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Replace each vector of (N, C, H, W) by its nearest entry; returns it and the loss."""
        rows = x.permute(0, 2, 3, 1)
        flat = rows.reshape(-1, rows.shape[-1])
        # |a - b|^2 less |a|^2, which is the same for all entries.
        distance = self.entries.square().sum(1) - 2 * flat @ self.entries.T
        nearest = self.entries[distance.argmin(1)].reshape(rows.shape)
        loss = functional.mse_loss(nearest, rows.detach())
        loss = loss + 0.25 * functional.mse_loss(rows, nearest.detach())
        chosen = rows + (nearest - rows).detach()
        return chosen.permute(0, 3, 1, 2), loss


class PixelNorm(nn.Module):
    """Scales each pixel's vector to length sqrt(C) (Karras et al. 2018)."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6)


def _encoder(chosen: Architecture, widths: tuple[int, ...]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for n_in, n_out in zip((3, *widths), widths, strict=False):
        layers += [nn.Conv2d(n_in, n_out, 4, stride=2, padding=1), ACTIVATIONS[chosen.activation]()]
    return [*layers, nn.Conv2d(widths[-1], chosen.latent, 3, padding=1)]


def _decoder(chosen: Architecture, widths: tuple[int, ...]) -> list[nn.Module]:
    layers = [*_convolution(chosen, 3 + chosen.latent, widths[-1], 3)]
    for n_in, n_out in zip(widths[::-1], (*widths[-2::-1], widths[0]), strict=True):
        layers += [*_up(chosen, n_in, n_out), *_finished(chosen, n_out)]
    last = nn.Conv2d(widths[0], 3, 3, padding=1)
    for parameter in last.parameters():
        nn.init.zeros_(parameter)
    return [*layers, last]


def _enlarged(colours: Tensor, chosen: Architecture) -> Tensor:
    if chosen.upsampling == "nearest":
        return functional.interpolate(colours, scale_factor=chosen.factor, mode="nearest")
    return functional.interpolate(
        colours, scale_factor=chosen.factor, mode="bilinear", align_corners=False
    )


def _convolution(chosen: Architecture, n_in: int, n_out: int, kernel: int) -> list[nn.Module]:
    return [nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2), *_finished(chosen, n_out)]


def _finished(chosen: Architecture, width: int) -> list[nn.Module]:
    norms: dict[str, list[nn.Module]] = {
        "none": [],
        "batch": [nn.BatchNorm2d(width)],
        "pixel": [PixelNorm()],
    }
    return [*norms[chosen.normalisation], ACTIVATIONS[chosen.activation]()]


def _up(chosen: Architecture, n_in: int, n_out: int) -> list[nn.Module]:
    """Double the sides in one of four ways, and go from `n_in` to `n_out` channels."""
    kernel, half = chosen.kernel, chosen.kernel // 2
    if chosen.upsampling == "transposed":
        return [nn.ConvTranspose2d(n_in, n_out, kernel, 2, half, output_padding=1)]
    if chosen.upsampling == "pixel_shuffle":
        return [nn.Conv2d(n_in, 4 * n_out, kernel, padding=half), nn.PixelShuffle(2)]
    smooth = chosen.upsampling == "bilinear"
    grow = nn.Upsample(
        scale_factor=2, mode=chosen.upsampling, align_corners=False if smooth else None
    )
    return [grow, nn.Conv2d(n_in, n_out, kernel, padding=half)]
