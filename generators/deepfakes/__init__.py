"""The first deepfakes: an encoder shared by two people, whose faces two decoders paint.

After the program published by the Reddit user "deepfakes" in 2017 (faceswap's "original" model).
Trained with `forensics train deepfakes --source ... --target ...`; a swap then needs no picture of
the source, for its decoder has learned that face.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from forensics.errors import InvalidOption, WeightsCorrupt
from forensics.face_pairs import SwapData
from forensics.faces import blending, chips, masks
from forensics.faces.portrait import Portrait
from forensics.generator import Swapper
from forensics.schema import Floats, Frame, Image, Map, Step
from forensics.user_networks import open_network, takes
from forensics.weights import file_named, file_sha256, verified_path

TEMPLATE = chips.zoomed(1.05, down=-0.18)
"""Where the five points lie in a chip: it shows what the mask takes, from above the brows to the
chin, and little else, so that no pixel is spent on hair."""
SIDES = (64, 128)
"""Px of the chips that there are networks for."""
BORDER = 0.1
"""How much more than a chip training pictures show on each side, in sides."""


@dataclass(frozen=True)
class DeepfakesRecipe:
    """As small as one core trains in an hour; the program of 2017 had eight times the channels.

    `side`: px of the chips, 64 or 128. `width`: channels of the first stage. `code`: numbers that
    the bottleneck leaves of a face. `batch`: chips of each person a step. `rate` falls to a tenth
    along half a cosine. `bend`: how far the grid's points wander, in sides. `every`: steps between
    two reports. `bfloat16`: multiply in half precision, where the processor has it faster.
    """

    side: int = 64
    width: int = 16
    code: int = 32
    steps: int = 10_000
    batch: int = 8
    rate: float = 1e-3
    bend: float = 0.05
    every: int = 100
    bfloat16: bool = False

    def __post_init__(self) -> None:
        if self.side not in SIDES:
            raise InvalidOption(f"side must be one of {SIDES}, got {self.side}")
        if min(self.width, self.code, self.steps, self.batch, self.every) < 1:
            raise InvalidOption("width, code, steps, batch and every must be 1 or more")


@dataclass(frozen=True)
class DeepfakesOptions:
    """`weights`: the file `pair.onnx` that training wrote; without it, the pair that ships.

    `feather`: see `landmark_swap`.
    """

    weights: str = ""
    feather: float = 0.12

    def __post_init__(self) -> None:
        if not 0 <= self.feather <= 1:
            raise ValueError(f"feather must lie between 0 and 1, got {self.feather}")


class Deepfakes(Swapper):
    """Repaints the target's face as the source's, expression kept."""

    Options = DeepfakesOptions
    Recipe = DeepfakesRecipe
    needs_sources = False

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the trained pair."""
        self._network()
        return file_sha256(Path(self._file))

    def swap(
        self, target: Frame, sources: Sequence[Portrait], *, faces: Floats
    ) -> tuple[Frame, Map]:
        """As `Swapper.swap`; `sources` are not looked at."""
        image, mask = target.image.copy(), np.zeros(target.image.shape[:2], np.float32)
        network = self._network()
        side = int(network.get_inputs()[0].shape[1])
        for landmarks in faces:
            matrix = chips.chip_matrix(landmarks, side, template=TEMPLATE)
            made = network.run(None, {"chips": chips.cut(image, matrix, side)[None]})[0][0]
            self._lay(image, mask, made, matrix, landmarks)
        return Frame(image, target.index, target.time), mask

    def train(self, data: SwapData, recipe: DeepfakesRecipe, seed: int) -> Iterator[Step]:
        """Train a pair, resumably; writes `pair.onnx` and `pair.safetensors` into `data.folder`."""
        # torch is needed for training alone.
        from generators.deepfakes.training import train_pair

        return train_pair(data, recipe, seed)

    def _lay(self, image: Image, mask: Map, made: Image, matrix: Any, landmarks: Floats) -> None:
        bent = chips.laid_back(made, matrix, image.shape)
        corner = np.asarray([bent.region[1].start, bent.region[0].start], np.float32)
        hull = masks.hull_mask(masks.with_forehead(landmarks, 0.1) - corner, bent.image.shape)
        inside = np.minimum(hull, chips.coverage(made, matrix, image.shape))
        share = masks.softened(inside, self.options.feather * masks.face_width(landmarks))
        blending.lay_into(image, mask, bent, share, poisson=True)

    @cached_property
    def _file(self) -> str:
        """The pair that was named, else the one that ships, else none."""
        if self.options.weights or not self.card.weights:
            return str(self.options.weights)
        return str(verified_path(self.card, file_named(self.card, ".onnx")))

    def _network(self) -> Any:
        what = "a trained pair of the deepfakes autoencoder (forensics train deepfakes)"
        network = open_network(self._file, option="--weights", what=what)
        if not takes(network, {"chips": (None, None, None, 3)}):
            raise WeightsCorrupt(f"{Path(self._file).name} is not {what}; give its pair.onnx")
        return network
