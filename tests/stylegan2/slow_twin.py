"""StyleGAN2's synthesis, one picture at a time, with weights modulated as the paper writes it."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

FILTER = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64


def modulated(x: Tensor, weight: Tensor, style: Tensor, *, demodulate: bool, up: bool) -> Tensor:
    """(C, H, W) through weights scaled by a style and, where asked, normalised."""
    scaled = weight * style[None, :, None, None]
    if demodulate:
        scaled = scaled * (scaled.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).rsqrt()
    if not up:
        return functional.conv2d(x[None], scaled, padding=weight.shape[-1] // 2)[0]
    return filtered(functional.conv_transpose2d(x[None], scaled.transpose(0, 1), stride=2)[0], 1, 1)


def filtered(x: Tensor, before: int, after: int) -> Tensor:
    """Each channel through the 4 x 4 filter, four times as strong, padded with zeros."""
    padded = functional.pad(x[:, None], (before, after, before, after))
    return functional.conv2d(padded, 4 * FILTER[None, None])[:, 0]


def doubled(x: Tensor) -> Tensor:
    """Zeros between pixels, then the filter."""
    channels, height, width = x.shape
    wide = torch.zeros(channels, 2 * height, 2 * width)
    wide[:, ::2, ::2] = x
    return filtered(wide, 2, 1)


def picture(tensors: dict[str, Tensor], z: Tensor, psi: float) -> Tensor:
    """The picture of NVIDIA's tensors by their names, (3, R, R)."""
    w = z * (z.square().mean() + 1e-8).rsqrt()
    for i in range(sum(f"mapping.fc{j}.weight" in tensors for j in range(9))):
        weight = tensors[f"mapping.fc{i}.weight"] * (0.01 / math.sqrt(len(w)))
        w = active(weight @ w + 0.01 * tensors[f"mapping.fc{i}.bias"])
    w = tensors["mapping.w_avg"].lerp(w, psi)
    sides = sorted(int(k.split(".")[1][1:]) for k in tensors if k.endswith("conv1.weight"))
    x, shown = tensors[f"synthesis.b{sides[0]}.const"], torch.zeros(3, *[sides[0] // 2] * 2)
    for side in sides:
        block = {
            k.removeprefix(f"synthesis.b{side}."): v
            for k, v in tensors.items()
            if k.startswith(f"synthesis.b{side}.")
        }
        for name in ("conv0", "conv1"):
            if f"{name}.weight" in block:
                x = layer(block, name, x, w)
        style = _style(block, "torgb", w) / math.sqrt(len(x))
        colours = modulated(x, block["torgb.weight"], style, demodulate=False, up=False)
        shown = doubled(shown) + colours + block["torgb.bias"][:, None, None]
    return shown


def layer(block: dict[str, Tensor], name: str, x: Tensor, w: Tensor) -> Tensor:
    """A modulated convolution, its own noise, its bias, and a leaky ReLU."""
    style = _style(block, name, w)
    up = name == "conv0"
    x = modulated(x, block[f"{name}.weight"], style, demodulate=True, up=up)
    x = x + block[f"{name}.noise_const"] * block[f"{name}.noise_strength"]
    return active(x + block[f"{name}.bias"][:, None, None])


def active(x: Tensor) -> Tensor:
    """A leaky ReLU times the square root of 2."""
    made: Any = torch.where(x > 0, x, 0.2 * x) * math.sqrt(2)
    return made  # type: ignore[no-any-return]


def _style(block: dict[str, Tensor], name: str, w: Tensor) -> Tensor:
    weight = block[f"{name}.affine.weight"] / math.sqrt(len(w))
    return weight @ w + block[f"{name}.affine.bias"]
