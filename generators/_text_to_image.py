"""The U-Net that is told a scene, and how it learns: on scenes drawn afresh at every step."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from generators._diffusion import DiffusionRecipe
from generators._diffusion_training import STEPS, DenoisingTask
from generators._picture_training import as_tensor
from generators._sampling import codes
from generators._scenes import NUMBERS, SLOTS, any_scene, drawn
from generators._unet import UNet, denoised

WORD = 16
"""Numbers that stand for a word."""
SILENT = 0.1
"""Share of training scenes of which nothing is said, and of sizes and colours left out."""
GUIDANCE = 2.0
"""Of a snapshot's pictures."""


class TextUNet(nn.Module):
    """Words of each slot have vectors of their own; together they tell the U-Net's blocks."""

    def __init__(self, recipe: DiffusionRecipe) -> None:
        super().__init__()
        self.words = nn.ModuleList(nn.Embedding(1 + len(slot), WORD) for slot in SLOTS)
        known = recipe.known
        self.said = nn.Sequential(
            nn.Linear(WORD * len(SLOTS), known), nn.SiLU(), nn.Linear(known, known)
        )
        self.unet = UNet(recipe.widths, known)

    def forward(self, pictures: Tensor, time: Tensor, slots: Tensor) -> Tensor:
        """Map (N, 3, R, R), times (N,) and slots (N, 7) int64 to velocities (N, 3, R, R)."""
        vectors = [words(slots[:, i]) for i, words in enumerate(self.words)]
        velocity: Tensor = self.unet(pictures, time, self.said(torch.cat(vectors, dim=1)))
        return velocity


def guided(
    network: nn.Module, slots: Tensor, guidance: float
) -> Callable[[Tensor, Tensor], Tensor]:
    """Classifier-free guidance (Ho and Salimans 2022): away from what the network does untold.

    `guidance` 0 ignores the text, 1 follows it, more overdoes it.
    """
    both = torch.cat([slots, torch.zeros_like(slots)])

    def velocity(mixture: Tensor, time: Tensor) -> Tensor:
        told, untold = network(mixture.repeat(2, 1, 1, 1), time.repeat(2), both).chunk(2)
        found: Tensor = untold + guidance * (told - untold)
        return found

    return velocity


class TellingTask(DenoisingTask):
    """Draws its own scenes; the pictures it is handed are left alone."""

    def learn(self, real: Tensor, seen: int, rng: torch.Generator) -> dict[str, float]:
        """One step on as many scenes as `real` has pictures."""
        drawing = np.random.default_rng(int(torch.randint(2**62, (1,), generator=rng)))
        scenes = [any_scene(drawing.random(NUMBERS).tolist()) for _ in range(len(real))]
        pictures = np.stack([drawn(slots, drawing, real.shape[-1]) for slots in scenes])
        told = torch.tensor(scenes)
        silent = torch.rand(len(real), generator=rng) < SILENT
        unsaid = torch.rand(told.shape, generator=rng) < SILENT
        unsaid[:, [2, 3, 6]] = False
        told[silent[:, None] | unsaid] = 0
        return self._step(as_tensor(pictures).to(real.device), seen, rng, told.to(real.device))

    @torch.no_grad()
    def drawn(self, count: int, seed: int) -> Tensor:
        """Pictures of any scenes by the running mean."""
        side, device = self.recipe.resolution, self.recipe.device
        noise = torch.from_numpy(codes(seed, range(count), 3 * side**2)).to(device)
        rng = np.random.default_rng(seed)
        scenes = torch.tensor([any_scene(rng.random(NUMBERS).tolist()) for _ in range(count)])
        velocity = guided(self.average, scenes.to(device), GUIDANCE)
        *_, pictures = denoised(velocity, noise.reshape(-1, 3, side, side), STEPS)
        return pictures
