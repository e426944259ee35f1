"""Trains the small autoencoders one after the other, half of them against a patch discriminator."""

from collections.abc import Iterator

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from forensics.schema import Step
from forensics.training import PictureData
from generators._patches import PatchTask, train_network
from generators._recipe import PatchRecipe
from generators.decoders.networks import COUNT, PatchAutoencoder, architecture


class Decoding(PatchTask):
    """Encode a patch and decode it again."""

    def __init__(self, index: int, seed: int) -> None:
        """Build architecture `index` with weights drawn from `seed`."""
        torch.manual_seed(int(np.random.default_rng([seed, index]).integers(2**31)))
        chosen = architecture(index)
        self.network, self.adversarial = PatchAutoencoder(chosen), chosen.adversarial

    def made(self, real: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return reconstructions of (N, 3, S, S) in [0, 1], and the code book's loss."""
        decoded, codes = self.network(real)
        return decoded, codes


def train_all(data: PictureData, recipe: PatchRecipe, seed: int, name: str) -> Iterator[Step]:
    """Train what is not trained yet, then join all weights in one file; resumable."""
    total = COUNT * recipe.steps
    for index in range(COUNT):
        done = data.folder / f"decoder-{index:02d}.safetensors"
        if done.exists():
            continue
        run = train_network(Decoding(index, seed), data, recipe, [seed, index], done)
        for step, figures in run:
            yield Step(index * recipe.steps + step, total, {"decoder": float(index), **figures})
    joined = {
        f"{index:02d}.{key}": tensor
        for index in range(COUNT)
        for key, tensor in load_file(data.folder / f"decoder-{index:02d}.safetensors").items()
    }
    save_file(joined, data.folder / f"{name}.safetensors")
