"""Families of generators, and the space in which their traces lie apart.

Every generator is a Gaussian in the space of features, all with one covariance (R. A. Fisher,
Annals of Eugenics 1936); photographs are one more. A family's share of the belief is that of its
generators. Which family is likeliest is asked together with "none of them: a photograph", and no
family is named below a threshold: that is how generators that nobody has seen become "unknown".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forensics.errors import BrokenPlugin
from forensics.schema import Floats

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Family:
    """Generators whose pictures are made in one way; `title` as it stands in a sentence."""

    name: str
    title: str
    generators: tuple[str, ...]


FAMILIES = (
    Family("stylegan", "StyleGAN, versions 1 to 3", ("stylegan", "stylegan2", "stylegan3")),
    Family(
        "latent_decoder",
        "generators that decode a learned code (latent diffusion, VQGAN)",
        (
            "stable-diffusion-2.1",
            "latent-diffusion",
            "flux.1-dev",
            "sdxl-realvisxl-3-turbo",
            "dalle-mini",
        ),
    ),
    Family("face_swap", "face swaps", ("inswapper128", "openforensics-gan-swap")),
    Family(
        "autoencoder",
        "photographs sent through an autoencoder",
        ("reconstruction", "decoders"),
    ),
    Family("super_resolution", "photographs enlarged by a small network", ("super_resolution",)),
    Family("inpainting", "photographs with holes filled by a network", ("inpainting",)),
)
FAMILY_OF = {name: number for number, one in enumerate(FAMILIES, 1) for name in one.generators}
"""By generator, the number of its family; 0 is for photographs, and for what people composed of
them: no generator has left traces there."""


@dataclass(frozen=True, eq=False)
class FamilySpace:
    """Where generators lie, and how sure one must be to name a family.

    Attributes:
        directions: (D, d) float32; `features @ directions + offset` has unit covariance within
            each generator.
        offset: (d,) float32.
        centres: (C, d) float32, the generators.
        families: (C,) ints, the family of each; 0 for photographs.
        temperature: divides squared distances, so that beliefs are as often right as they say.
        threshold: the least belief at which a family is named.
        reach: the largest squared distance to the nearest generator at which one is: far from all
            of them, beliefs say little.
    """

    directions: Floats
    offset: Floats
    centres: Floats
    families: NDArray[np.intp]
    temperature: float = 1.0
    threshold: float = 0.0
    reach: float = float("inf")

    @classmethod
    def read(cls, tensors: Mapping[str, NDArray[np.generic]]) -> "FamilySpace":
        """The space that `tensors` gave.

        Raises:
            BrokenPlugin: it was fitted for other families than those of this version.
        """
        if bytes(tensors["names"].astype(np.uint8)) != _names():
            raise BrokenPlugin("the weights of attribution name other families than this version")
        directions, offset, centres = (
            tensors[name].astype(np.float32) for name in ("directions", "offset", "centres")
        )
        temperature, threshold, reach = tensors["rule"].astype(float).tolist()
        families = tensors["families"].astype(np.intp)
        space = cls(directions, offset, centres, families)
        return space.ruled(temperature, threshold, reach)

    @property
    def tensors(self) -> dict[str, NDArray[np.generic]]:
        """What a file has to hold; the large arrays in half precision."""
        return {
            "directions": self.directions.astype(np.float16),
            "offset": self.offset,
            "centres": self.centres,
            "families": self.families.astype(np.uint8),
            "rule": np.asarray([self.temperature, self.threshold, self.reach], np.float32),
            "names": np.frombuffer(_names(), np.uint8),
        }

    def ruled(self, temperature: float, threshold: float, reach: float) -> "FamilySpace":
        """The same space with another rule."""
        return replace(self, temperature=temperature, threshold=threshold, reach=reach)

    def after(self, basis: Floats) -> "FamilySpace":
        """The same space for features of which it took `features @ basis` so far."""
        return replace(self, directions=np.asarray(basis @ self.directions, np.float32))

    def distances(self, features: Floats) -> Doubles:
        """Squared distances of (N, D) features to the generators, (N, C)."""
        places = features @ self.directions + self.offset
        apart = places[:, None] - self.centres[None]
        return np.asarray((apart.astype(np.float64) ** 2).sum(axis=2))

    def beliefs(self, features: Floats) -> Doubles:
        """How likely each family is, photographs first: (N, 1 + families), rows sum to 1.

        Families count alike beforehand, and generators alike within each.
        """
        return beliefs_at(self.distances(features), self.families, self.temperature)

    def near(self, features: Floats) -> NDArray[np.bool_]:
        """(N,) whether some generator is within reach."""
        return np.asarray(self.distances(features).min(axis=1) <= self.reach)

    def names(self, features: Floats) -> NDArray[np.intp]:
        """(N,) numbers of the families named, 0 where none is."""
        return named(self.beliefs(features), self.near(features), self.threshold)


def beliefs_at(distances: Doubles, families: NDArray[np.intp], temperature: float) -> Doubles:
    """Turn (N, C) squared distances into (N, 1 + families) beliefs; see `FamilySpace.beliefs`."""
    logits = -distances / (2 * temperature) - np.log(np.bincount(families)[families])
    columns = [
        np.logaddexp.reduce(logits[:, families == number], axis=1)
        for number in range(len(FAMILIES) + 1)
    ]
    found = np.stack(columns, axis=1)
    return np.asarray(np.exp(found - np.logaddexp.reduce(found, axis=1, keepdims=True)))


def named(beliefs: Doubles, near: NDArray[np.bool_], threshold: float) -> NDArray[np.intp]:
    """(N,) numbers of the families named, 0 where none is.

    A family is named where it is believed at least as much as `threshold`, and more than
    "a photograph", of a picture that is `near` some generator.
    """
    top = beliefs[:, 1:].argmax(axis=1) + 1
    belief = beliefs[np.arange(len(beliefs)), top]
    sure = near & (belief >= threshold) & (belief > beliefs[:, 0])
    return np.where(sure, top, 0)


def _names() -> bytes:
    return "\n".join(family.name for family in FAMILIES).encode()
