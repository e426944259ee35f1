"""The embedding in which generated pictures are compared with real ones: offline, and named."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from forensics.plugins import backbones
from forensics.schema import Floats, Image
from forensics.weights import load_tensors

BACKBONE = "efficientnet_lite0_imagenet"
SIDE = 128
BATCH = 32
NAME = (
    "EfficientNet-Lite0 with ImageNet weights (timm `tf_efficientnet_lite0`, 1,280 pooled"
    f" features; pictures enlarged bilinearly to {SIDE} px)"
)


def embedded(pictures: Sequence[Image]) -> Floats:
    """Embed pictures of (H, W, 3) uint8 RGB: (N, 1280) float32.

    Raises:
        WeightsUnavailable: the weights were never pulled; the message has the command.
    """
    import torch
    from torch.nn import functional

    network, rows = _network(), []
    for start in range(0, len(pictures), BATCH):
        chunk = torch.from_numpy(np.stack(pictures[start : start + BATCH])).permute(0, 3, 1, 2)
        shown = functional.interpolate(
            chunk.float() / 127.5 - 1, (SIDE, SIDE), mode="bilinear", antialias=False
        )
        with torch.inference_mode():
            rows.append(network(shown.contiguous(memory_format=torch.channels_last)).numpy())
    return np.concatenate(rows).astype(np.float32)


@cache
def _network() -> Any:
    import timm
    import torch

    tensors = load_tensors(backbones()[BACKBONE])
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    network.reset_classifier(0)  # type: ignore[operator]
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
