"""A photograph shrunk to half its size and enlarged again by a network, as in remastered games.

A small network of our own with sub-pixel convolution (Shi et al. 2016), trained against a patch
discriminator (Ledig et al. 2017; Isola et al. 2017).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from forensics.detector import Trainable
from forensics.generator import Manipulator
from forensics.schema import Image, Map, Step
from forensics.training import PictureData
from forensics.weights import load_tensors
from generators._enlarging import enlarged_again
from generators._recipe import PatchRecipe

if TYPE_CHECKING:
    from generators._super_resolution import Enlarger


@dataclass(frozen=True)
class SuperResolutionOptions:
    """`device`: torch's name."""

    device: str = "cpu"


@dataclass(frozen=True)
class SuperResolutionRecipe(PatchRecipe):
    """As every patch recipe, over more steps: one network, not sixteen."""

    steps: int = 2500
    side: int = 96


class SuperResolution(Manipulator, Trainable):
    """Shrinks by a filter drawn for each picture, then enlarges to the size it had."""

    Options = SuperResolutionOptions
    Recipe = SuperResolutionRecipe
    family = "gan"

    def apply(self, images: Sequence[Image], seed: int) -> tuple[list[Image], list[Map]]:
        """Return enlarged pictures, and masks of ones; picture i depends on `seed` and i alone."""
        made = [
            enlarged_again(self._network, image, np.random.default_rng([seed, index]), factor=2)
            for index, image in enumerate(images)
        ]
        return made, [np.ones(image.shape[:2], np.float32) for image in images]

    @cached_property
    def _network(self) -> "Enlarger":
        import torch

        from generators._super_resolution import Enlarger

        network = Enlarger()
        tensors = load_tensors(self.card)
        network.load_state_dict({key: torch.from_numpy(value) for key, value in tensors.items()})
        return network.float().eval().requires_grad_(False).to(self.options.device)

    def train(self, data: PictureData, recipe: SuperResolutionRecipe, seed: int) -> Iterator[Step]:
        """Train from unlabelled pictures; a stopped run goes on where it was."""
        from generators._patches import train_network
        from generators._super_resolution import Enlarging

        out = data.folder / f"{self.card.name}.safetensors"
        for step, figures in train_network(Enlarging(seed), data, recipe, [seed], out):
            yield Step(step, recipe.steps, figures)
