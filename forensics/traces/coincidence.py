"""Where a transform maps pixels of a picture onto pixels that coincide with them.

Windows, leaves and cheeks resemble each other; copies coincide, down to their fine texture. What
is measured here tells the two apart.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats
from forensics.traces.alignment import Slopes
from forensics.traces.areas import areas_of
from forensics.traces.matches import Mask, Matches, Transform

WINDOW = 15
AGREEMENT = 0.8
"""Share of the local variance that mapped pixels must explain to belong to a region."""
TEXTURE = 1.5
"""Grey levels of local deviation below which agreement says nothing."""
LEAST_PIXELS = 100
APART = 0.03
"""Root of the picture's area from which on a place is another place."""
MOST_OVERLAP = 0.1
"""Share of a region that may lie in its own source. A copy lies beside its source; letters turned
by half, stripes, blinds and rings lie on themselves."""
BLURS = (0.7, 1.4, 2.8)
"""px of deviation of the Gaussians whose differences are the fine and the coarser texture."""


@dataclass(frozen=True, eq=False)
class Region:
    """A region and its source under one transform.

    `copy`, `source`: (H, W) bool. `agreement`: median share of the local variance in
    common, [0, 1].
    `textures`: correlation of the fine and of the coarser texture, [-1, 1]. `brighter`:
    grey levels by which the copy is brighter on the mean. `evenness`: how much its gradients point
    in all directions, 0 (one straight edge) to 1. `lines`: (N, 4) x1 y1 x2 y2 px, matches
    from the source into the copy.
    """

    transform: Transform
    copy: Mask
    source: Mask
    agreement: float
    textures: tuple[float, ...]
    brighter: float
    evenness: float
    lines: NDArray[np.float64]


class Shades:
    """(H, W) luma in [0, 255], and what comparisons derive from it once."""

    def __init__(self, gray: Floats) -> None:
        self.gray = gray
        self.slopes = Slopes(gray)

    @cached_property
    def smooth(self) -> Floats:
        """Less noise, so that what is left of it after a second compression does not count."""
        return np.asarray(cv2.GaussianBlur(self.gray, (0, 0), 1.0), np.float32)

    @cached_property
    def textures(self) -> list[Floats]:
        """Differences of Gaussians, the finest first."""
        blurred = [np.asarray(cv2.GaussianBlur(self.gray, (0, 0), blur)) for blur in BLURS]
        return [fine - coarse for fine, coarse in pairwise(blurred)]


def coinciding(
    shades: Shades, transform: Transform, members: Matches, fewest: int
) -> Region | None:
    """What a transform maps onto its equal; None where nothing, or hardly a match, lies in it.

    Args:
        shades: the picture.
        transform: (2, 3), source to copy, px.
        members: the matches that led to it.
        fewest: different ones that must end in each connected area.
    """
    corner, size = _window(shades.gray.shape, members.ends)
    local = transform.copy()
    # Sources are given in the whole picture, copies in the window.
    local[:, 2] -= corner
    here = slice(corner[1], corner[1] + size[1]), slice(corner[0], corner[0] + size[0])
    agreement = _agreement(
        shades.smooth[here], _mapped(shades.smooth, local, size), _there(shades, local, size)
    )
    apart = APART**2 * shades.gray.size
    region = (agreement > AGREEMENT) & (_moved(size, local, corner) > apart)
    opened = cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    places = np.clip(np.rint(members.ends).astype(int) - corner, 0, np.array(size) - 1)
    window = np.zeros(size[::-1], bool)
    for area in areas_of(np.asarray(opened, bool), LEAST_PIXELS):
        held = area[places[:, 1], places[:, 0]]
        if len(np.unique(places[held], axis=0)) >= fewest and _beside(area, local, corner):
            window |= area
    if not window.any():
        return None
    lines = np.concatenate([members.starts, members.ends], axis=1)
    copy = np.zeros(shades.gray.shape, bool)
    copy[here] = window
    return Region(
        transform=transform,
        copy=copy,
        source=_sources(copy, transform),
        agreement=float(np.median(agreement[window])),
        textures=tuple(
            _alike(texture[here], _mapped(texture, local, size), window)
            for texture in shades.textures
        ),
        brighter=float((shades.smooth[here] - _mapped(shades.smooth, local, size))[window].mean()),
        evenness=_evenness(shades.smooth[here], window),
        lines=lines[window[places[:, 1], places[:, 0]]],
    )


