"""A photograph through the tiny FLUX.2 autoencoder: same content, traces of a latent decoder.

Tiny AutoEncoder for FLUX.2 (TAEF2), Ollin Boer Bohan, https://github.com/madebyollin/taesd (MIT).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from forensics.generator import Manipulator
from forensics.schema import Image, Map
from forensics.weights import load_tensors

if TYPE_CHECKING:
    from generators._blocks import TinyAutoencoder


@dataclass(frozen=True)
class ReconstructionOptions:
    """`strength` in (0, 1]: share of the reconstruction in the result. `device`: torch's name."""

    strength: float = 1.0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not 0 < self.strength <= 1:
            raise ValueError(f"strength must lie in (0, 1], got {self.strength}")


class Reconstruction(Manipulator):
    """Encodes and decodes whole pictures; nothing is drawn at random, so no seed changes it."""

    Options = ReconstructionOptions
    family = "diffusion"

    def apply(self, images: Sequence[Image], seed: int) -> tuple[list[Image], list[Map]]:
        """Return reconstructions, blended by `strength`, and masks filled with `strength`.

        Pictures go through one by one, so that none depends on its neighbours.
        """
        strength = self.options.strength
        made = [_blend(image, self.reconstruct([image])[0], strength) for image in images]
        return made, [np.full(image.shape[:2], strength, dtype=np.float32) for image in images]

    def reconstruct(self, images: Sequence[Image]) -> list[Image]:
        """Reconstruct pictures at full strength, those of equal size in one batch.

        Args:
            images: N pictures, each (H, W, 3) uint8 RGB, of any size from 1 px up.
        """
        made: dict[int, Image] = {}
        for shape in dict.fromkeys(image.shape for image in images):
            chosen = [index for index, image in enumerate(images) if image.shape == shape]
            batch = self._decode_encoded(np.stack([images[index] for index in chosen]))
            made.update(zip(chosen, batch, strict=True))
        return [made[index] for index in range(len(images))]

    @cached_property
    def _network(self) -> "TinyAutoencoder":
        from generators._blocks import load_autoencoder

        return load_autoencoder(load_tensors(self.card), self.options.device)

    def _decode_encoded(self, batch: Image) -> Image:
        """Map (N, H, W, 3) uint8 to the same shape."""
        import torch

        from generators._blocks import CELL

        if batch.shape[3:] != (3,) or batch.dtype != np.uint8:
            raise ValueError(
                f"pictures must be (H, W, 3) uint8, got {batch.shape[1:]} {batch.dtype}"
            )
        height, width = batch.shape[1:3]
        padding = ((0, 0), (0, -height % CELL), (0, -width % CELL), (0, 0))
        # "symmetric" and not "reflect": a picture one pixel wide has nothing to reflect.
        padded = torch.from_numpy(np.pad(batch, padding, mode="symmetric"))
        with torch.inference_mode():
            pixels = padded.to(self.options.device).permute(0, 3, 1, 2).float().div_(255)
            made = self._network(pixels).mul_(255).round_().to(torch.uint8)
        pictures: Image = made.permute(0, 2, 3, 1)[:, :height, :width].contiguous().cpu().numpy()
        return pictures


def convert(encoder: Path | str, decoder: Path | str, out: Path | str) -> None:
    """Write the author's two state dictionaries (`taef2_*.pth`) as one safetensors file.

    Precision stays as it is (float16); names get the prefix `encoder.` or `decoder.`.
    """
    import torch
    from safetensors.torch import save_file

    parts = {"encoder": Path(encoder), "decoder": Path(decoder)}
    tensors = {
        f"{part}.{name}": tensor.contiguous()
        for part, path in parts.items()
        for name, tensor in torch.load(path, map_location="cpu", weights_only=True).items()
    }
    save_file(tensors, out)


def _blend(image: Image, made: Image, strength: float) -> Image:
    if strength == 1:
        return made
    mixed = image + strength * (made.astype(np.float32) - image)
    return np.rint(mixed).astype(np.uint8)
