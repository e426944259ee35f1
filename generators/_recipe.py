"""How networks that learn from patches are trained; apart, since reading it needs no torch."""

from dataclasses import dataclass


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
