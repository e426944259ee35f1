"""How networks that learn from patches are trained; apart, since reading it needs no torch."""

from dataclasses import dataclass

SMALLEST_BATCH = 2
"""A discriminator that compares pictures of a batch needs two."""


@dataclass(frozen=True)
class PatchRecipe:
    """How a network is trained on patches.

    `adversarial_from`: the share of the steps after which the discriminator takes part.
    `texture`: weight of what keeps high-frequency energy as it was, so that blur is no trace.
    """

    steps: int = 300
    batch: int = 4
    side: int = 128
    rate: float = 2e-3
    texture: float = 1.0
    adversarial: float = 0.02
    adversarial_from: float = 0.4
    save_every: int = 100
    device: str = "cpu"


@dataclass(frozen=True)
class PictureRecipe:
    """How a generator of pictures from nothing is trained.

    `images`: pictures shown in all; `mirror`: each also flipped, half of the time; `half_life`:
    pictures after which the weights' running mean has forgotten half. Saves and snapshots come
    after so many pictures, log lines after so many steps; `compare`: pictures a snapshot's
    distance to held-out ones is taken on, 0 for none.
    """

    resolution: int = 64
    images: int = 1_000_000
    batch: int = 16
    rate: float = 2e-3
    mirror: bool = True
    half_life: float = 5_000
    log_every: int = 10
    save_every: int = 4_000
    snapshot_every: int = 20_000
    compare: int = 1_000
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.batch < SMALLEST_BATCH or self.images < self.batch:
            raise ValueError(
                f"batch must be {SMALLEST_BATCH} or more and images at least that, got"
                f" {self.batch} and {self.images}"
            )
