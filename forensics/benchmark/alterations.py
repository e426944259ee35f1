"""Alterations made for the measurement, each with a mask of what was changed.

They answer how likely a finding is where something was changed, and where in the picture it lies.
A picture keeps its own earlier compression, and is saved again as programs save by default.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from forensics.benchmark.innocent import FILE_QUALITY, as_jpeg, saved
from forensics.errors import ForensicsError
from forensics.generator import Manipulator, Swapper
from forensics.plugins import entries, load, plugin_class
from forensics.schema import Image
from forensics.training import soft_mask

Mask = NDArray[np.bool_]
"""(H, W) bool: what was changed."""
EARLIER_QUALITY = (55, 90)
THUMBNAIL = 160


@dataclass(frozen=True, eq=False)
class Altered:
    """A changed picture as pixels, and what was changed."""

    image: Image
    mask: Mask


Alteration = Callable[[Image, Image, np.random.Generator], Altered]


def region(height: int, width: int, rng: np.random.Generator) -> Mask:
    """An ellipse somewhere in the picture, 5 to 25 % of it or so."""
    radii = rng.uniform(0.14, 0.28, 2) * (height, width)
    centre = rng.uniform(0.3, 0.7, 2) * (height, width)
    y, x = np.ogrid[:height, :width]
    inside: Mask = np.hypot((y - centre[0]) / radii[0], (x - centre[1]) / radii[1]) <= 1
    return inside


def spliced(image: Image, donor: Image, rng: np.random.Generator) -> Altered:
    """Paste a part of another photograph, which was a JPEG of its own quality and grid."""
    height, width = image.shape[:2]
    data = as_jpeg(_covering(donor, height + 8, width + 8), int(rng.integers(*EARLIER_QUALITY)))
    other = np.asarray(Pillow.open(BytesIO(data)))
    down, across = rng.integers(0, 8, 2)
    mask = region(height, width, rng)
    part = other[down : down + height, across : across + width]
    return Altered(np.where(mask[..., None], part, image), mask)


def copied(image: Image, donor: Image, rng: np.random.Generator) -> Altered:
    """Cover a part with a copy of another part of the same picture; both count as changed."""
    height, width = image.shape[:2]
    source = region(height, width, rng)
    rows, columns = np.flatnonzero(source.any(1)), np.flatnonzero(source.any(0))
    room = (
        (-int(rows[0]), height - 1 - int(rows[-1])),
        (-int(columns[0]), width - 1 - int(columns[-1])),
    )
    # As far as the picture allows, so that the two overlap as little as possible.
    down, across = (max(axis, key=abs) for axis in room)
    target = np.roll(source, (down, across), (0, 1))
    moved = np.roll(image, (down, across), (0, 1))
    return Altered(np.where(target[..., None], moved, image), target | source)


def painted_out(image: Image, donor: Image, rng: np.random.Generator) -> Altered:
    """Remove a part by filling it from its surroundings (Telea), as a healing brush does."""
    mask = region(image.shape[0], image.shape[1], rng)
    filled = cv2.inpaint(image, mask.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    return Altered(np.asarray(filled, dtype=np.uint8), mask)


ALTERATIONS: dict[str, Alteration] = {
    "a splice": spliced,
    "a copied region": copied,
    "a painted-out region": painted_out,
}


def from_the_zoo(names: Sequence[str] | None = None) -> Iterator[tuple[str, Alteration]]:
    """An alteration by each `Manipulator` that is installed and has its weights.

    Args:
        names: of generators; those that are no manipulators are passed over. Default: all.
    """
    for name in entries("generator") if names is None else names:
        maker = _maker(name)
        if maker is not None:
            yield f"a region by {name}", _through_mask(maker)


def _maker(name: str) -> Manipulator | None:
    kind = plugin_class("generator", name)
    # Those of faces are given faces: see face_alterations.
    if not issubclass(kind, Manipulator) or kind.family == Swapper.family:
        return None
    maker: Manipulator = load("generator", name)
    try:
        # Weights are looked for at first use only.
        maker.apply([np.zeros((64, 64, 3), np.uint8)], 0)
    except ForensicsError:
        return None
    return maker


def _through_mask(maker: Manipulator) -> Alteration:
    """Blend what a manipulator makes into the picture; one with a mask of its own keeps it."""

    def alter(image: Image, donor: Image, rng: np.random.Generator) -> Altered:
        [made], [own] = maker.apply([image], int(rng.integers(1 << 31)))
        share = own if own.min() < 1 else soft_mask(image.shape[0], image.shape[1], rng)
        mixed = image + share[..., None] * (made.astype(np.float32) - image)
        return Altered(np.rint(mixed).astype(np.uint8), share > 1 / 2)

    return alter


def as_file(altered: Altered, rng: np.random.Generator) -> bytes:
    """Save a changed picture as programs do."""
    return saved(altered.image, rng)


def under_old_thumbnail(altered: Altered, before: Image, rng: np.random.Generator) -> bytes:
    """Save a changed picture with the thumbnail of the unchanged one, as careless editors do."""
    small = Pillow.fromarray(before)
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    thumbnail = as_jpeg(np.asarray(small), 80)
    buffer = BytesIO()
    quality = int(rng.integers(*FILE_QUALITY))
    Pillow.fromarray(altered.image).save(
        buffer, "JPEG", quality=quality, subsampling=2, exif=_with_thumbnail(thumbnail)
    )
    return buffer.getvalue()


def _with_thumbnail(thumbnail: bytes) -> bytes:
    """An EXIF block with one empty directory, and a second one that holds a thumbnail."""
    entries_of_second = b"".join(
        tag.to_bytes(2, "big") + b"\0\4\0\0\0\1" + value.to_bytes(4, "big")
        for tag, value in ((0x0201, 44), (0x0202, len(thumbnail)))
    )
    first = b"\0\0" + (14).to_bytes(4, "big")
    return b"Exif\0\0MM\0*\0\0\0\x08" + first + b"\0\2" + entries_of_second + bytes(4) + thumbnail


def _covering(image: Image, height: int, width: int) -> Image:
    """Enlarge a picture until it covers this size, and cut it."""
    factor = max(1.0, height / image.shape[0], width / image.shape[1])
    size = (round(image.shape[1] * factor) + 1, round(image.shape[0] * factor) + 1)
    if factor > 1:
        image = np.asarray(Pillow.fromarray(image).resize(size, Pillow.Resampling.BICUBIC))
    return image[:height, :width]
