"""What a generator is: a seed in, pictures out, always the same for the same seed."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from forensics.faces.portrait import Portrait
from forensics.plugins import Plugin
from forensics.schema import Floats, Frame, Image, Map


class _Maker(Plugin):
    """What every maker of fakes says of itself in their provenance."""

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights that make the fakes, "" where there are none."""
        digests = [file.sha256 for file in self.card.weights]
        if len(digests) <= 1:
            return "".join(digests)
        return hashlib.sha256("".join(digests).encode()).hexdigest()


class Generator(_Maker, ABC):
    """Makes pictures from nothing. Its own choices (truncation, strength) are its `Options`."""

    family: ClassVar[str]
    """What a manifest calls its pictures: gan, diffusion, swap, reenact or splice."""

    @abstractmethod
    def sample(self, count: int, seed: int) -> list[Image]:
        """Return `count` pictures, (H, W, 3) uint8 RGB; picture i depends on seed and i alone."""


class Mixer(ABC):
    """A generator whose pictures can take some of their styles from others."""

    @abstractmethod
    def mix(self, rows: int, columns: int, seed: int) -> list[list[Image]]:
        """Return a table of pictures of one size: sources in its first row and column.

        The first row has `columns` sources and the first column `rows`; in the corner stands the
        mean picture, and in each cell a picture with coarse styles of its row's source and fine
        ones of its column's.
        """


class Interpolator(ABC):
    """A generator whose pictures lie in a continuous space."""

    @abstractmethod
    def walk(self, keys: int, frames: int, seed: int) -> Iterator[Image]:
        """Yield a closed walk through `keys` pictures, `frames` pictures from one to the next."""


@dataclass(frozen=True, eq=False)
class Projection:
    """How near a generator came to given pictures after some steps.

    Attributes:
        step: steps done, of `total`.
        total: all steps.
        distances: (N,) perceptual distance of each picture to its nearest found.
        pictures: the nearest found; empty before the last step.
    """

    step: int
    total: int
    distances: Floats
    pictures: tuple[Image, ...] = ()


class Projector(ABC):
    """A generator that can look for its nearest picture to a given one."""

    @abstractmethod
    def project(self, images: Sequence[Image], steps: int, seed: int) -> Iterator[Projection]:
        """Search the generator's own space for pictures like `images`, all of its resolution.

        Raises:
            ValueError: pictures of another size.
            WeightsUnavailable: the generator's weights, or those of the perceptual distance.
        """


class Importer(ABC):
    """A generator that can take over weights in a foreign format."""

    @abstractmethod
    def convert(self, source: Path, out: Path) -> None:
        """Read foreign weights and write them as safetensors for this generator.

        Raises:
            WeightsCorrupt: the file is damaged, of another architecture, or holds code.
            OutputFailed: `out` cannot be written.
        """


class Told(ABC):
    """A generator that draws what a text says; its `Options` have a `text`."""

    @abstractmethod
    def obeyed(self, count: int, seed: int) -> dict[str, tuple[int, int, int, int]]:
        """Count, over `count` pictures of any texts, what is true of what was said.

        Returns:
            By attribute: statements true and made of generated pictures, and true and made of
            pictures drawn from the same texts, which is as good as the reader can see.
        """


class Manipulator(_Maker, ABC):
    """Changes given pictures."""

    family: ClassVar[str]
    """What a manifest calls its pictures: gan, diffusion, swap, reenact or splice."""

    @abstractmethod
    def apply(self, images: Sequence[Image], seed: int) -> tuple[list[Image], list[Map]]:
        """Return the changed pictures, each of its input's size, and masks of what was changed.

        A mask is (H, W) float32: 1 where every pixel comes from the generator, 0 where none does.
        Where nothing could be changed (no face, say), the picture is its input and its mask zero.
        """


class Swapper(_Maker, ABC):
    """Puts one person's face in the place of others."""

    family: ClassVar[str] = "swap"
    """What a manifest calls its pictures."""
    needs_sources: ClassVar[bool] = True
    """Whether pictures of the face to put in are needed; a trained pair has learned it."""

    @abstractmethod
    def swap(
        self, target: Frame, sources: Sequence[Portrait], *, faces: Floats
    ) -> tuple[Frame, Map]:
        """Return the frame with the sources' face in the place of `faces`, and a mask.

        Args:
            target: the frame to change; it is left as it is.
            sources: pictures of one person.
            faces: (K, 68, 2) landmarks of the faces to replace, in px of `target`.

        Returns:
            A frame of the same size, index and time; the mask, (H, W) float32, is 1 where every
            pixel comes from the swapper and 0 where none does.

        Raises:
            NoFace: no sources where they are needed.
            WeightsUnavailable, WeightsCorrupt: a network's file.
        """
