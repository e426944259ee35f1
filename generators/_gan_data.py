"""Pictures for generators that learn from whole pictures: all of one size, held in memory."""

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.errors import ForensicsError, InvalidManifest
from forensics.schema import Image
from forensics.training import PictureData

HELD_OUT = 10
"""One picture in so many is never learned from; distances to real pictures are measured on it."""
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


def held_out(name: str) -> bool:
    """Whether a picture belongs to the tenth that is never learned from; depends on the name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % HELD_OUT == 0


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


def square(image: Image, resolution: int) -> Image:
    """Cut (H, W, 3) to its central square and shrink it by areas to (resolution, resolution, 3).

    Raises:
        ValueError: the picture is smaller than that.
    """
    side = min(image.shape[:2])
    if side < resolution:
        raise ValueError(f"{image.shape[1]} x {image.shape[0]} px, smaller than {resolution} px")
    top, left = ((size - side) // 2 for size in image.shape[:2])
    cut = image[top : top + side, left : left + side]
    if side == resolution:
        return np.ascontiguousarray(cut)
    return np.asarray(cv2.resize(cut, (resolution, resolution), interpolation=cv2.INTER_AREA))


def _too_few(count: int, resolution: int, skipped: dict[str, str]) -> str:
    listed = "; ".join(f"{name}: {why}" for name, why in list(skipped.items())[:LISTED])
    return (
        f"{count} pictures of {resolution} px and more to learn from, at least {FEWEST} are needed"
        f"{f'; left out: {listed}' if listed else ''}"
    )
