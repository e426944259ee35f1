"""What StyleGAN2's relatives share: a generator and a discriminator that train each other.

Reading it needs no torch.
"""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forensics.schema import Step
from forensics.training import PictureData
from generators._recipe import PictureRecipe
from generators._sampling import PictureGenerator

if TYPE_CHECKING:
    from torch import Tensor, nn

SIDES = (8, 16, 32, 64, 128)
"""Resolutions, in px, that the relatives can be built for."""


@dataclass(frozen=True)
class AdversarialRecipe(PictureRecipe):
    """As `PictureRecipe`, and what pairs of networks have beside.

    `code`: numbers of a picture's code; `width`: channels of the widest layer, at 4 px;
    `momentum`: Adam's first; `gamma`: weight of the slope penalty (R1), every `slope_every` steps,
    0 for none.
    """

    resolution: int = 32
    images: int = 100_000
    batch: int = 32
    code: int = 64
    width: int = 96
    momentum: float = 0.0
    gamma: float = 0.1
    slope_every: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resolution not in SIDES:
            known = ", ".join(str(side) for side in SIDES)
            raise ValueError(f"resolution must be one of {known}, got {self.resolution}")


class AdversarialGenerator(PictureGenerator):
    """A generator whose networks map a code straight to a picture."""

    Recipe = AdversarialRecipe

    @abstractmethod
    def networks(self, recipe: AdversarialRecipe) -> "tuple[nn.Module, nn.Module]":
        """Build the generator and the discriminator."""

    def build(self, recipe: AdversarialRecipe) -> "nn.Module":
        """The generator."""
        return self.networks(recipe)[0]

    def code_size(self, recipe: AdversarialRecipe) -> int:
        """How many numbers a picture's code has."""
        return recipe.code

    def pictures(self, network: "nn.Module", codes: "Tensor") -> "Tensor":
        """Map codes (N, code) to pictures (N, 3, R, R)."""
        made: Tensor = network(codes)
        return made

    def train(self, data: PictureData, recipe: AdversarialRecipe, seed: int) -> Iterator[Step]:
        """Train from unlabelled pictures; a stopped run goes on where it was."""
        from generators._adversarial_training import AdversarialTask
        from generators._picture_training import trained

        task = AdversarialTask(recipe, seed, lambda: self.networks(recipe))
        yield from trained(task, data, recipe, seed, self.card.name)
