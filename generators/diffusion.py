"""Faces from noise, step by step: a small diffusion model, trained on 32 px faces.

Ho et al. 2020, Denoising Diffusion Probabilistic Models; sampled as Song et al. 2021, Denoising
Diffusion Implicit Models. No transposed convolution, no discriminator: its traces differ from a
GAN's, which is why it is here.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from forensics.schema import Step
from forensics.training import PictureData
from generators._diffusion import DenoisingGenerator, DiffusionRecipe

if TYPE_CHECKING:
    from torch import Tensor, nn


class Diffusion(DenoisingGenerator):
    """Draws pictures by seed."""

    Recipe = DiffusionRecipe

    def build(self, recipe: DiffusionRecipe) -> "nn.Module":
        """The U-Net."""
        from generators._unet import UNet

        return UNet(recipe.widths, recipe.known)

    def pictures(self, network: "nn.Module", codes: "Tensor") -> "Tensor":
        """Map codes (N, 3 R R) to pictures (N, 3, R, R) in `steps` steps."""
        from generators._unet import denoised

        *_, made = denoised(network, self.noise(codes), self.options.steps)
        return made

    def train(self, data: PictureData, recipe: DiffusionRecipe, seed: int) -> Iterator[Step]:
        """Train from unlabelled pictures; a stopped run goes on where it was."""
        from generators._diffusion_training import DenoisingTask
        from generators._picture_training import trained

        task = DenoisingTask(recipe, seed, lambda: self.build(recipe))
        yield from trained(task, data, recipe, seed, self.card.name)
