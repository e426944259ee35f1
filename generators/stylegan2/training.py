"""How StyleGAN2 learns: one step of the discriminator, one of the generator, and their penalties.

Both steps use the same generated pictures: the generator's pass is not run twice.
"""

import copy

import torch
from torch import Tensor

from generators._picture_training import PictureTask, in_half_precision
from generators._processes import averaged
from generators._sampling import codes
from generators.stylegan2.augmentation import Augmentation
from generators.stylegan2.losses import (
    length_penalty,
    path_lengths,
    slope_penalty,
    unconvincing,
    wrong_about,
)
from generators.stylegan2.networks import Discriminator, StyleGenerator
from generators.stylegan2.recipe import StyleRecipe

MEAN_DECAY = 0.002
"""How fast the mean style follows."""
ADAPT_EVERY = 4


class StyleTask(PictureTask):
    """StyleGAN2 with adaptive augmentation."""

    recipe: StyleRecipe

    def __init__(self, recipe: StyleRecipe, seed: int) -> None:
        torch.manual_seed(seed)
        self.recipe, shape = recipe, recipe.shape
        self.generator, self.discriminator = StyleGenerator(shape), Discriminator(shape)
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.networks = {"generator": self.generator, "discriminator": self.discriminator}
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), recipe.rate, betas=(0.0, 0.99), eps=1e-8)
            for name, network in self.networks.items()
        }
        self.augment = Augmentation(recipe.target, recipe.adapt_over)
        self.mean_length, self.signs, self.slope, self.step = 0.0, 0.0, 0.0, 0

    def learn(self, real: Tensor, seen: int, rng: torch.Generator) -> dict[str, float]:
        """One step of both networks."""
        self.step += 1
        fake = self._made(len(real), rng)
        figures = self._judge(real, fake.detach(), rng)
        figures |= self._convince(fake, rng)
        self.follow("generator", seen)
        return figures

    def _judge(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> dict[str, float]:
        penalised = self.step % self.recipe.slope_every == 0
        self.discriminator.requires_grad_(requires_grad=True)
        real = self.augment(real, rng).detach().requires_grad_(penalised)
        fake = self.augment(fake, rng)
        with in_half_precision(self.recipe.device):
            on_real, on_fake = self.discriminator(real), self.discriminator(fake)
        loss = wrong_about(on_real.float(), on_fake.float())
        figures = {"discriminator": loss.item()}
        if penalised:
            slope = slope_penalty(real, on_real.float())
            loss = loss + slope * (self.recipe.gamma / 2 * self.recipe.slope_every)
            self.slope = slope.item()
        self.take("discriminator", loss)
        signs = averaged(on_real.detach().sign().mean()).item()
        self._adapt(signs)
        return figures | {"slope": self.slope, "signs": signs}

    def _adapt(self, signs: float) -> None:
        self.signs += signs / ADAPT_EVERY
        if self.step % ADAPT_EVERY == 0:
            self.augment.adapt(self.signs, ADAPT_EVERY * self.recipe.batch)
            self.signs = 0.0

    def _convince(self, fake: Tensor, rng: torch.Generator) -> dict[str, float]:
        self.discriminator.requires_grad_(requires_grad=False)
        with in_half_precision(self.recipe.device):
            logits = self.discriminator(self.augment(fake, rng))
        loss = unconvincing(logits.float())
        figures = {"generator": loss.item(), "augment": self.augment.p}
        if self.recipe.path_weight and self.step % self.recipe.path_every == 0:
            penalty = self._length_penalty(max(2, len(fake) // 2), rng)
            loss = loss + penalty * (self.recipe.path_weight * self.recipe.path_every)
        self.take("generator", loss)
        return figures | {"path": self.mean_length}

    def _length_penalty(self, count: int, rng: torch.Generator) -> Tensor:
        w = self._styles(count, rng)
        pictures = self.generator.synthesis(w, self._noise(count, rng))
        noise = torch.randn(pictures.shape, generator=rng).to(pictures.device)
        mean = torch.tensor(self.mean_length, device=pictures.device)
        penalty, mean = length_penalty(path_lengths(pictures, w, noise), mean)
        self.mean_length = averaged(mean).item()
        return penalty

    def _made(self, count: int, rng: torch.Generator) -> Tensor:
        with in_half_precision(self.recipe.device):
            made: Tensor = self.generator.synthesis(
                self._styles(count, rng), self._noise(count, rng)
            )
        return made.float()

    def _noise(self, count: int, rng: torch.Generator) -> list[list[Tensor]]:
        return self.generator.synthesis.drawn_noise(count, rng)

    def _styles(self, count: int, rng: torch.Generator) -> Tensor:
        """Styles of fresh noise, (count, layers, styles); most batches mix two from some layer."""
        mapping, layers = self.generator.mapping, self.generator.shape.layers
        w = mapping(self._codes(count, rng))
        with torch.no_grad():
            mapping.mean.lerp_(averaged(w.float().mean(dim=0)), MEAN_DECAY)
        w = self.generator.spread(w)
        mixed, where = torch.rand(2, generator=rng).tolist()
        if mixed >= self.recipe.mixing:
            return w
        other = self.generator.spread(mapping(self._codes(count, rng)))
        cut = 1 + int(where * (layers - 1))
        return torch.cat([w[:, :cut], other[:, cut:]], dim=1)

    def _codes(self, count: int, rng: torch.Generator) -> Tensor:
        codes = torch.randn(count, self.recipe.styles, generator=rng)
        return codes.to(self.recipe.device)

    @torch.no_grad()
    def drawn(self, count: int, seed: int) -> Tensor:
        """Pictures of the running mean without truncation."""
        drawn = torch.from_numpy(codes(seed, range(count), self.recipe.styles))
        parts = drawn.to(self.recipe.device).split(32)
        return torch.cat([self.average(part) for part in parts]).clamp(-1, 1)

    def numbers(self) -> dict[str, float]:
        """What the penalties and the augmentation remember."""
        return {
            "length": self.mean_length,
            "signs": self.signs,
            "p": self.augment.p,
            "step": float(self.step),
            "slope": self.slope,
        }

    def remember(self, numbers: dict[str, float]) -> None:
        """Go on where `numbers` was taken."""
        self.mean_length, self.signs = numbers["length"], numbers["signs"]
        self.augment.p, self.step, self.slope = numbers["p"], int(numbers["step"]), numbers["slope"]