def _window(
    shape: tuple[int, ...], ends: NDArray[np.float64]
) -> tuple[NDArray[np.int64], tuple[int, int]]:
    """Corner (x, y) and size (width, height) of what lies around the ends."""
    low, high = np.floor(ends.min(axis=0)), np.ceil(ends.max(axis=0))
    margin = np.maximum(high - low, 0.15 * min(shape))
    corner = np.maximum(low - margin, 0).astype(np.int64)
    end = np.minimum(high + margin + 1, shape[::-1]).astype(np.int64)
    width, height = (end - corner).tolist()
    return corner, (width, height)


def _mapped(values: Floats, local: Transform, size: tuple[int, int]) -> Floats:
    return np.asarray(cv2.warpAffine(values, local, size, flags=cv2.INTER_CUBIC), np.float32)


def _there(shades: Shades, local: Transform, size: tuple[int, int]) -> Mask:
    """Whether the source of a pixel, and of all in its window, lies in the picture."""
    ones = np.ones(shades.gray.shape, np.uint8)
    there = cv2.warpAffine(ones, local, size, flags=cv2.INTER_NEAREST)
    return np.asarray(cv2.erode(there, np.ones((WINDOW, WINDOW), np.uint8)) > 0)


def _agreement(here: Floats, mapped: Floats, there: Mask) -> Floats:
    """1 less the mean squared difference over the sum of variances; 0 where there is no texture."""

    def mean(values: Floats) -> Floats:
        return np.asarray(cv2.boxFilter(values, -1, (WINDOW, WINDOW)), np.float32)

    spreads = [mean(np.square(part)) - np.square(mean(part)) for part in (here, mapped)]
    agreement = 1 - mean(np.square(here - mapped)) / np.maximum(spreads[0] + spreads[1], 1e-3)
    textured = np.minimum(*spreads) > TEXTURE**2
    return np.where(textured & there, agreement, 0).astype(np.float32)


def _moved(size: tuple[int, int], local: Transform, corner: NDArray[np.int64]) -> Floats:
    """Square of the distance in px of each pixel of the window from its source."""
    inverse = cv2.invertAffineTransform(local)
    x, y = np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32)[:, None]
    across = (
        np.float32(inverse[0, 0]) * x + np.float32(inverse[0, 1]) * y + np.float32(inverse[0, 2])
    )
    down = np.float32(inverse[1, 0]) * x + np.float32(inverse[1, 1]) * y + np.float32(inverse[1, 2])
    return np.asarray(
        np.square(across - x - corner[0]) + np.square(down - y - corner[1]), np.float32
    )


def _beside(area: Mask, local: Transform, corner: NDArray[np.int64]) -> bool:
    """Whether an area of the window lies beside its own source."""
    within = local.copy()
    within[:, 2] += local[:, :2] @ corner
    own = _sources(area, within) & area
    return float(own.sum()) <= MOST_OVERLAP * float(area.sum())


def _sources(copy: Mask, transform: Transform) -> Mask:
    size = (copy.shape[1], copy.shape[0])
    back = cv2.warpAffine(copy.astype(np.uint8), transform, size, flags=cv2.WARP_INVERSE_MAP)
    return np.asarray(back, bool)


def _alike(here: Floats, mapped: Floats, region: Mask) -> float:
    """Correlation of two textures of mean 0 in a region."""
    one, other = here[region].astype(np.float64), mapped[region].astype(np.float64)
    return float(one @ other / np.sqrt(max(float(one @ one) * float(other @ other), 1e-9)))


def _evenness(here: Floats, region: Mask) -> float:
    """Smaller over larger eigenvalue of the structure tensor: any edge maps onto any other."""
    slopes = [cv2.Sobel(here, cv2.CV_32F, *way, scale=1 / 8)[region] for way in ((1, 0), (0, 1))]
    small, large = np.linalg.eigvalsh(
        np.array([[one @ other for other in slopes] for one in slopes])
    )
    return float(small / max(large, 1e-9))


def distinct(regions: list[Region]) -> list[Region]:
    """Regions, largest first, without those of which most lies in larger ones and their sources."""
    kept: list[Region] = []
    for region in sorted(regions, key=lambda each: -int(each.copy.sum())):
        both = [other.copy | other.source for other in kept]
        mine = region.copy | region.source
        if not any(float((mine & other).sum()) > float(mine.sum()) / 2 for other in both):
            kept.append(region)
    return kept
