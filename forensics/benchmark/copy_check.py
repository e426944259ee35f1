"""How often copies inside a picture are found, and untouched pictures flagged.

A copy is an elliptic region of 15 to 35 % of the shorter side, laid elsewhere in the same picture,
turned by any angle and scaled by .8 to 1.2, then JPEG 80. It counts as found where a transform is
named that misses the true one by less than 4 px on the mean.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.benchmark.datasets import PictureStore
from forensics.benchmark.tables import markdown
from forensics.schema import Floats, Image
from forensics.statistics import clopper_pearson
from forensics.traces.copies import Copy, find_copies
from forensics.traces.jpeg import recompress
from forensics.training import Sample

LEAST_SIDE = 256
"""px of a picture that a copy is made in."""
CROPS = "crops256"
"""The folder of crops of other originals than those in `images`."""
DEVELOPED = 60
"""So many crops of every source served to choose criteria; nobody looked at the others."""
LEAST_DEVIATION = 10.0
"""Grey levels of deviation in a region: nobody sees that a smooth one was copied."""
NEAR = 4.0
TRIES = 60
QUALITY = 80
Places = NDArray[np.float64]


class Forged(NamedTuple):
    """A picture with a copy, the (2, 3) transform to it, and (N, 2) px of its source."""

    image: Image
    transform: Places
    source: Places


@dataclass(frozen=True)
class Trial:
    """One picture: whether a copy was made in it, and whether one was found."""

    group: str
    half: int
    forged: bool
    found: bool


def half_of(sample: Sample) -> int:
    """0 or 1, by the path: two halves whose rates stand apart."""
    return zlib.crc32(sample.path.encode()) % 2


def forged(image: Image, rng: np.random.Generator) -> Forged | None:
    """Copy an ellipse; None where no region drawn has texture and room.

    Args:
        image: (H, W, 3) uint8 RGB.
        rng: draws everything.
    """
    height, width = image.shape[:2]
    shades = image.mean(axis=2)
    for _ in range(TRIES):
        radius = min(height, width) * rng.uniform(0.15, 0.35) / 2
        scale, degrees = rng.uniform(0.8, 1.2), rng.uniform(-180, 180)
        reach, far = radius * 1.2, radius * 1.2 * scale
        x, y = (rng.uniform(reach, side - reach) for side in (width, height))
        u, v = (rng.uniform(far, side - far) for side in (width, height))
        mask = _ellipse(image.shape[:2], (x, y), radius, rng)
        apart = np.hypot(u - x, v - y) > 1.1 * radius + far
        if apart and shades[mask > 0].std() > LEAST_DEVIATION:
            turn = np.asarray(cv2.getRotationMatrix2D((x, y), degrees, scale), np.float64)
            transform = turn + np.asarray([[0, 0, u - x], [0, 0, v - y]])
            places = np.argwhere(mask > 0)[:, ::-1].astype(np.float64)
            return Forged(_pasted(image, mask, transform), transform, places)
    return None


def _ellipse(
    shape: Sequence[int], centre: tuple[float, float], radius: float, rng: np.random.Generator
) -> Floats:
    stretch = rng.uniform(0.7, 1.3) ** 0.5
    axes = (round(radius * stretch), round(radius / stretch))
    place = (round(centre[0]), round(centre[1]))
    blank = np.zeros(shape, np.float32)
    return np.asarray(cv2.ellipse(blank, place, axes, rng.uniform(0, 180), 0, 360, 1.0, -1))


def _pasted(image: Image, mask: Floats, transform: Places) -> Image:
    size = (image.shape[1], image.shape[0])
    moved = cv2.warpAffine(
        image.astype(np.float32),
        transform,
        size,
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
    soft = cv2.GaussianBlur(cv2.warpAffine(mask, transform, size), (0, 0), 1)[..., None]
    return np.clip(np.rint(image * (1 - soft) + moved * soft), 0, 255).astype(np.uint8)


def names_it(found: Copy, transform: Places, source: Places) -> bool:
    """Whether a copy that was found is the one that was made, in either direction."""
    ends = source @ transform[:, :2].T + transform[:, 2]
    for starts, targets in ((source, ends), (ends, source)):
        mapped = starts @ found.transform[:, :2].T + found.transform[:, 2]
        if np.linalg.norm(mapped - targets, axis=1).mean() < NEAR:
            return True
    return False


def trials(
    samples: Sequence[Sample], store: PictureStore, *, forge: bool
) -> Iterator[Trial | None]:
    """Look for copies in pictures as they are, or in those with a copy; None where none fits.

    Args:
        samples: real pictures.
        store: reads them.
        forge: whether to copy a region first.
    """
    for sample in samples:
        image = store.original(sample)
        if not forge:
            yield Trial(sample.group, half_of(sample), forged=False, found=bool(find_copies(image)))
            continue
        large = min(image.shape[:2]) >= LEAST_SIDE
        made = forged(image, np.random.default_rng(sample.seed(-8))) if large else None
        yield None if made is None else _looked_up(sample, made)


def _looked_up(sample: Sample, made: Forged) -> Trial:
    copies = find_copies(recompress(made.image, QUALITY))
    found = any(names_it(copy, made.transform, made.source) for copy in copies)
    return Trial(sample.group, half_of(sample), forged=True, found=found)


def figures(found: Sequence[Trial]) -> dict[str, int]:
    """The counts that the card of `copy_move` holds."""
    made = [one.found for one in found if one.forged]
    untouched = [one.found for one in found if not one.forged]
    return {
        "copies_made_count": len(made),
        "copies_found_count": sum(made),
        "untouched_pictures_count": len(untouched),
        "untouched_pictures_flagged_count": sum(untouched),
    }


def section(found: Sequence[Trial], unseen: Sequence[Trial]) -> str:
    """The section of the results page: pictures that criteria were chosen with, and others."""
    rest = _rows(found)
    halves = [[one for one in found if one.half == half] for half in (0, 1)]
    rest[-1:-1] = [
        ["all, first half", *_cells(halves[0], interval=True)],
        ["all, second half", *_cells(halves[1], interval=True)],
    ]
    columns = ["source", "copies found", "untouched pictures flagged"]
    return "\n".join(
        [
            "## Copies inside a picture\n",
            "`copy_move` on copies made in real pictures of 256 px and more: an elliptic region of "
            "15 to 35 % of the shorter side, with 10 grey levels of deviation or more, laid "
            "elsewhere in the same picture, turned by any angle, scaled by .8 to 1.2, then JPEG "
            "80. Found is a copy whose transform is named within 4 px. Untouched pictures are "
            "taken whole; one that prints a pattern twice, as a watermark or a flag does, counts "
            "as flagged like any other. Intervals of 95 %, Clopper-Pearson.\n",
            "Pictures that were never looked at while criteria were chosen: native crops of 256 px "
            f"from other originals, after the first {DEVELOPED} of every source.\n",
            markdown(columns, _rows(unseen)),
            "\nPictures of many sizes, in both halves (by the path's CRC-32). They served to "
            "choose earlier criteria and to see what is flagged, and are therefore no result.\n",
            markdown(columns, rest),
        ]
    )


def _rows(found: Sequence[Trial]) -> list[list[str]]:
    """One row a source, then one of all."""
    names = list(dict.fromkeys(one.group for one in found))
    rows = [[name, *_cells([one for one in found if one.group == name])] for name in names]
    return [*rows, ["all", *_cells(found, interval=True)]]


def _cells(found: Sequence[Trial], *, interval: bool = False) -> list[str]:
    return [
        _share([one.found for one in found if one.forged == forge], interval=interval)
        for forge in (True, False)
    ]


def _share(hits: Sequence[bool], *, interval: bool) -> str:
    if not hits:
        return "none"
    words = f"{sum(hits)} of {len(hits)}"
    low, high = clopper_pearson(sum(hits), len(hits))
    share = sum(hits) / len(hits)
    return f"{words}: {share:.1%} [{low:.1%}, {high:.1%}]" if interval else words
