"""One step of a discriminator, one of a generator: the logistic loss with R1, or without.

Goodfellow et al. 2014, the non-saturating form; R1 after Mescheder et al. 2018, every few steps as
StyleGAN2 does. Both steps use the same generated pictures.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from generators._adversarial import AdversarialRecipe
from generators._picture_training import PictureTask
from generators._sampling import codes
from generators.stylegan2.losses import slope_penalty, unconvincing, wrong_about

AT_ONCE = 32
"""Pictures drawn at once for a snapshot."""


class AdversarialTask(PictureTask):
    """A generator and a discriminator.

    Networks that have a `grow` method are told the share of the run that is over, before a step.
    """

    recipe: AdversarialRecipe

    def __init__(
        self,
        recipe: AdversarialRecipe,
        seed: int,
        build: Callable[[], tuple[nn.Module, nn.Module]],
    ) -> None:
        torch.manual_seed(seed)
        self.recipe, self.step, self.slope = recipe, 0, 0.0
        self.generator, self.discriminator = build()
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.networks = {"generator": self.generator, "discriminator": self.discriminator}
        betas = (recipe.momentum, 0.99 if recipe.momentum == 0 else 0.999)
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), recipe.rate, betas=betas, eps=1e-8)
            for name, network in self.networks.items()
        }

    def learn(self, real: Tensor, seen: int, rng: torch.Generator) -> dict[str, float]:
        """One step of both networks."""
        self.step += 1
        self._grow(seen / self.recipe.images)
        fake = self._made(len(real), rng)
        figures = self._judge(real, fake.detach()) | self._convince(fake)
        self.follow("generator", seen)
        return figures

    def _made(self, count: int, rng: torch.Generator) -> Tensor:
        drawn = torch.randn(count, self.recipe.code, generator=rng).to(self.recipe.device)
        # What layers draw for themselves must not depend on what ran before this step.
        with torch.random.fork_rng():
            torch.manual_seed(int(torch.randint(2**62, (1,), generator=rng)))
            made: Tensor = self.generator(drawn)
        return made

    def _grow(self, share: float) -> None:
        for network in (self.generator, self.discriminator, self.average):
            if hasattr(network, "grow"):
                grow: Any = network.grow
                grow(share)

    def _judge(self, real: Tensor, fake: Tensor) -> dict[str, float]:
        penalised = self.recipe.gamma > 0 and self.step % self.recipe.slope_every == 0
        self.discriminator.requires_grad_(requires_grad=True)
        real = real.requires_grad_(penalised)
        on_real, on_fake = self.discriminator(real), self.discriminator(fake)
        loss = wrong_about(on_real, on_fake)
        figures = {"discriminator": loss.item(), "signs": on_real.detach().sign().mean().item()}
        if penalised:
            slope = slope_penalty(real, on_real)
            loss = loss + slope * (self.recipe.gamma / 2 * self.recipe.slope_every)
            self.slope = slope.item()
        self.take("discriminator", loss)
        return figures | {"slope": self.slope}

    def _convince(self, fake: Tensor) -> dict[str, float]:
        self.discriminator.requires_grad_(requires_grad=False)
        loss = unconvincing(self.discriminator(fake))
        self.take("generator", loss)
        return {"generator": loss.item()}

    @torch.no_grad()
    def drawn(self, count: int, seed: int) -> Tensor:
        """Pictures of the running mean."""
        drawn = torch.from_numpy(codes(seed, range(count), self.recipe.code))
        parts = drawn.to(self.recipe.device).split(AT_ONCE)
        return torch.cat([self.average(part) for part in parts]).clamp(-1, 1)

    def numbers(self) -> dict[str, float]:
        """What the penalty remembers."""
        return {"step": float(self.step), "slope": self.slope}

    def remember(self, numbers: dict[str, float]) -> None:
        """Go on where `numbers` was taken."""
        self.step, self.slope = int(numbers["step"]), numbers["slope"]
