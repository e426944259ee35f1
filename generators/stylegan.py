"""Faces from nothing: StyleGAN, the first, our own implementation, trained on 32 px faces.

Karras et al. 2019, A Style-Based Generator Architecture. All resolutions are trained from the
start, and pictures are shown as they come, without truncation.
"""

from typing import TYPE_CHECKING

from generators._adversarial import AdversarialGenerator, AdversarialRecipe

if TYPE_CHECKING:
    from torch import nn


class Stylegan(AdversarialGenerator):
    """Draws pictures by seed."""

    def networks(self, recipe: AdversarialRecipe) -> "tuple[nn.Module, nn.Module]":
        """Build the generator and the discriminator."""
        from generators._progan import Discriminator
        from generators._stylegan import Generator

        shape = recipe.resolution, recipe.width
        return Generator(*shape, recipe.code), Discriminator(*shape)
