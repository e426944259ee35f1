"""StyleGAN2's networks (Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN).

Config F: a mapping of noise to styles, a synthesis network of modulated convolutions whose
pictures are summed over resolutions (skip), a residual discriminator. Either network can have
either architecture, for comparison. Pictures are (N, 3, R, R) float32 in about [-1, 1].
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from generators._gan_blocks import (
    GAIN,
    EqualConv,
    EqualLinear,
    doubled,
    doubled_picture,
    halved,
    pixel_norm,
    with_spread,
)
from generators.stylegan2.modulation import Finished, ModulatedColours, ModulatedConv
from generators.stylegan2.shape import SMALLEST, Shape


class Layer(nn.Module):
    """A modulated convolution, noise of a learned strength, and a leaky ReLU."""

    noise: Tensor

    def __init__(self, n_in: int, n_out: int, side: int, styles: int, *, enlarge: bool) -> None:
        super().__init__()
        self.conv = ModulatedConv(n_in, n_out, 3, styles, enlarge=enlarge)
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.strength = nn.Parameter(torch.zeros([]))
        # What stands in for noise where a picture must not change with it.
        self.register_buffer("noise", torch.randn(side, side))

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """Noise is (N, 1, H, W), or None for the layer's own."""
        noise = self.noise[None, None] if noise is None else noise
        finished: Tensor = Finished.apply(*self.conv(x, w), self.bias, noise, self.strength)
        return finished


class SynthesisBlock(nn.Module):
    """The layers of one resolution."""

    def __init__(self, n_in: int, side: int, shape: Shape) -> None:
        super().__init__()
        n_out = shape.channels(side)
        self.first = None if n_in == 0 else Layer(n_in, n_out, side, shape.styles, enlarge=True)
        self.second = Layer(n_out, n_out, side, shape.styles, enlarge=False)
        self.residual = EqualConv(n_in, n_out, 1) if n_in and shape.generator == "resnet" else None
        shown = shape.generator == "skip" or side == shape.resolution
        self.to_picture = ToPicture(n_out, shape.styles) if shown else None

    def forward(self, x: Tensor, styles: Sequence[Tensor], noise: list[Tensor] | None) -> Tensor:
        """A style (N, styles) a layer: two after the first resolution, one there."""
        start = x
        layers = [layer for layer in (self.first, self.second) if layer is not None]
        for index, layer in enumerate(layers):
            x = layer(x, styles[index], None if noise is None else noise[index])
        if self.residual is None:
            return x
        return (x + doubled(self.residual(start))) / GAIN


class ToPicture(nn.Module):
    """Features to colours."""

    def __init__(self, n_in: int, styles: int) -> None:
        super().__init__()
        self.conv = ModulatedColours(n_in, styles)
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Map (N, n_in, H, W) to (N, 3, H, W)."""
        colours: Tensor = self.conv(x, w, self.bias)
        return colours


class Mapping(nn.Module):
    """Noise z to styles w; keeps w's running mean, towards which truncation pulls."""

    mean: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        size = shape.styles
        self.layers = nn.ModuleList(
            EqualLinear(size, size, rate=0.01, active=True) for _ in range(shape.mapping)
        )
        self.register_buffer("mean", torch.zeros(size))

    def forward(self, z: Tensor) -> Tensor:
        """Map (N, styles) to (N, styles)."""
        w = pixel_norm(z)
        for layer in self.layers:
            w = layer(w)
        return w

    def truncated(self, w: Tensor, psi: float) -> Tensor:
        """Pull w towards the mean: psi 1 leaves it, 0 gives the mean picture."""
        return self.mean + psi * (w - self.mean)


