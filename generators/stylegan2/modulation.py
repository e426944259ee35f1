"""Convolutions that a style modulates (Karras et al. 2020, sections 2.2 and B)."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators._gan_blocks import GAIN, SLOPE, EqualLinear, blurred


class Finished(torch.autograd.Function):
    """What follows a modulated convolution: demodulation, bias, noise, and a leaky ReLU.

    What autograd would do for the four, with fewer passes over the maps; made of differentiable
    steps, so that gradients of gradients (path lengths) go through it.
    """

    @staticmethod
    def forward(  # noqa: PLR0917 - torch hands over what `apply` was given
        ctx: Any, x: Tensor, rate: Tensor, bias: Tensor, noise: Tensor, strength: Tensor
    ) -> Tensor:
        """Map (N, C, H, W), rates (N, C), a bias (C,), noise (N or 1, 1, H, W) and its strength."""
        made = torch.addcmul(GAIN * bias[:, None, None], x, rate[:, :, None, None])
        # In place, since these passes wait for memory, not for arithmetic.
        made = functional.leaky_relu_(made.add_(noise * (GAIN * strength)), SLOPE)
        ctx.save_for_backward(x, rate, noise, made)
        return made

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        """Return the slopes of x, rates, bias and strength; noise is given, not learned."""
        x, rate, noise, made = ctx.saved_tensors
        slope = torch.ops.aten.leaky_relu_backward(slopes[0], made, SLOPE, True)
        rows, before = _rows(slope), _rows(x)
        to_rate = (rows * before).sum(dim=1)
        to_bias = GAIN * rows.flatten(0, 1).sum(dim=0)
        to_strength = GAIN * (noise.flatten(2).expand(len(rows), -1, -1) @ rows).sum()
        return slope * rate[:, :, None, None], to_rate, to_bias, None, to_strength


class Coloured(torch.autograd.Function):
    """Each picture's maps (N, C, H, W) by its own weights (N, 3, C) and a bias to (N, 3, H, W).

    The products are those whose sums run along memory, and slopes come back stored as the maps are:
    autograd's would be stored the other way, and slow whatever reads them.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
        """Map to colours."""
        ctx.save_for_backward(x, weights)
        colours = torch.baddbmm(bias[:, None], weights, x.flatten(2))
        return colours.view(len(x), -1, *x.shape[2:])

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the slopes of x, weights and bias."""
        x, weights = ctx.saved_tensors
        # Colours of half precision come back in it.
        slope = slopes[0].flatten(2).to(x.dtype)
        rows = slope.transpose(1, 2) @ weights
        to_x = rows.unflatten(1, x.shape[2:]).permute(0, 3, 1, 2)
        return to_x, slope @ _rows(x), slope.sum(dim=(0, 2))


def _rows(x: Tensor) -> Tensor:
    """Maps (N, C, H, W) as rows of channels (N, H W, C), which is how channels last are stored."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)


class ModulatedConv(nn.Module):
    """A convolution whose input channels a style scales, and what brings its outputs back to 1.

    Scaling activations instead of weights gives the same numbers and lets the batch share one
    convolution, which is faster on CPUs and GPUs where no custom kernel is used.
    """

    def __init__(
        self, n_in: int, n_out: int, kernel: int, styles: int, *, enlarge: bool = False
    ) -> None:
        super().__init__()
        self.affine = EqualLinear(styles, n_in, bias=1.0)
        self.weight = nn.Parameter(torch.randn(n_out, n_in, kernel, kernel))
        self.enlarge = enlarge

    def forward(self, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N, n_in, H, W) and styles (N, styles) to (N, n_out, H, W), or to twice the size.

        Also returns the rates (N, n_out) that bring the outputs' mean square to 2, which the leaky
        ReLU after them brings to 1.
        """
        style = self.affine(w)
        x = self._convolved(x * style[:, :, None, None], self.weight)
        power = style.square() @ self.weight.square().sum(dim=(2, 3)).t()
        return x, GAIN * (power + 1e-8).rsqrt()

    def _convolved(self, x: Tensor, weight: Tensor) -> Tensor:
        if not self.enlarge:
            return functional.conv2d(x, weight, padding=weight.shape[-1] // 2)
        wide = functional.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
        return blurred(wide, (1, 1), gain=4)


class ModulatedColours(nn.Module):
    """A modulated convolution of one pixel to three colours, not demodulated.

    So few weights are cheaper to scale than activations, for each picture its own.
    """

    def __init__(self, n_in: int, styles: int) -> None:
        super().__init__()
        self.affine = EqualLinear(styles, n_in, bias=1.0)
        self.weight = nn.Parameter(torch.randn(3, n_in, 1, 1))
        self.scale = 1 / math.sqrt(n_in)

    def forward(self, x: Tensor, w: Tensor, bias: Tensor) -> Tensor:
        """Map (N, n_in, H, W) and styles (N, styles) to (N, 3, H, W); bias is (3,)."""
        weights = (self.affine(w) * self.scale)[:, None] * self.weight[:, :, 0, 0]
        colours: Tensor = Coloured.apply(x, weights, bias)
        return colours
