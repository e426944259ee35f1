"""A photograph through one of sixteen small autoencoders: same content, another decoder's traces.

One decoder teaches a detector one decoder; many that differ in how they sample up teach it what
they have in common (Corvi et al. 2023; Rajan et al. 2025).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from forensics.detector import Trainable
from forensics.generator import Manipulator
from forensics.schema import Image, Map, Step
from forensics.traces.texture import with_texture_of
from forensics.training import PictureData
from forensics.weights import load_tensors
from generators._recipe import PatchRecipe

if TYPE_CHECKING:
    from generators.decoders.networks import PatchAutoencoder

TRAINING = tuple(range(12))
HELD_OUT = (12, 13, 14, 15)


@dataclass(frozen=True)
class DecodersOptions:
    """`decoder`: 0 to 15, or -1 to draw one a picture; `held_out` draws from those for tests."""

    decoder: int = -1
    held_out: bool = False
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not -1 <= self.decoder <= HELD_OUT[-1]:
            raise ValueError(f"decoder must be -1 to {HELD_OUT[-1]}, got {self.decoder}")


class Decoders(Manipulator, Trainable):
    """Encodes and decodes whole pictures; their high-frequency energy stays what it was."""

    Options = DecodersOptions
    Recipe = PatchRecipe
    family = "gan"

    def apply(self, images: Sequence[Image], seed: int) -> tuple[list[Image], list[Map]]:
        """Return reconstructions, and masks of ones; picture i depends on `seed` and i alone."""
        made = [
            self.reconstruct(image, self.chosen(seed, index)) for index, image in enumerate(images)
        ]
        return made, [np.ones(image.shape[:2], np.float32) for image in images]

    def chosen(self, seed: int, index: int) -> int:
        """Which decoder picture `index` goes through."""
        if self.options.decoder >= 0:
            return int(self.options.decoder)
        among = HELD_OUT if self.options.held_out else TRAINING
        return int(np.random.default_rng([seed, index]).choice(among))

    def reconstruct(self, image: Image, decoder: int) -> Image:
        """Send one picture, (H, W, 3) uint8 RGB of any size, through one decoder."""
        import torch

        from generators._blocks import CELL, in_tiles

        height, width = image.shape[:2]
        padding = ((0, -height % CELL), (0, -width % CELL), (0, 0))
        padded = torch.from_numpy(np.pad(image, padding, mode="symmetric"))
        pixels = padded.to(self.options.device).permute(2, 0, 1)[None].float().div_(255)
        network = self._networks(decoder)
        with torch.inference_mode():
            made = in_tiles(lambda tile: network(tile)[0], pixels, cell_in=CELL, cell_out=CELL)
        decoded = made[0].permute(1, 2, 0)[:height, :width].cpu().numpy()
        return with_texture_of(image, 255 * decoded)

    @cache  # noqa: B019 - a plugin lives as long as the process
    def _networks(self, decoder: int) -> "PatchAutoencoder":
        import torch

        from generators.decoders.networks import PatchAutoencoder, architecture

        prefix = f"{decoder:02d}."
        tensors = {
            name.removeprefix(prefix): torch.from_numpy(array)
            for name, array in load_tensors(self.card).items()
            if name.startswith(prefix)
        }
        network = PatchAutoencoder(architecture(decoder))
        network.load_state_dict(tensors)
        return network.float().eval().requires_grad_(False).to(self.options.device)

    def train(self, data: PictureData, recipe: PatchRecipe, seed: int) -> Iterator[Step]:
        """Train all sixteen from unlabelled pictures; a stopped run goes on where it was."""
        from generators.decoders.training import train_all

        yield from train_all(data, recipe, seed, self.card.name)