class Synthesis(nn.Module):
    """Styles to pictures."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.constant = nn.Parameter(torch.randn(shape.channels(SMALLEST), SMALLEST, SMALLEST))
        widths = [0, *(shape.channels(side) for side in shape.sides)]
        self.blocks = nn.ModuleList(
            SynthesisBlock(n_in, side, shape)
            for n_in, side in zip(widths[:-1], shape.sides, strict=True)
        )

    def forward(self, w: Tensor, noise: list[list[Tensor]] | None = None) -> Tensor:
        """Map (N, layers, styles) to (N, 3, R, R); `noise` as `drawn_noise` gives it."""
        x = self.constant.expand(len(w), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        picture = x.new_zeros(())
        styles, used = w.unbind(dim=1), 0
        for index, module in enumerate(self.blocks):
            block = cast("SynthesisBlock", module)
            taken = 1 if block.first is None else 2
            x = block(x, styles[used : used + taken], None if noise is None else noise[index])
            used += taken
            if picture.ndim:
                picture = doubled_picture(picture)
            if block.to_picture is not None:
                picture = picture + block.to_picture(x, styles[used])
        return picture

    def drawn_noise(self, count: int, rng: torch.Generator) -> list[list[Tensor]]:
        """Fresh noise for every layer, (count, 1, side, side) each."""
        sides = sorted([*self.shape.sides, *self.shape.sides[1:]])
        sizes = [count * side**2 for side in sides]
        drawn = torch.randn(sum(sizes), generator=rng, device=rng.device).to(self.constant.device)
        parts = [
            part.view(count, 1, side, side)
            for part, side in zip(drawn.split(sizes), sides, strict=True)
        ]
        return [parts[:1], *(parts[i : i + 2] for i in range(1, len(parts), 2))]


class StyleGenerator(nn.Module):
    """Mapping and synthesis."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.mapping = Mapping(shape)
        self.synthesis = Synthesis(shape)

    def forward(self, z: Tensor, psi: float = 1.0) -> Tensor:
        """Map noise (N, styles) to pictures, each layer's own noise standing in for noise."""
        w = self.mapping.truncated(self.mapping(z), psi)
        pictures: Tensor = self.synthesis(self.spread(w))
        return pictures

    def spread(self, w: Tensor) -> Tensor:
        """Give every layer the same style: (N, styles) to (N, layers, styles)."""
        return w[:, None].expand(-1, self.shape.layers, -1)


class DiscriminatorBlock(nn.Module):
    """Two convolutions that halve the size, and a shortcut."""

    def __init__(self, n_in: int, n_out: int, *, residual: bool) -> None:
        super().__init__()
        self.first = EqualConv(n_in, n_in, 3, active=True)
        self.second = EqualConv(n_in, n_out, 3, halve=True, active=True)
        self.shortcut = EqualConv(n_in, n_out, 1, halve=True) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, n_in, H, W) to (N, n_out, H / 2, W / 2)."""
        made: Tensor = self.second(self.first(x))
        return made if self.shortcut is None else (made + self.shortcut(x)) / GAIN


class Discriminator(nn.Module):
    """Pictures to logits of being real."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        residual = shape.discriminator == "resnet"
        sides = shape.sides[::-1]
        self.from_picture = nn.ModuleList(
            EqualConv(3, shape.channels(side), 1, active=True)
            for side in (sides[:1] if residual else sides)
        )
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(shape.channels(side), shape.channels(below), residual=residual)
            for side, below in pairwise(sides)
        )
        last = shape.channels(SMALLEST)
        self.last = EqualConv(last + 1, last, 3, active=True)
        self.hidden = EqualLinear(last * SMALLEST**2, last, active=True)
        self.logit = EqualLinear(last, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Map (N, 3, R, R) to (N,) logits."""
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        x = self.from_picture[0](pictures)
        for index, block in enumerate(self.blocks):
            x = block(x)
            if self.shape.discriminator == "skip":
                pictures = halved(pictures)
                x = x + self.from_picture[index + 1](pictures)
        x = self.last(with_spread(x))
        logits: Tensor = self.logit(self.hidden(x.flatten(1)))
        return logits[:, 0]
