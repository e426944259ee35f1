"""How StyleGAN2 is trained; apart, since reading it needs no torch."""

from dataclasses import dataclass

from generators._recipe import PictureRecipe
from generators.stylegan2.shape import Shape


@dataclass(frozen=True)
class StyleRecipe(PictureRecipe):
    """As `PictureRecipe`, and StyleGAN2's own.

    `width`, `at_most`, `styles`, `mapping`, `generator`, `discriminator`: the networks' shape.
    `gamma`: weight of the slope penalty, every `slope_every` steps; `path_weight`: of the path
    lengths' variance, every `path_every`; `mixing`: share of batches with two styles; `target`:
    how sure of real pictures the discriminator may be before augmentation grows (0: never),
    `adapt_over`: pictures over which it may grow to 1.
    """

    width: int = 1024
    at_most: int = 128
    styles: int = 128
    mapping: int = 4
    generator: str = "skip"
    discriminator: str = "resnet"
    gamma: float = 0.1
    slope_every: int = 16
    path_weight: float = 2.0
    path_every: int = 8
    mixing: float = 0.9
    target: float = 0.6
    adapt_over: float = 500_000

    def __post_init__(self) -> None:
        super().__post_init__()
        self.shape  # noqa: B018 - a recipe of impossible networks is refused at once

    @property
    def shape(self) -> Shape:
        """The networks that this recipe names."""
        return Shape(
            self.resolution,
            self.width,
            self.at_most,
            self.styles,
            self.mapping,
            self.generator,
            self.discriminator,
        )
