"""Pictures for storyboards from a short text: diffusion that is told what to draw.

Ho et al. 2020; told after Ho and Salimans 2022, Classifier-Free Diffusion Guidance. The text comes
from a closed vocabulary, the pictures it learned from were drawn in code, and a reader that knows
nothing of the network counts how often a picture shows what was said.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from forensics.generator import Told
from forensics.schema import Step
from forensics.training import PictureData
from generators._diffusion import DenoisingGenerator, DiffusionOptions, DiffusionRecipe
from generators._scenes import NUMBERS, Slots, any_scene, drawn, scene_of

if TYPE_CHECKING:
    from torch import Tensor, nn

MOST = 20.0
EXAMPLES = 4000
"""Scenes that stand where other generators have pictures to learn from."""


@dataclass(frozen=True)
class TextToImageOptions(DiffusionOptions):
    """`text`: what to draw, "" for anything; `guidance`: how much the text counts, 1 plainly."""

    steps: int = 20
    text: str = ""
    guidance: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.guidance <= MOST:
            raise ValueError(f"guidance must be 0 to {MOST:g}, got {self.guidance}")
        if self.text:
            scene_of(self.text)


@dataclass(frozen=True)
class TextToImageRecipe(DiffusionRecipe):
    """As `DiffusionRecipe`; scenes are drawn afresh, so that no picture comes twice."""

    deep: int = 80
    mirror: bool = False


class TextToImage(DenoisingGenerator, Told):
    """Draws scenes of one or two shapes by text and seed."""

    Options = TextToImageOptions
    Recipe = TextToImageRecipe

    def build(self, recipe: DiffusionRecipe) -> "nn.Module":
        """The U-Net, and vectors of words."""
        from generators._text_to_image import TextUNet

        return TextUNet(recipe)

    def code_size(self, recipe: DiffusionRecipe) -> int:
        """Noise, and what chooses a scene where no text is given."""
        return super().code_size(recipe) + NUMBERS

    def pictures(self, network: "nn.Module", codes: "Tensor") -> "Tensor":
        """Map codes to pictures (N, 3, R, R) of the text, or of scenes that the codes name."""
        import torch

        from generators._text_to_image import guided
        from generators._unet import denoised

        scenes = torch.tensor([self._scene(row) for row in codes[:, -NUMBERS:].tolist()])
        velocity = guided(network, scenes.to(codes.device), self.options.guidance)
        *_, made = denoised(velocity, self.noise(codes[:, :-NUMBERS]), self.options.steps)
        return made

    def _scene(self, numbers: list[float]) -> Slots:
        if self.options.text:
            return scene_of(self.options.text)
        return any_scene([0.5 * math.erfc(-x / math.sqrt(2)) for x in numbers])

    def obeyed(self, count: int, seed: int) -> dict[str, tuple[int, int, int, int]]:
        """Count statements that are true of generated pictures, and of drawn ones."""
        from generators._sampling import CHUNK, codes
        from generators._scene_reading import ATTRIBUTES, obeyed

        tally = np.zeros((len(ATTRIBUTES), 4), int)
        size, rng = self.code_size(self.recipe), np.random.default_rng(seed)
        for start in range(0, count, CHUNK):
            rows = codes(seed, range(start, min(start + CHUNK, count)), size)
            for row, picture in zip(rows, self.from_codes(rows), strict=True):
                scene = self._scene(row[-NUMBERS:].tolist())
                made, ceiling = obeyed(scene, picture), obeyed(scene, drawn(scene, rng))
                tally += [[*made[name], *ceiling[name]] for name in ATTRIBUTES]
        return {
            name: (int(a), int(b), int(c), int(d))
            for name, (a, b, c, d) in zip(ATTRIBUTES, tally, strict=True)
        }

    def own_pictures(self, folder: Path) -> PictureData:
        """Scenes instead of pictures from outside; each step draws its own."""

        def read(name: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
            rng = np.random.default_rng(int(name))
            return drawn(any_scene(rng.random(NUMBERS).tolist()), rng)

        return PictureData(tuple(str(i) for i in range(EXAMPLES)), read, folder)

    def train(self, data: PictureData, recipe: DiffusionRecipe, seed: int) -> Iterator[Step]:
        """Train on scenes drawn at every step; a stopped run goes on where it was."""
        from generators._picture_training import trained
        from generators._text_to_image import TellingTask

        task = TellingTask(recipe, seed, lambda: self.build(recipe))
        yield from trained(task, data, recipe, seed, self.card.name)
