"""What StyleGAN2's networks look like; apart, since reading it needs no torch."""

import math
from dataclasses import dataclass

SMALLEST = 4
SIDES = (8, 1024)


@dataclass(frozen=True)
class Shape:
    """What a pair of networks looks like.

    A layer at R px has min(`width` / R, `at_most`) channels; NVIDIA's config F is
    width 32768, at_most 512, styles 512, mapping 8.
    """

    resolution: int = 64
    width: int = 2048
    at_most: int = 128
    styles: int = 128
    mapping: int = 4
    generator: str = "skip"
    discriminator: str = "resnet"

    def __post_init__(self) -> None:
        doubled = self.resolution & (self.resolution - 1) == 0
        if not doubled or not SIDES[0] <= self.resolution <= SIDES[1]:
            raise ValueError(f"resolution must be 8, 16, ... 1024, got {self.resolution}")
        if min(self.channels(self.resolution), self.styles, self.mapping) < 1:
            raise ValueError(
                f"width {self.width} leaves no channel at {self.resolution} px, or at_most, styles"
                " or mapping is below 1"
            )
        for name in ("generator", "discriminator"):
            if getattr(self, name) not in {"skip", "resnet"}:
                raise ValueError(f"{name} is skip or resnet, not {getattr(self, name)!r}")

    @property
    def sides(self) -> list[int]:
        """Resolutions from 4 px up."""
        return [2**power for power in range(2, int(math.log2(self.resolution)) + 1)]

    @property
    def layers(self) -> int:
        """How many styles a picture takes: two a resolution, less the first convolution's."""
        return 2 * len(self.sides)

    def channels(self, side: int) -> int:
        """Channels at `side` px."""
        return min(self.width // side, self.at_most)
