"""Trains the small autoencoders one after the other, half of them against a patch discriminator."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from forensics.schema import Step
from forensics.training import Checkpoint, PictureData
from generators.decoders import DecodersRecipe
from generators.decoders.networks import COUNT, PatchAutoencoder, PatchDiscriminator, architecture


def train_all(data: PictureData, recipe: DecodersRecipe, seed: int, name: str) -> Iterator[Step]:
    """Train what is not trained yet, then join all weights in one file; resumable."""
    total = COUNT * recipe.steps
    for index in range(COUNT):
        done = data.folder / f"decoder-{index:02d}.safetensors"
        if done.exists():
            continue
        for step, figures in _train_one(data, recipe, [seed, index], done):
            yield Step(index * recipe.steps + step, total, {"decoder": float(index), **figures})
    joined = {
        f"{index:02d}.{key}": tensor
        for index in range(COUNT)
        for key, tensor in load_file(data.folder / f"decoder-{index:02d}.safetensors").items()
    }
    save_file(joined, data.folder / f"{name}.safetensors")


def _train_one(
    data: PictureData, recipe: DecodersRecipe, seed: list[int], done: Path
) -> Iterator[tuple[int, dict[str, float]]]:
    run = _Run(recipe, seed)
    checkpoint = Checkpoint(done.with_suffix(".pt"))
    for step in range(run.restore(checkpoint.load()), recipe.steps):
        figures = run.learn(patches(data, recipe, [*seed, step]), step)
        if (step + 1) % recipe.save_every == 0:
            checkpoint.save(run.state(step + 1))
        yield step + 1, figures
    halves = {
        key: tensor.to(torch.float16).contiguous() if tensor.is_floating_point() else tensor
        for key, tensor in run.network.state_dict().items()
    }
    save_file(halves, done)
    checkpoint.path.unlink(missing_ok=True)


def patches(data: PictureData, recipe: DecodersRecipe, seed: list[int]) -> Tensor:
    """Draw native patches, (batch, 3, side, side) in [0, 1]; the same for the same seed."""
    rng = np.random.default_rng(seed)
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


class _Run:
    def __init__(self, recipe: DecodersRecipe, seed: list[int]) -> None:
        torch.manual_seed(int(np.random.default_rng(seed).integers(2**31)))
        self.recipe, self.chosen = recipe, architecture(seed[1])
        self.network = PatchAutoencoder(self.chosen).to(recipe.device).train()
        self.critic = PatchDiscriminator().to(recipe.device)
        self.optimizers = [
            torch.optim.Adam(self.network.parameters(), recipe.rate, betas=(0.9, 0.99)),
            torch.optim.Adam(self.critic.parameters(), 1e-3, betas=(0.5, 0.99)),
        ]

    def learn(self, real: Tensor, step: int) -> dict[str, float]:
        """Take one step of the autoencoder, and one of the discriminator where it takes part."""
        share = step / self.recipe.steps
        for group in self.optimizers[0].param_groups:
            group["lr"] = self.recipe.rate * (0.02 + 0.98 * float(np.cos(np.pi / 2 * share)) ** 2)
        made, codes = self.network(real)
        error = functional.l1_loss(made, real)
        loss = error + functional.l1_loss(high_pass(made), high_pass(real)) + codes
        loss = loss + 0.01 * self.recipe.texture * texture_loss(made, real)
        against = self.chosen.adversarial and share >= self.recipe.adversarial_from
        if against:
            loss = loss - self.recipe.adversarial * self.critic(made).mean()
        self._step(0, loss)
        figures = {"l1": error.item(), "critic": 0.0}
        if against:
            wrong = functional.relu(1 - self.critic(real)) + functional.relu(
                1 + self.critic(made.detach())
            )
            self._step(1, wrong.mean())
            figures["critic"] = wrong.mean().item()
        return figures

    def _step(self, which: int, loss: Tensor) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizers[which].step()

    def state(self, step: int) -> dict[str, Any]:
        """Everything a resumed run needs."""
        return {
            "step": step,
            "network": self.network.state_dict(),
            "critic": self.critic.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def restore(self, state: dict[str, Any] | None) -> int:
        """Go on from a checkpoint; returns the step to start at."""
        if state is None:
            return 0
        self.network.load_state_dict(state["network"])
        self.critic.load_state_dict(state["critic"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        return int(state["step"])
