"""What generators that take noise out of pictures share; reading it needs no torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from generators._recipe import PictureRecipe
from generators._sampling import PictureGenerator, SamplingOptions

if TYPE_CHECKING:
    from torch import Tensor

MOST_STEPS = 1000
FOLDS = 8
"""A U-Net of three levels on folded pictures halves their side three times."""


@dataclass(frozen=True)
class DiffusionOptions(SamplingOptions):
    """`steps`: times the network is asked for a picture, DDIM; more is slower and finer."""

    steps: int = 25

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= MOST_STEPS:
            raise ValueError(f"steps must be 1 to {MOST_STEPS}, got {self.steps}")


@dataclass(frozen=True)
class DiffusionRecipe(PictureRecipe):
    """As `PictureRecipe`, and the U-Net's widths at half, a quarter, an eighth of the side.

    `known`: size of the vector that tells its blocks the time.
    """

    resolution: int = 32
    images: int = 100_000
    batch: int = 16
    rate: float = 1e-3
    wide: int = 32
    middle: int = 64
    deep: int = 96
    known: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resolution % FOLDS or self.resolution < FOLDS:
            raise ValueError(f"resolution must be a multiple of {FOLDS}, got {self.resolution}")
        if any(width % FOLDS for width in (self.wide, self.middle, self.deep)):
            raise ValueError(f"wide, middle and deep must be multiples of {FOLDS}")

    @property
    def widths(self) -> tuple[int, int, int]:
        """The U-Net's widths."""
        return self.wide, self.middle, self.deep


class DenoisingGenerator(PictureGenerator):
    """A generator whose code is the noise that a picture is found in."""

    Options = DiffusionOptions
    family = "diffusion"

    def code_size(self, recipe: DiffusionRecipe) -> int:
        """A number for each pixel and colour."""
        return 3 * recipe.resolution**2

    def noise(self, codes: "Tensor") -> "Tensor":
        """Codes as pictures of noise, (N, 3, R, R)."""
        side = self.recipe.resolution
        return codes.reshape(-1, 3, side, side)
