"""How a U-Net learns to take noise out: the mean squared error of velocities at random times."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators._diffusion import DiffusionRecipe
from generators._picture_training import PictureTask
from generators._sampling import codes
from generators._unet import denoised, noised

STEPS = 25
"""Of a snapshot's pictures."""
WARM = 100
"""Steps over which the rate grows to its value."""
CLIP = 1.0


class DenoisingTask(PictureTask):
    """A network that is called with a mixture and its times."""

    recipe: DiffusionRecipe
    ramp = 0.1

    def __init__(self, recipe: DiffusionRecipe, seed: int, build: Callable[[], nn.Module]) -> None:
        torch.manual_seed(seed)
        self.recipe = recipe
        self.network = build()
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.networks = {"network": self.network}
        optimizer = torch.optim.Adam(self.network.parameters(), recipe.rate, betas=(0.9, 0.99))
        self.optimizers = {"network": optimizer}

    def learn(self, real: Tensor, seen: int, rng: torch.Generator) -> dict[str, float]:
        """One step on pictures."""
        return self._step(real, seen, rng)

    def _step(
        self, real: Tensor, seen: int, rng: torch.Generator, *said: Tensor
    ) -> dict[str, float]:
        noise = torch.randn(real.shape, generator=rng).to(real.device)
        # Times of a batch are spread evenly, which makes the loss steadier.
        start = torch.rand(1, generator=rng) + torch.arange(len(real))
        mixture, velocity = noised(real, noise, (start / len(real)).to(real.device))
        found = self.network(mixture, (start / len(real)).to(real.device), *said)
        loss = functional.mse_loss(found, velocity)
        share = min(1.0, (seen / self.recipe.batch + 1) / WARM)
        for group in self.optimizers["network"].param_groups:
            group["lr"] = self.recipe.rate * share
        self.take("network", loss, longest=CLIP)
        self.follow("network", seen)
        return {"loss": loss.item()}

    @torch.no_grad()
    def drawn(self, count: int, seed: int) -> Tensor:
        """Pictures of the running mean."""
        side = self.recipe.resolution
        noise = torch.from_numpy(codes(seed, range(count), 3 * side**2))
        *_, pictures = denoised(
            self.average, noise.reshape(-1, 3, side, side).to(self.recipe.device), STEPS
        )
        return pictures
