"""What a generator is: a seed in, pictures out, always the same for the same seed."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from forensics.plugins import Plugin
from forensics.schema import Image, Map


class Generator(Plugin, ABC):
    """Makes pictures from nothing. Its own choices (truncation, strength) are its `Options`."""

    family: ClassVar[str]
    """What a manifest calls its pictures: gan, diffusion, swap, reenact or splice."""

    @abstractmethod
    def sample(self, count: int, seed: int) -> list[Image]:
        """Return `count` pictures, (H, W, 3) uint8 RGB; picture i depends on seed and i alone."""


class Manipulator(Plugin, ABC):
    """Changes given pictures."""

    family: ClassVar[str]
    """What a manifest calls its pictures: gan, diffusion, swap, reenact or splice."""

    @abstractmethod
    def apply(self, images: Sequence[Image], seed: int) -> tuple[list[Image], list[Map]]:
        """Return the changed pictures, each of its input's size, and masks of what was changed.

        A mask is (H, W) float32: 1 where every pixel comes from the generator, 0 where none does.
        """
