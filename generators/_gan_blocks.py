"""Layers that the generators of pictures from nothing share, after Karras et al. 2018-2020.

Tensors are (N, C, H, W) float32, pictures in [-1, 1]. Imported lazily, so that listing generators
loads no torch.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.2
GAIN = math.sqrt(2)
"""Keeps the variance that a leaky ReLU of slope .2 takes away.

It goes into the weights before: leaky(gain x) = gain leaky(x), and weights are smaller than maps.
"""
TAPS = (1.0, 3.0, 3.0, 1.0)
"""The resampling filter, in each direction."""


class EqualLinear(nn.Module):
    """A linear layer with equalised learning rate: weights are drawn from N(0, 1), scaled at use.

    `rate` makes it learn slower (StyleGAN's mapping uses .01); `active` ends in a leaky ReLU.
    """

    def __init__(
        self, n_in: int, n_out: int, *, bias: float = 0.0, rate: float = 1.0, active: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in) / rate)
        self.bias = nn.Parameter(torch.full((n_out,), bias / rate))
        self.active = active
        gain = GAIN if active else 1.0
        self.scale, self.rate = gain * rate / math.sqrt(n_in), gain * rate

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, n_in) to (N, n_out)."""
        x = torch.addmm(self.bias, x, self.weight.t(), beta=self.rate, alpha=self.scale)
        return functional.leaky_relu(x, SLOPE) if self.active else x


class EqualConv(nn.Module):
    """A convolution with equalised learning rate.

    `halve` blurs and takes every second pixel; `active` ends in a leaky ReLU.
    """

    def __init__(
        self, n_in: int, n_out: int, kernel: int, *, halve: bool = False, active: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in, kernel, kernel))
        # A shortcut adds to what has a bias already.
        self.bias = nn.Parameter(torch.zeros(n_out)) if active else None
        self.active, self.halve = active, halve
        self.gain = GAIN if active else 1.0
        self.scale = self.gain / math.sqrt(n_in * kernel**2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, n_in, H, W) to (N, n_out, H, W), or to half the size."""
        bias = None if self.bias is None else self.bias * self.gain
        x = self._convolved(x, self.weight * self.scale, bias)
        return functional.leaky_relu(x, SLOPE, inplace=True) if self.active else x

    def _convolved(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        kernel = weight.shape[-1]
        if not self.halve:
            return functional.conv2d(x, weight, bias, padding=kernel // 2)
        if kernel == 1:
            return functional.conv2d(halved(x), weight, bias)
        return functional.conv2d(blurred(x, (2, 2)), weight, bias, stride=2)


def pixel_norm(x: Tensor) -> Tensor:
    """Scale each pixel's feature vector (dimension 1) to a mean square of 1."""
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


def blurred(x: Tensor, pad: tuple[int, int], *, gain: float = 1.0, stride: int = 1) -> Tensor:
    """Filter (N, C, H, W) with (1, 3, 3, 1), padded with zeros before and after in each direction.

    `gain` multiplies the result; the filter itself sums to 1.
    """
    if stride > 1:
        return _filtered(x, pad, gain, stride)
    made: Tensor = Blurred.apply(x, pad, gain)
    return made


class Blurred(torch.autograd.Function):
    """The filter at every pixel.

    It is symmetric, so that slopes go back through the filter itself, padded to give the size that
    came: twice as fast as torch's way back through a convolution of single channels.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, pad: tuple[int, int], gain: float) -> Tensor:
        """Filter (N, C, H, W)."""
        ctx.pad, ctx.gain = pad, gain
        return _filtered(x, pad, gain, 1)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:
        """Return the slope of x."""
        before, after = (len(TAPS) - 1 - side for side in ctx.pad)
        return Blurred.apply(slopes[0], (before, after), ctx.gain), None, None


def _filtered(x: Tensor, pad: tuple[int, int], gain: float, stride: int) -> Tensor:
    channels = x.shape[1]
    taps = torch.tensor(TAPS, device=x.device, dtype=x.dtype)
    kernel = torch.outer(taps, taps) * (gain / taps.sum().square())
    kernel = kernel.expand(channels, 1, 4, 4)
    if pad[0] != pad[1]:
        x, pad = functional.pad(x, (*pad, *pad)), (0, 0)
    return functional.conv2d(x, kernel, groups=channels, stride=stride, padding=pad[0])


def halved(x: Tensor) -> Tensor:
    """Filter and take every second pixel: (N, C, H, W) to (N, C, H / 2, W / 2)."""
    return blurred(x, (1, 1), stride=2)


def doubled(x: Tensor) -> Tensor:
    """Put zeros between pixels and filter: (N, C, H, W) to (N, C, 2 H, 2 W)."""
    count, channels, height, width = x.shape
    wide = x.new_zeros(count, channels, height, 2, width, 2)
    wide[:, :, :, 0, :, 0] = x
    wide = wide.reshape(count, channels, 2 * height, 2 * width)
    return blurred(_as_stored(wide, x), (2, 1), gain=4)


def doubled_picture(x: Tensor) -> Tensor:
    """As `doubled`, by two matrix products: a third of the time where there are three channels."""
    down, across = (_doubling(side, x) for side in x.shape[2:])
    return down @ x @ across.t()


def _doubling(side: int, like: Tensor) -> Tensor:
    """What maps a line of `side` pixels to one of twice as many, (2 side, side).

    Zeros between pixels and the filter make a triangle about each pixel, two pixels wide.
    """
    pixels = torch.arange(side, device=like.device, dtype=like.dtype)
    places = torch.arange(2 * side, device=like.device, dtype=like.dtype) / 2 - 0.25
    return (1 - (places[:, None] - pixels).abs()).clamp(min=0)


def _as_stored(x: Tensor, like: Tensor) -> Tensor:
    if like.is_contiguous(memory_format=torch.channels_last):
        return x.contiguous(memory_format=torch.channels_last)
    return x


def with_spread(x: Tensor, group: int = 4) -> Tensor:
    """Append a channel: how much features vary inside groups of the batch (minibatch deviation).

    Picture i is in the group of all pictures equal to i modulo N / group, as NVIDIA has it.
    """
    count, channels, height, width = x.shape
    group = math.gcd(group, count)
    grouped = x.reshape(group, count // group, channels, height, width)
    spread = (grouped.var(dim=0, correction=0) + 1e-8).sqrt().mean(dim=(1, 2, 3))
    extra = spread.repeat(group).reshape(count, 1, 1, 1).expand(count, 1, height, width)
    return torch.cat([x, extra], dim=1)
