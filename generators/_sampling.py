"""How generators of pictures from nothing give their pictures: weights, codes, batches.

Reading it needs no torch.
"""

import dataclasses
import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from forensics.detector import Trainable
from forensics.errors import WeightsCorrupt, WeightsUnavailable
from forensics.generator import Generator
from forensics.schema import Floats, Image
from forensics.weights import file_named, file_sha256, verified_path

if TYPE_CHECKING:
    from torch import Tensor, nn

CHUNK = 8
"""Pictures of a batch. A picture's place in its batch is part of its seed's meaning: sums of a
batch of another size may round differently."""
RECIPE = "recipe"
"""The entry of a weights file's header that names the recipe, and so the networks' shape."""


@dataclass(frozen=True)
class SamplingOptions:
    """`weights`: a safetensors file of your own training; without it, what ships is used."""

    weights: str = ""
    device: str = "cpu"


class PictureGenerator(Generator, Trainable):
    """Makes pictures from Gaussian codes with a network that its weights' header describes."""

    Options = SamplingOptions
    Recipe: ClassVar[type[Any]]
    family = "gan"

    @abstractmethod
    def build(self, recipe: Any) -> "nn.Module":
        """Build the network that makes pictures, for the weights of this recipe."""

    @abstractmethod
    def pictures(self, network: "nn.Module", codes: "Tensor") -> "Tensor":
        """Map codes (N, size) to pictures (N, 3, R, R) in [-1, 1]."""

    @abstractmethod
    def code_size(self, recipe: Any) -> int:
        """How many numbers a picture's code has."""

    def sample(self, count: int, seed: int) -> list[Image]:
        """Return `count` pictures, (R, R, 3) uint8 RGB; picture i depends on `seed` and i alone."""
        return [image for batch in self._batches(count, seed) for image in batch][:count]

    def _batches(self, count: int, seed: int) -> Iterator[list[Image]]:
        size = self.code_size(self.recipe)
        for start in range(0, count, CHUNK):
            yield self.from_codes(codes(seed, range(start, start + CHUNK), size))

    def from_codes(self, rows: Floats) -> list[Image]:
        """Make pictures of given codes, (N, size) float32."""
        import torch

        from generators._picture_training import as_images

        # Weights loaded in inference mode could never have gradients pass through them.
        network = self.network
        with torch.inference_mode():
            given = torch.from_numpy(rows).to(self.options.device)
            return as_images(self.pictures(network, given))

    @cached_property
    def network(self) -> "nn.Module":
        """The network with its weights, ready to make pictures.

        Raises:
            WeightsUnavailable: there are none.
            WeightsCorrupt: the file is not what its card or its header says.
        """
        import torch

        network = self.build(self.recipe)
        tensors = {key: torch.from_numpy(value) for key, value in self._stored[1].items()}
        try:
            network.load_state_dict(tensors)
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise WeightsCorrupt(f"{self._path.name} holds another network: {reason}") from error
        return network.float().eval().requires_grad_(False).to(self.options.device)

    @cached_property
    def recipe(self) -> Any:
        """The recipe that the weights were trained under."""
        return recipe_from(self._stored[0], self.Recipe, self._path)

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights in use, the user's own included."""
        return file_sha256(self._path)

    @property
    def _path(self) -> Path:
        if not self.options.weights:
            return verified_path(self.card, file_named(self.card, ".safetensors"))
        path = Path(self.options.weights)
        if not path.is_file():
            raise WeightsUnavailable(f"no weights file {path}")
        return path

    @cached_property
    def _stored(self) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
        return read_weights(self._path)


def codes(seed: int, indices: range, size: int) -> Floats:
    """Draw from N(0, 1), (N, size) float32; row i depends on the seed and `indices[i]` alone."""
    drawn = [np.random.default_rng([seed, i]).standard_normal(size, np.float32) for i in indices]
    return np.stack(drawn)


def read_weights(path: Path) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """Read the header and the arrays of a safetensors file.

    Raises:
        WeightsCorrupt: it is none.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            header = dict(file.metadata() or {})
            return header, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsCorrupt(f"{path.name} is no safetensors file: {error}") from error


def recipe_from(header: Mapping[str, str], recipe: type[Any], path: Path) -> Any:
    """Read a recipe back from a weights file's header.

    Raises:
        WeightsCorrupt: there is none, or it is another generator's.
    """
    try:
        fields = json.loads(header[RECIPE])
        return recipe(**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsCorrupt(f"{path.name} does not say how its network is built") from error


def header_of(recipe: Any) -> dict[str, str]:
    """What `recipe_from` reads: a recipe as the header of a weights file."""
    return {RECIPE: json.dumps(dataclasses.asdict(recipe))}
