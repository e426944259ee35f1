"""Twins by a swapper: a real picture that shows the face of another one of its own fold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from forensics.benchmark.datasets import PictureStore
from forensics.errors import NoFace
from forensics.faces.portrait import Portrait, only_portrait, plain_faces
from forensics.generator import Manipulator, Swapper
from forensics.plugins import load
from forensics.schema import Frame, Image, Map
from forensics.training import Sample

TRIES = 6
"""Pictures looked at for a face to put in."""


class SwapWith(Manipulator):
    """A swapper together with the face that it puts in, so that it changes pictures by itself."""

    family = "swap"

    def __init__(self, swapper: Swapper, source: Callable[[], Portrait | None]) -> None:
        """Bind a swapper to what gives it a face, or None; it is asked when a target has one."""
        super().__init__(swapper.card)
        self.swapper, self.source = swapper, source

    def apply(self, images: Sequence[Image], seed: int) -> tuple[list[Image], list[Map]]:
        """Replace all faces; a picture without one comes back as it is, its mask zero."""
        pairs = [self._swapped(image) for image in images]
        return [image for image, _ in pairs], [mask for _, mask in pairs]

    def _swapped(self, image: Image) -> tuple[Image, Map]:
        _, landmarks = plain_faces(image)
        source = self.source() if len(landmarks) else None
        if source is None:
            return image, np.zeros(image.shape[:2], np.float32)
        frame, mask = self.swapper.swap(Frame(image), [source], faces=landmarks)
        return frame.image, mask


@dataclass(frozen=True, eq=False)
class Donors:
    """Who lends a face to whom: real pictures of the same fold, never of the same cluster.

    So no fold shows another's faces, and what is left out of a training stays left out.

    Attributes:
        samples: those that may lend.
        read: gives their pixels.
    """

    samples: Sequence[Sample]
    read: Callable[[Sample], Image]
    _known: dict[str, Portrait | None] = field(default_factory=dict)

    def candidates(self, sample: Sample) -> list[Sample]:
        """At most `TRIES` pictures, drawn by the sample alone."""
        others = [
            other
            for other in self.samples
            if not other.fake and other.fold == sample.fold and other.cluster != sample.cluster
        ]
        order = np.random.default_rng(sample.seed(77)).permutation(len(others))[:TRIES]
        return [others[place] for place in order]

    def portrait(self, sample: Sample) -> Portrait | None:
        """The first candidate that shows one plain face, or None."""
        return next(filter(None, map(self._portrait_of, self.candidates(sample))), None)

    def _portrait_of(self, donor: Sample) -> Portrait | None:
        if donor.path not in self._known:
            try:
                self._known[donor.path] = only_portrait(self.read(donor), donor.path)
            except NoFace:
                self._known[donor.path] = None
        return self._known[donor.path]


def maker_of(name: str, donors: Donors) -> Callable[[Sample], Manipulator]:
    """What makes the twin of a sample: the generator of this name, or a swapper with its donor."""
    maker = load("generator", name)
    if isinstance(maker, Swapper):
        return lambda sample: SwapWith(maker, lambda: donors.portrait(sample))
    return lambda _: maker


def twin_reader(name: str, store: PictureStore, donors: Donors) -> Callable[[Sample], Image]:
    """A reader of twins by a generator or a swapper, kept as `PictureStore.twin` keeps them."""
    maker = maker_of(name, donors)
    return lambda sample: store.twin(maker(sample))(sample)
