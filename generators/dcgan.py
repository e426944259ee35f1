"""Faces from nothing: DCGAN, our own implementation, trained on 32 px faces.

Radford et al. 2016, Unsupervised Representation Learning with Deep Convolutional GANs. Its
transposed convolutions of stride 2 leave a lattice in the spectrum, which is why it is here.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from generators._adversarial import AdversarialGenerator, AdversarialRecipe

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class DcganRecipe(AdversarialRecipe):
    """The paper's momentum and no slope penalty; twice its rate, since runs are short."""

    rate: float = 4e-4
    momentum: float = 0.5
    gamma: float = 0.0


class Dcgan(AdversarialGenerator):
    """Draws pictures by seed."""

    Recipe = DcganRecipe

    def networks(self, recipe: AdversarialRecipe) -> "tuple[nn.Module, nn.Module]":
        """Build the generator and the discriminator."""
        from generators._dcgan import Discriminator, Generator

        shape = recipe.resolution, recipe.width
        return Generator(*shape, recipe.code), Discriminator(*shape)
