"""Where a transform maps pixels of a picture onto pixels that coincide with them.

Windows, leaves and cheeks resemble each other; copies coincide, down to their fine texture. What
is measured here tells the two apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats
from forensics.traces.alignment import Slopes
from forensics.traces.matches import Mask, Matches, Transform

Kind = TypeVar("Kind", bound=np.generic)
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


@dataclass(frozen=True, eq=False)
class Pairing:
    """A window of the picture, and what a transform lays over it from elsewhere.

    `transform`: (2, 3), source to copy, px; `corner`: (2,) x y, and `size`, width and height of the
    window, px.
    """

    shades: Shades
    transform: Transform
    corner: NDArray[np.int64]
    size: tuple[int, int]

    @cached_property
    def local(self) -> Transform:
        """The transform from the whole picture into the window."""
        local = self.transform.copy()
        local[:, 2] -= self.corner
        return local

    def here(self, values: NDArray[Kind]) -> NDArray[Kind]:
        """What (H, W) values the window shows."""
        (left, top), (width, height) = self.corner, self.size
        return values[top : top + height, left : left + width]

    def mapped(self, values: Floats) -> Floats:
        """What the transform lays over the window, same shape as `here`."""
        laid = cv2.warpAffine(values, self.local, self.size, flags=cv2.INTER_CUBIC)
        return np.asarray(laid, np.float32)

    @cached_property
    def smooth(self) -> tuple[Floats, Floats]:
        """The window, with less noise, and what is laid over it."""
        return self.here(self.shades.smooth), self.mapped(self.shades.smooth)


@dataclass(frozen=True, eq=False)
class Region:
    """A region and its source under one transform; most of what tells copies is computed if asked.

    `copy`: (H, W) bool. `agreement`: median share of the local variance in common, [0, 1].
    `lines`: (N, 4) x1 y1 x2 y2 px, matches from the source into the copy.
    """

    pairing: Pairing
    copy: Mask
    agreement: float
    lines: NDArray[np.float64]

    @property
    def transform(self) -> Transform:
        """(2, 3) float64, source to copy, px."""
        return self.pairing.transform

    @cached_property
    def source(self) -> Mask:
        """(H, W) bool: what the transform maps onto `copy`."""
        return _sources(self.copy, self.transform)

    @cached_property
    def textures(self) -> tuple[float, ...]:
        """Correlation of the fine and of the coarser texture, [-1, 1]."""
        both = [(self.pairing.here(each), self.pairing.mapped(each)) for each in self._textures]
        return tuple(_alike(here, mapped, self._window) for here, mapped in both)

    @cached_property
    def brighter(self) -> float:
        """Grey levels by which the copy is brighter on the mean."""
        here, mapped = self.pairing.smooth
        return float((here - mapped)[self._window].mean())

    @cached_property
    def evenness(self) -> float:
        """How much its gradients point in all directions, 0 (one straight edge) to 1."""
        return _evenness(self.pairing.smooth[0], self._window)

    @property
    def _textures(self) -> list[Floats]:
        return self.pairing.shades.textures

    @property
    def _window(self) -> Mask:
        """The part of `copy` in the window; all of it lies there."""
        return self.pairing.here(self.copy)


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
    pairing = Pairing(shades, transform, corner, size)
    agreement = _agreement(*pairing.smooth, _there(pairing))
    places = np.clip(np.rint(members.ends).astype(int) - corner, 0, np.array(size) - 1)
    ends = np.unique(places, axis=0)
    if np.count_nonzero(agreement[ends[:, 1], ends[:, 0]] > AGREEMENT) < fewest:
        return None
    window = np.zeros(size[::-1], bool)
    for area in _areas(_equal(agreement, pairing), ends, fewest):
        if _beside(area, pairing):
            window |= area
    if not window.any():
        return None
    lines = np.concatenate([members.starts, members.ends], axis=1)
    copy = np.zeros(shades.gray.shape, bool)
    pairing.here(copy)[:] = window
    return Region(
        pairing=pairing,
        copy=copy,
        agreement=float(np.median(agreement[window])),
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


def _there(pairing: Pairing) -> Mask:
    """Whether the source of a pixel, and of all around it that are compared, is in the picture."""
    ones = np.ones(pairing.shades.gray.shape, np.uint8)
    there = cv2.warpAffine(ones, pairing.local, pairing.size, flags=cv2.INTER_NEAREST)
    return np.asarray(cv2.erode(there, np.ones((WINDOW, WINDOW), np.uint8)) > 0)


def _agreement(here: Floats, mapped: Floats, there: Mask) -> Floats:
    """1 less the mean squared difference over the sum of variances; 0 where there is no texture."""

    def mean(values: Floats) -> Floats:
        return np.asarray(cv2.boxFilter(values, -1, (WINDOW, WINDOW)), np.float32)

    spreads = [mean(np.square(part)) - np.square(mean(part)) for part in (here, mapped)]
    agreement = 1 - mean(np.square(here - mapped)) / np.maximum(spreads[0] + spreads[1], 1e-3)
    textured = np.minimum(*spreads) > TEXTURE**2
    return np.where(textured & there, agreement, 0).astype(np.float32)


def _equal(agreement: Floats, pairing: Pairing) -> NDArray[np.uint8]:
    """1 where pixels agree with what lies elsewhere, without specks and threads."""
    equal = agreement > AGREEMENT
    rows, columns = np.nonzero(equal)
    apart = APART**2 * pairing.shades.gray.size
    equal[rows, columns] = _moved(rows, columns, pairing) > apart
    opened = cv2.morphologyEx(equal.view(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return np.asarray(opened, np.uint8)


def _moved(rows: NDArray[np.intp], columns: NDArray[np.intp], pairing: Pairing) -> Floats:
    """Square of the distance in px of pixels of the window from their sources."""
    inverse = cv2.invertAffineTransform(pairing.local).astype(np.float32)
    x, y = columns.astype(np.float32), rows.astype(np.float32)
    across, down = (turn[0] * x + turn[1] * y + turn[2] for turn in inverse)
    left, top = pairing.corner
    return np.asarray(np.square(across - x - left) + np.square(down - y - top), np.float32)


def _areas(equal: NDArray[np.uint8], ends: NDArray[np.int64], fewest: int) -> Iterator[Mask]:
    """The connected areas of at least LEAST_PIXELS in which so many different matches end."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(equal)
    held = np.bincount(labels[ends[:, 1], ends[:, 0]], minlength=count)
    large = stats[:, cv2.CC_STAT_AREA] >= LEAST_PIXELS
    # Area 0 is what does not agree.
    for area in np.flatnonzero(large[1:] & (held[1:] >= fewest)) + 1:
        yield np.asarray(labels == area)


def _beside(area: Mask, pairing: Pairing) -> bool:
    """Whether an area of the window lies beside its own source."""
    within = pairing.local.copy()
    within[:, 2] += pairing.local[:, :2] @ pairing.corner
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
