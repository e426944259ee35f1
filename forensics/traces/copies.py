"""Parts of a picture that appear in it twice: matches find them, pixels confirm them.

I. Amerini et al., "A SIFT-Based Forensic Method for Copy-Move Attack Detection and Transformation
Recovery", IEEE TIFS 2011; X. Pan and S. Lyu, "Region Duplication Detection Using Image Feature
Matching", IEEE TIFS 2010. Keypoints and discs on a grid are matched with each other, matches that
agree on one similarity transform are gathered, the transform is made exact by the pixels, and kept
where these agree in grey level and in texture, not only in pattern: windows and leaves resemble,
copies coincide.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats, Image
from forensics.traces.alignment import aligned
from forensics.traces.coincidence import Region, Shades, coinciding, distinct
from forensics.traces.harmonics import MOST_PIXELS as DENSE_PIXELS
from forensics.traces.harmonics import dense_matches
from forensics.traces.keypoints import NEAREST, SCALES, matched
from forensics.traces.matches import (
    NO_MATCHES,
    Mask,
    Matches,
    Tolerance,
    Transform,
    agreeing,
)
from forensics.traces.noise import luma

MOST_PIXELS = 640_000
"""A larger picture is reduced to so many px first."""
FEWEST_PIXELS = 250_000
"""A smaller one is enlarged to so many, by two at most, for keypoints: small regions then hold
more of them."""
LEAST_SIDE = 48
KEYPOINTS = Tolerance(near=2.5, reach=0.04, fewest=2)
DISCS = Tolerance(near=3.0, reach=0.15, fewest=6, far=60.0)
MOST_OF_KEYPOINTS, MOST_OF_DISCS = 4, 10
"""Groups of matches that are looked at, the largest: further ones hold next to no copies."""
HELD_KEYPOINTS, HELD_DISCS = 2, 4
NEAR_DEGREES, NEAR_SCALE = 8.0, 0.08
"""A region turned and scaled by less lies as windows, stripes and leaves do."""
WEIGHTS = (2.200, 0.533, 1.867, 1.051, 1.590, -1.031, -4.922)
"""What `traits` weigh, in their order, fitted by `forensics trace-rates --part copy-weights` on
copies made in 256 px crops and on what resembles itself in untouched ones. More groups were looked
at then; a new fit finds no more (537 of 571 left out, where these find 541)."""
OFFSET = -0.610
LEAST_SCORE = 2.0
LEAST_AREA = 0.003
"""Share of the picture, from which on a region counts."""


@dataclass(frozen=True, eq=False)
class Copy:
    """One region that appears twice.

    `transform`: (2, 3) float64, maps px of the source onto px of the copy, both in the picture at
    its own size; which of the two came first is not known. `source`, `copy`: (R, C) bool, both
    regions in the reduced picture. `lines`: (N, 4) float32 x1 y1 x2 y2 px, matches between them.
    `agreement`: share of the local variance that source and copy have in common, [0, 1].
    """

    transform: Transform
    source: Mask
    copy: Mask
    lines: Floats
    agreement: float

    @property
    def scale(self) -> float:
        """Size of the copy over that of its source."""
        return float(np.hypot(*self.transform[:, 0]))

    @property
    def degrees(self) -> float:
        """Turn of the copy against its source, clockwise as seen, -180 to 180."""
        return float(np.degrees(np.arctan2(self.transform[1, 0], self.transform[0, 0])))


def find_copies(image: Image) -> list[Copy]:
    """The regions of (H, W, 3) uint8 RGB that appear twice, largest first."""
    if min(image.shape[:2]) < LEAST_SIDE:
        return []
    gray, factor = compared(image)
    found = [region for region in candidates(image, gray) if is_copy(region)]
    return [unscaled(region, factor) for region in distinct(found)]


def compared(image: Image) -> tuple[Floats, float]:
    """Luma at the size that regions are compared at, and by how much it was scaled."""
    return _scaled(image, fewest=0)


def candidates(image: Image, gray: Floats) -> Iterator[Region]:
    """Regions that matches propose, each where its transform is exact.

    Args:
        image: (H, W, 3) uint8 RGB.
        gray: its luma, at the size that regions are compared at.
    """
    shades = Shades(gray)
    large, _ = _scaled(image, FEWEST_PIXELS)
    zoom = (gray.size / large.size) ** 0.5
    coarse = max(1.0, (gray.size / DENSE_PIXELS) ** 0.5)
    # Keypoints take a third of all; on a thread of their own they run beside the discs.
    with ThreadPoolExecutor(1) as aside:
        keypoints = aside.submit(_keypoint_matches, large)
        groups = agreeing(dense_matches(gray), MOST_OF_DISCS, DISCS.scaled(coarse))
        yield from _exact(shades, groups, 2 * coarse, HELD_DISCS)
        points = keypoints.result().scaled(zoom)
    groups = agreeing(points, MOST_OF_KEYPOINTS, KEYPOINTS.scaled(zoom))
    yield from _exact(shades, groups, max(1.0, 2 * zoom), HELD_KEYPOINTS)


def _keypoint_matches(gray: Floats) -> Matches:
    return matched(gray) if min(gray.shape) >= 2 * NEAREST else NO_MATCHES


def _exact(
    shades: Shades, groups: Iterator[tuple[Transform, Matches]], reach: float, fewest: int
) -> Iterator[Region]:
    """What each transform maps onto its equal, once the pixels have made it exact."""
    for transform, members in groups:
        exact = aligned(shades.slopes, transform, members.ends, reach, radius=5 * reach)
        if exact is not None and SCALES[0] < np.hypot(*exact[:, 0]) < SCALES[1]:
            region = coinciding(shades, exact, members, fewest)
            if region is not None:
                yield region


def is_copy(region: Region) -> bool:
    """Whether a region coincides with its source as copies do, not only resembles it."""
    if region.copy.mean() < LEAST_AREA:
        return False
    return OFFSET + float(np.dot(WEIGHTS, traits(region))) >= LEAST_SCORE


def traits(region: Region) -> NDArray[np.float64]:
    """(7,): what tells copies from things that resemble each other.

    How much of the local variance the two have in common, of their fine and their coarser texture,
    how many ways their edges run, how large they are, by how many grey levels they differ (what
    repeats in a scene is seldom lit alike), and whether one lies as the other does.
    """
    turn = complex(*region.transform[:, 0])
    near = abs(np.degrees(np.angle(turn))) < NEAR_DEGREES and abs(abs(turn) - 1) < NEAR_SCALE
    return np.array(
        [
            -np.log(max(1 - region.agreement, 1e-3)),
            *np.arctanh(np.clip(region.textures, -0.99, 0.99)),
            np.log(max(region.evenness, 1e-3)),
            np.log(max(region.copy.mean(), 1e-6)),
            abs(region.brighter),
            float(near),
        ]
    )


def unscaled(region: Region, factor: float) -> Copy:
    """The copy, with places in the picture at its own size, of which `factor` was compared."""
    whole = region.transform.copy()
    whole[:, 2] /= factor
    lines = (region.lines / factor).astype(np.float32)
    return Copy(whole, region.source, region.copy, lines, region.agreement)


def _scaled(image: Image, fewest: int) -> tuple[Floats, float]:
    """Luma of at least so many px, at most MOST_PIXELS, and by how much it was scaled."""
    height, width = image.shape[:2]
    target = min(max(height * width, fewest), MOST_PIXELS)
    factor = min((target / (height * width)) ** 0.5, 2.0)
    if factor == 1:
        return luma(image), 1.0
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return luma(np.asarray(cv2.resize(image, size, interpolation=kind), np.uint8)), factor
