"""Detectors as differentiable functions of a picture's pixels, for those that have a gradient.

A copy in torch of what a detector computes from one crop; `copy_of` holds it against the detector
itself, so that an attack never climbs another hill than the one that is measured.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from forensics.benchmark.clip_in_torch import ClipInTorch
from forensics.detector import CropDetector
from forensics.errors import BrokenPlugin
from forensics.fusion import LinearFusion
from forensics.neural import CLIP_SIDE
from forensics.plugins import backbones
from forensics.schema import Image
from forensics.weights import load_tensors

SIDE = CLIP_SIDE
"""Pictures of this side in px are one crop for every detector: each pixel counts, once."""
LARGEST_GAP = 0.02
"""Between the logits of a copy and of its detector."""

Logit = Callable[[Tensor], Tensor]
"""(3, 224, 224) float32 RGB in [0, 255] -> () the logit of P(fake)."""


def clip_pairs_logit(detector: Any) -> Logit:
    """The logit of `clip_pairs`: the head's, of the mean patch token beside the class token."""
    clip = ClipInTorch(load_tensors(backbones()["clip_vit_b16"]))
    head = detector.head
    weight, bias = torch.from_numpy(head.weight), torch.from_numpy(head.bias)
    fake = torch.from_numpy(head.kinds > 0)

    def logit(pixels: Tensor) -> Tensor:
        classes = clip.reading(pixels[None])[0] @ weight + bias
        return torch.logsumexp(classes[fake], 0) - torch.logsumexp(classes[~fake], 0)

    return logit


def lite0_logit(detector: Any) -> Logit:
    """The logit of `efficientnet_lite0`."""
    import timm

    tensors = load_tensors(detector.card)
    network: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=3)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
    network.eval().requires_grad_(requires_grad=False)

    def logit(pixels: Tensor) -> Tensor:
        classes: Tensor = network((pixels / 127.5 - 1)[None])[0]
        return torch.logsumexp(classes[1:], 0) - classes[0]

    return logit


COPIES: dict[str, Callable[[Any], Logit]] = {
    "clip_pairs": clip_pairs_logit,
    "efficientnet_lite0": lite0_logit,
}
"""By the detector's name. `spectrum` counts in trees, which have no gradient."""


def copy_of(detector: CropDetector) -> Logit:
    """The differentiable copy of a loaded detector, after a check that both say the same.

    Raises:
        BrokenPlugin: they do not: the detector was changed, and its copy here was not.
    """
    name = detector.card.name
    copy = COPIES[name](detector)
    picture = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    with torch.inference_mode():
        ours = float(copy(pixels_of(picture)))
    theirs = float(detector.score([picture])[0])
    if abs(ours - theirs) > LARGEST_GAP * max(1.0, abs(theirs)):
        raise BrokenPlugin(
            f"{name} gives {theirs:.3f}, its differentiable copy {ours:.3f}; bring "
            "forensics/benchmark/gradients.py up to date with the detector"
        )
    return copy


def fused(copies: Mapping[str, Logit], fusion: LinearFusion) -> Logit:
    """The fused logit as far as it has a gradient, up to a constant: the parts in `copies`."""
    slopes = dict(zip(fusion.inputs, (fusion.weights / fusion.scales).tolist(), strict=True))

    def logit(pixels: Tensor) -> Tensor:
        parts = [slopes[f"{name}.mean"] * copy(pixels) for name, copy in copies.items()]
        return torch.stack(parts).sum()

    return logit


def pixels_of(image: Image) -> Tensor:
    """(H, W, 3) uint8 RGB -> (3, H, W) float32 in [0, 255]."""
    return torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32))
