"""Fills holes in a photograph, as restored ruins and healed scratches are filled.

Liu et al. 2018, Image Inpainting for Irregular Holes Using Partial Convolutions: a U-Net whose
convolutions count known pixels only. Pixels outside the holes stay what they were, to the bit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.detector import Trainable
from forensics.errors import InvalidOption
from forensics.generator import Manipulator
from forensics.media import load_image
from forensics.schema import Floats, Image, Map, Step
from forensics.traces.holes import random_holes
from forensics.training import PictureData
from forensics.weights import load_tensors
from generators._recipe import PatchRecipe

if TYPE_CHECKING:
    from generators._partial import PartialUNet

SURROUNDINGS = 96
"""How far around a hole the network looks, in px."""
FULL = 127
REACH = 8
"""How deep holes were in training, in px: beyond, the network sees too little of what surrounds."""
FADING = 4
"""Over how many px fine pixels fade into those from half the size, before `REACH`."""


@dataclass(frozen=True)
class InpaintingOptions:
    """`mask`: a picture of the same size, white where to fill; without it holes are random."""

    mask: str = ""
    random_holes: bool = True
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not self.mask and not self.random_holes:
            raise ValueError("inpainting needs --mask FILE or --random-holes")


@dataclass(frozen=True)
class InpaintingRecipe(PatchRecipe):
    """As every patch recipe, over more steps: one network, not sixteen."""

    steps: int = 4000


class Inpainting(Manipulator, Trainable):
    """Fills the holes that a mask names, or holes drawn at random."""

    Options = InpaintingOptions
    Recipe = InpaintingRecipe
    family = "splice"

    def apply(self, images: Sequence[Image], seed: int) -> tuple[list[Image], list[Map]]:
        """Return filled pictures, and masks: 1 in holes; picture i depends on `seed` and i alone.

        Raises:
            InvalidOption: the mask has another size than the picture.
        """
        holes = [self.holes(image, seed, index) for index, image in enumerate(images)]
        made = [self.filled(image, hole) for image, hole in zip(images, holes, strict=True)]
        return made, [hole.astype(np.float32) for hole in holes]

    def holes(self, image: Image, seed: int, index: int) -> NDArray[np.bool_]:
        """Where picture `index` is filled, (H, W) bool."""
        height, width = image.shape[:2]
        if not self.options.mask:
            return random_holes(height, width, np.random.default_rng([seed, index]))
        drawn = load_image(Path(self.options.mask))
        if drawn.shape[:2] != (height, width):
            raise InvalidOption(
                f"the mask is {drawn.shape[1]} x {drawn.shape[0]} px, not {width} x {height} as the"
                " picture"
            )
        return np.asarray(drawn.max(axis=2) > FULL)

    def filled(self, image: Image, holes: NDArray[np.bool_]) -> Image:
        """Fill holes, each from its own surroundings.

        Args:
            image: (H, W, 3) uint8 RGB.
            holes: (H, W) bool.
        """
        made = image.copy()
        wide = cv2.dilate(holes.astype(np.uint8), np.ones((SURROUNDINGS, SURROUNDINGS), np.uint8))
        count, _, boxes, _ = cv2.connectedComponentsWithStats(wide)
        for box in boxes[1:count, :4].tolist():
            area = _widened(box, holes)
            patch = self._painted(image[area], holes[area])
            made[area] = np.where(holes[area][..., None], patch, made[area])
        return made

    def _painted(self, image: Image, holes: NDArray[np.bool_]) -> Image:
        """Fill holes; what lies deeper in them than the network sees comes from half the size."""
        depths = _depths(holes)
        deep = depths > REACH
        if not deep.any() or holes.all():
            return self._through_network(image, holes)
        coarse = self._painted(*_halved(image, holes))
        size = (holes.shape[1], holes.shape[0])
        large = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
        known = np.where(deep[..., None], large, image).astype(np.uint8)
        fine = self._through_network(known, holes & ~deep)
        # Beside pixels as smooth as the coarse ones are, the network leaves a dark line.
        share = np.clip((REACH - depths) / FADING, 0, 1)[..., None]
        return np.asarray(np.rint(share * fine + (1 - share) * large), np.uint8)

    def _through_network(self, image: Image, holes: NDArray[np.bool_]) -> Image:
        import torch

        from generators._partial import CELL

        height, width = holes.shape
        lacking = ((0, -height % CELL), (0, -width % CELL))
        pixels = torch.from_numpy(np.pad(image, (*lacking, (0, 0)))).permute(2, 0, 1)[None]
        known = torch.from_numpy(np.pad(~holes, lacking)).float()[None, None]
        with torch.inference_mode():
            device = self.options.device
            made = self._network(pixels.float().div(255).to(device), known.to(device))
        picture = made[0].permute(1, 2, 0)[:height, :width].cpu().numpy()
        return np.asarray(np.clip(np.rint(255 * picture), 0, 255), np.uint8)

    @cached_property
    def _network(self) -> "PartialUNet":
        import torch

        from generators._partial import PartialUNet

        network = PartialUNet()
        tensors = load_tensors(self.card)
        network.load_state_dict({key: torch.from_numpy(value) for key, value in tensors.items()})
        return network.float().eval().requires_grad_(False).to(self.options.device)

    def train(self, data: PictureData, recipe: InpaintingRecipe, seed: int) -> Iterator[Step]:
        """Train from unlabelled pictures; a stopped run goes on where it was."""
        from generators._partial import Filling
        from generators._patches import train_network

        out = data.folder / f"{self.card.name}.safetensors"
        for step, figures in train_network(Filling(seed), data, recipe, [seed], out):
            yield Step(step, recipe.steps, figures)


def _depths(holes: NDArray[np.bool_]) -> Floats:
    """How far each lost pixel lies from the nearest known one, (H, W) float32 px; known ones: 0."""
    return np.asarray(cv2.distanceTransform(holes.astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def _widened(box: Sequence[int], holes: NDArray[np.bool_]) -> tuple[slice, slice]:
    """A box (left, top, width, height) and as much around it as its deepest hole is deep."""
    left, top, width, height = box
    more = round(float(_depths(holes[top : top + height, left : left + width]).max()))
    rows = slice(max(0, top - more), top + height + more)
    return rows, slice(max(0, left - more), left + width + more)


def _halved(image: Image, holes: NDArray[np.bool_]) -> tuple[Image, NDArray[np.bool_]]:
    """Picture and holes at half the size; known pixels alone count, and one in a cell is enough."""
    size = (-(-holes.shape[1] // 2), -(-holes.shape[0] // 2))
    known = (~holes).astype(np.float32)
    share = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(image * known[..., None], size, interpolation=cv2.INTER_AREA)
    mean = total / np.maximum(share, 1e-6)[..., None]
    return np.clip(np.rint(mean), 0, 255).astype(np.uint8), share <= 0
