"""Pictures for generators that learn from whole pictures: all of one size, held in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forensics.errors import ForensicsError, InvalidManifest
from forensics.holding_out import held_out, square
from forensics.schema import Image
from forensics.training import PictureData

FEWEST = 2
"""Pictures below which there is nothing to learn from."""
LISTED = 20


@dataclass(frozen=True, eq=False)
class PictureArrays:
    """Pictures of one size.

    Attributes:
        learned: (N, R, R, 3) uint8 RGB, to learn from.
        held_out: (M, R, R, 3) uint8 RGB, about a tenth of all.
        names: names of `learned`, in its order.
        skipped: names left out, and why.
    """

    learned: NDArray[np.uint8]
    held_out: NDArray[np.uint8]
    names: tuple[str, ...]
    skipped: dict[str, str]


def load_arrays(data: PictureData, resolution: int) -> PictureArrays:
    """Read all pictures, each cut to its central square and shrunk to `resolution`.

    Damaged pictures and those smaller than `resolution` are left out, counted and listed.

    Raises:
        InvalidManifest: fewer than `FEWEST` pictures are left to learn from.
    """
    found: dict[bool, list[Image]] = {True: [], False: []}
    names, skipped = [], {}
    for name in data.names:
        try:
            picture = square(data.read(name), resolution)
        except (ForensicsError, ValueError) as error:
            skipped[name] = str(error)
            continue
        apart = held_out(name)
        found[apart].append(picture)
        if not apart:
            names.append(name)
    if len(names) < FEWEST:
        raise InvalidManifest(_too_few(len(names), resolution, skipped))
    empty = np.zeros((0, resolution, resolution, 3), np.uint8)
    return PictureArrays(
        np.stack(found[False]),
        np.stack(found[True]) if found[True] else empty,
        tuple(names),
        skipped,
    )


def _too_few(count: int, resolution: int, skipped: dict[str, str]) -> str:
    listed = "; ".join(f"{name}: {why}" for name, why in list(skipped.items())[:LISTED])
    return (
        f"{count} pictures of {resolution} px and more to learn from, at least {FEWEST} are needed"
        f"{f'; left out: {listed}' if listed else ''}"
    )
