"""Convolutions that a style modulates (Karras et al. 2020, sections 2.2 and B)."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators._gan_blocks import GAIN, EqualLinear, blurred


class ScaledAndShifted(torch.autograd.Function):
    """x (N, C, H, W) times rates (N, C) plus a bias (C,).

    What autograd would do for `addcmul`, with one pass over the maps less on the way back; made of
    differentiable steps, so that gradients of gradients (path lengths) go through it.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, rate: Tensor, bias: Tensor) -> Tensor:
        """Map to (N, C, H, W)."""
        ctx.save_for_backward(x, rate)
        return torch.addcmul(bias[:, None, None], x, rate[:, :, None, None])

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the slopes of x, rates and bias."""
        (slope,), (x, rate) = slopes, ctx.saved_tensors
        # Rows of channels: the fastest way to sum maps that are stored channels last.
        rows, before = (each.permute(0, 2, 3, 1).flatten(1, 2) for each in (slope, x))
        return (
            slope * rate[:, :, None, None],
            (rows * before).sum(dim=1),
            rows.flatten(0, 1).sum(dim=0),
        )


class ModulatedConv(nn.Module):
    """A convolution whose input channels a style scales, and whose outputs are brought back to 1.

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

    def forward(self, x: Tensor, w: Tensor, bias: Tensor) -> Tensor:
        """Map (N, n_in, H, W) and styles (N, styles) to (N, n_out, H, W), or to twice the size.

        Outputs have a mean square of 2, which the leaky ReLU after them brings to 1; the bias
        (n_out,) is added to them as it is.
        """
        style = self.affine(w)
        x = self._convolved(x * style[:, :, None, None], self.weight)
        power = style.square() @ self.weight.square().sum(dim=(2, 3)).t()
        rate: Tensor = GAIN * (power + 1e-8).rsqrt()
        brought: Tensor = ScaledAndShifted.apply(x, rate, bias)
        return brought

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
        weights = (self.affine(w) * self.scale)[:, :, None] * self.weight[:, :, 0, 0].t()
        rows = x.permute(0, 2, 3, 1).flatten(1, 2)
        colours: Tensor = torch.baddbmm(bias, rows, weights).unflatten(1, x.shape[2:])
        return colours.permute(0, 3, 1, 2)
