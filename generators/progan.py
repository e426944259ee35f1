"""Faces from nothing: ProGAN, our own implementation, trained on 32 px faces.

Karras et al. 2018, Progressive Growing of GANs. The logistic loss with R1 takes the place of the
paper's WGAN-GP: it needs one gradient of pictures in eight steps instead of one in each.
"""

from typing import TYPE_CHECKING

from generators._adversarial import AdversarialGenerator, AdversarialRecipe

if TYPE_CHECKING:
    from torch import nn


class Progan(AdversarialGenerator):
    """Draws pictures by seed."""

    def networks(self, recipe: AdversarialRecipe) -> "tuple[nn.Module, nn.Module]":
        """Build the generator and the discriminator."""
        from generators._progan import Discriminator, Generator

        shape = recipe.resolution, recipe.width
        return Generator(*shape, recipe.code), Discriminator(*shape)
