"""What generators that learn from native patches share: the patches, the losses, and the loop."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from forensics.training import Checkpoint, PictureData
from generators._recipe import PatchRecipe

WARM_UP = 30
"""Steps over which the learning rate rises to its height."""


class PatchDiscriminator(nn.Sequential):
    """Judges patches of 22 px (Isola et al. 2017), (N, 3, H, W) -> (N, 1, h, w) logits."""

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        for n_in, n_out in ((3, 24), (24, 48)):
            layers += [nn.Conv2d(n_in, n_out, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        super().__init__(*layers, nn.Conv2d(48, 1, 4, padding=1))


class PatchTask(ABC):
    """A network, and what it must do with a batch of real patches."""

    network: nn.Module
    adversarial: bool

    @abstractmethod
    def made(self, real: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return what the network makes of (N, 3, S, S) in [0, 1], and losses of its own."""


def patches(data: PictureData, recipe: PatchRecipe, rng: np.random.Generator) -> Tensor:
    """Draw native patches, (batch, 3, side, side) in [0, 1]."""
    drawn = []
    for _ in range(recipe.batch):
        image = data.read(data.names[rng.integers(len(data.names))])
        lacking = [(0, max(0, recipe.side - size)) for size in image.shape[:2]]
        image = np.pad(image, (*lacking, (0, 0)), mode="symmetric")
        top, left = (int(rng.integers(0, size - recipe.side + 1)) for size in image.shape[:2])
        patch = image[top : top + recipe.side, left : left + recipe.side]
        drawn.append(patch[:, :: int(rng.choice([-1, 1]))])
    batch = torch.from_numpy(np.stack(drawn)).to(recipe.device)
    return batch.permute(0, 3, 1, 2).float().div(255)


def high_pass(x: Tensor) -> Tensor:
    """What a 3 x 3 mean leaves of (N, C, H, W), same shape."""
    return x - functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)


def texture_loss(made: Tensor, real: Tensor) -> Tensor:
    """How much local high-frequency energy differs, on a logarithmic scale."""
    energy = [functional.avg_pool2d(high_pass(x).square(), 16, 8) for x in (made, real)]
    return functional.l1_loss(torch.log(energy[0] + 1e-5), torch.log(energy[1] + 1e-5))


def train_network(
    task: PatchTask, data: PictureData, recipe: PatchRecipe, seed: list[int], out: Path
) -> Iterator[tuple[int, dict[str, float]]]:
    """Train, and write half-precision weights to `out`; goes on from its last checkpoint.

    Yields:
        Steps done, and figures to log.
    """
    run = _Run(task, recipe)
    checkpoint = Checkpoint(out.with_suffix(".pt"))
    for step in range(run.restore(checkpoint.load()), recipe.steps):
        rng = np.random.default_rng([*seed, step])
        figures = run.learn(patches(data, recipe, rng), step, rng)
        if (step + 1) % recipe.save_every == 0:
            checkpoint.save(run.state(step + 1))
        yield step + 1, figures
    save_file(halves(task.network), out)
    checkpoint.path.unlink(missing_ok=True)


def halves(network: nn.Module) -> dict[str, Tensor]:
    """A network's state by name, floats in half precision."""
    return {
        key: tensor.to(torch.float16).contiguous() if tensor.is_floating_point() else tensor
        for key, tensor in network.state_dict().items()
    }


class _Run:
    def __init__(self, task: PatchTask, recipe: PatchRecipe) -> None:
        self.task, self.recipe = task, recipe
        task.network.to(recipe.device).train()
        self.critic = PatchDiscriminator().to(recipe.device)
        self.optimizers = [
            torch.optim.Adam(task.network.parameters(), recipe.rate, betas=(0.9, 0.99)),
            torch.optim.Adam(self.critic.parameters(), 1e-3, betas=(0.5, 0.99)),
        ]

    def learn(self, real: Tensor, step: int, rng: np.random.Generator) -> dict[str, float]:
        """Take one step of the network, and one of the discriminator where it takes part."""
        share = step / self.recipe.steps
        # A cold start at the full rate kills networks without normalisation.
        warm = min(1.0, (step + 1) / WARM_UP)
        for group in self.optimizers[0].param_groups:
            group["lr"] = self.recipe.rate * warm * (0.02 + math.cos(math.pi / 2 * share) ** 2)
        made, loss = self.task.made(real, rng)
        error = functional.l1_loss(made, real)
        loss = loss + error + functional.l1_loss(high_pass(made), high_pass(real))
        loss = loss + 0.01 * self.recipe.texture * texture_loss(made, real)
        against = self.task.adversarial and share >= self.recipe.adversarial_from
        if against:
            loss = loss - self.recipe.adversarial * self.critic(made).mean()
        self._step(0, loss)
        wrong = self._judge(real, made.detach()) if against else 0.0
        return {"l1": error.item(), "critic": wrong}

    def _judge(self, real: Tensor, made: Tensor) -> float:
        hinges = functional.relu(1 - self.critic(real)) + functional.relu(1 + self.critic(made))
        self._step(1, hinges.mean())
        return float(hinges.mean().item())

    def _step(self, which: int, loss: Tensor) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for group in self.optimizers[which].param_groups:
            torch.nn.utils.clip_grad_norm_(group["params"], 1.0)
        self.optimizers[which].step()

    def state(self, step: int) -> dict[str, Any]:
        """Everything a resumed run needs."""
        return {
            "step": step,
            "network": self.task.network.state_dict(),
            "critic": self.critic.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def restore(self, state: dict[str, Any] | None) -> int:
        """Go on from a checkpoint; returns the step to start at."""
        if state is None:
            return 0
        self.task.network.load_state_dict(state["network"])
        self.critic.load_state_dict(state["critic"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        return int(state["step"])
