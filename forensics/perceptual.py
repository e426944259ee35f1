"""How alike two pictures look to a network that has learned to see: a loss with gradients.

After Zhang et al. 2018 (LPIPS), on EfficientNet-Lite0's ImageNet features, unweighted: there is no
human judgement to fit weights to here.
"""

from typing import Any

from forensics.plugins import backbones
from forensics.weights import load_tensors

BACKBONE = "efficientnet_lite0_imagenet"
NAME = "EfficientNet-Lite0's ImageNet features, three stages, unweighted"
STAGES = (0, 1, 2)
"""Stages whose maps are compared: at 1/2, 1/4 and 1/8 of the enlarged picture."""
SIDE = 128


class PerceptualDistance:
    """Compares pictures of one size.

    Raises:
        WeightsUnavailable: the backbone was never pulled; the message has the command.
    """

    def __init__(self, device: str = "cpu") -> None:
        import timm
        import torch

        tensors = load_tensors(backbones()[BACKBONE])
        network = timm.create_model(
            "tf_efficientnet_lite0", pretrained=False, features_only=True, out_indices=STAGES
        )
        known = network.state_dict()
        network.load_state_dict({key: torch.from_numpy(tensors[key]) for key in known})
        network = network.eval().requires_grad_(False).to(device)
        self._network = network.to(memory_format=torch.channels_last)

    def features(self, pictures: Any) -> list[Any]:
        """Unit features of (N, 3, R, R) tensors in [-1, 1], a map a stage."""
        import torch
        from torch.nn import functional

        shown = functional.interpolate(pictures, (SIDE, SIDE), mode="bilinear")
        shown = shown.contiguous(memory_format=torch.channels_last)
        return [functional.normalize(found, dim=1) for found in self._network(shown)]

    def between(self, first: list[Any], second: list[Any]) -> Any:
        """Distance of each pair of pictures whose `features` these are, (N,) from 0 to 12."""
        return sum(
            (one - other).square().sum(dim=1).mean(dim=(1, 2))
            for one, other in zip(first, second, strict=True)
        )
