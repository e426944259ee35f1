"""Parts of a picture that appear in it twice: keypoints find them, pixels confirm them.

I. Amerini et al., "A SIFT-Based Forensic Method for Copy-Move Attack Detection and Transformation
Recovery", IEEE TIFS 2011; X. Pan and S. Lyu, "Region Duplication Detection Using Image Feature
Matching", IEEE TIFS 2010. Keypoints are matched with each other, matches that agree on one
similarity transform are gathered, and the transform is kept where the pixels that it maps onto each
other agree in grey level, not only in pattern: windows and leaves resemble, copies coincide.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats, Image
from forensics.traces.areas import Mask, areas_of
from forensics.traces.keypoints import NEAREST, SCALES, Matches, matched
from forensics.traces.noise import luma

MOST_PIXELS = 640_000
"""A larger picture is reduced to so many px first."""
FEWEST_PIXELS = 250_000
"""A smaller one is enlarged to so many, by two at most: small regions then hold more keypoints."""
LEAST_SIDE = 48
MOST_SEEDS = 400
"""Transforms that are tried, evenly spread over the matches."""
LEAST_MATCHES = 4
"""Distinct keypoints at either end of the matches that a region must hold."""
MOST_OVERLAP = 0.1
"""Share of a region that may lie in the other one. A copy lies beside its source; letters turned
by half, stripes, blinds and rings lie on themselves."""
MOST_TRANSFORMS = 6
NEAR, REACH = 2.5, 0.04
"""px, and px per px from the match that gave the transform, by which a match may miss it."""
WINDOW = 15
AGREEMENT = 0.8
"""Share of the local variance that the mapped pixels must explain."""
LEAST_AGREEMENT, LEAST_AGREEMENT_NEAR = 0.90, 0.97
"""Median share that a whole region must reach; the second one where it lies neither turned nor
scaled, as windows, stripes and leaves do in untouched pictures."""
NEAR_DEGREES, NEAR_SCALE = 8.0, 0.08
MOST_BRIGHTER = 3.0
"""Grey levels by which two regions may differ on the mean: what repeats in a scene is seldom lit
alike."""
TEXTURE = 1.5
"""Grey levels of local deviation below which agreement says nothing."""
LEAST_AREA = 0.002
"""Share of the picture, from which on an area counts."""


@dataclass(frozen=True, eq=False)
class Copy:
    """One region that appears twice.

    `transform`: (2, 3) float64, maps px of the source onto px of the copy, both in the picture at
    its own size; which of the two came first is not known. `source`, `copy`: (R, C) bool, both
    regions in the reduced picture. `lines`: (N, 4) float32 x1 y1 x2 y2 px, matches between them.
    `agreement`: share of the local variance that source and copy have in common, [0, 1].
    """

    transform: NDArray[np.float64]
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
    height, width = image.shape[:2]
    if min(height, width) < LEAST_SIDE:
        return []
    gray, factor = _scaled(image)
    if min(gray.shape) < 2 * NEAREST:
        return []
    matches = matched(gray)
    smooth = np.asarray(cv2.GaussianBlur(gray, (0, 0), 1.0), np.float32)
    found = (_verified(smooth, *group, factor) for group in _agreeing(matches))
    copies = [copy for copy in found if copy is not None]
    return sorted(copies, key=lambda copy: -int(copy.copy.sum()))


def _scaled(image: Image) -> tuple[Floats, float]:
    """Luma at a size that keypoints are found well at, and by how much it was scaled."""
    height, width = image.shape[:2]
    target = min(max(height * width, FEWEST_PIXELS), MOST_PIXELS)
    factor = min((target / (height * width)) ** 0.5, 2.0)
    if factor == 1:
        return luma(image), 1.0
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return luma(np.asarray(cv2.resize(image, size, interpolation=kind), np.uint8)), factor


def _agreeing(matches: Matches) -> Iterator[tuple[NDArray[np.float64], Matches]]:
    """Groups of matches that share a similarity transform, largest first, with the transform."""
    for _ in range(MOST_TRANSFORMS):
        if len(matches) < LEAST_MATCHES:
            return
        group = _largest_group(matches)
        if group.sum() < LEAST_MATCHES:
            return
        members = matches[group]
        transform, _ = cv2.estimateAffinePartial2D(members.starts, members.ends, None, cv2.LMEDS)
        if transform is not None:
            yield np.asarray(transform, np.float64), members
        # The same matches in the other direction, and what lies near, belong to the same copy.
        matches = matches[~(group | _reversed_of(matches, members))]


def _largest_group(matches: Matches) -> Mask:
    starts, ends = _complex(matches.starts), _complex(matches.ends)
    seeds = np.unique(np.linspace(0, len(matches) - 1, MOST_SEEDS).astype(np.int64))
    offsets = starts - starts[seeds, None]
    misses = np.abs(ends[seeds, None] + matches.turns[seeds, None] * offsets - ends)
    alike = np.abs(matches.turns / matches.turns[seeds, None] - 1) < 1 / 3
    fits = (misses < NEAR + REACH * np.abs(offsets)) & alike
    return np.asarray(fits[int(np.argmax(fits.sum(axis=1)))])


def _reversed_of(matches: Matches, members: Matches) -> Mask:
    known = {tuple(row) for row in np.concatenate([members.ends, members.starts], axis=1)}
    rows = np.concatenate([matches.starts, matches.ends], axis=1)
    return np.array([tuple(row) in known for row in rows], bool)


def _verified(
    gray: Floats, transform: NDArray[np.float64], members: Matches, factor: float
) -> Copy | None:
    """Compare the pixels that a transform maps onto each other; None where they differ."""
    if not (SCALES[0] < np.hypot(*transform[:, 0]) < SCALES[1] and _distinct(members)):
        return None
    agreement = _agreement(gray, transform)
    region = (agreement > AGREEMENT) & (_moved(gray.shape, transform) > NEAREST**2)
    opened = cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    areas = areas_of(np.asarray(opened, bool), max(200, int(LEAST_AREA * gray.size)))
    ends = np.clip(members.ends.astype(int), 0, np.array(gray.shape[::-1]) - 1)
    held = [area for area in areas if _distinct(members[area[ends[:, 1], ends[:, 0]]])]
    if not held:
        return None
    copy = np.asarray(np.any(held, axis=0))
    inside = copy[ends[:, 1], ends[:, 0]]
    lines = np.concatenate([members.starts, members.ends], axis=1)[inside] / factor
    back = cv2.warpAffine(
        copy.astype(np.uint8), transform, gray.shape[::-1], flags=cv2.WARP_INVERSE_MAP
    )
    whole = transform.copy()
    whole[:, 2] /= factor
    share = float(np.median(agreement[copy]))
    found = Copy(whole, np.asarray(back, bool), copy, lines.astype(np.float32), share)
    near = abs(found.degrees) < NEAR_DEGREES and abs(found.scale - 1) < NEAR_SCALE
    least = LEAST_AGREEMENT_NEAR if near else LEAST_AGREEMENT
    dim = abs(_brighter(gray, transform, copy)) < MOST_BRIGHTER
    apart = float((found.copy & found.source).sum()) <= MOST_OVERLAP * float(copy.sum())
    return found if share >= least and dim and apart else None


def _distinct(members: Matches) -> bool:
    """Whether enough different keypoints are matched: one star resembles every other star."""
    ends = (members.starts, members.ends)
    return all(len(np.unique(np.rint(end), axis=0)) >= LEAST_MATCHES for end in ends)


def _agreement(gray: Floats, transform: NDArray[np.float64]) -> Floats:
    """1 less the mean squared difference over the sum of variances; 0 where there is no texture."""
    size = gray.shape[::-1]
    mapped = np.asarray(cv2.warpAffine(gray, transform, size), np.float32)
    there = cv2.warpAffine(np.ones_like(gray), transform, size, flags=cv2.INTER_NEAREST)
    window = (WINDOW, WINDOW)

    def mean(values: Floats) -> Floats:
        return np.asarray(cv2.boxFilter(values, -1, window), np.float32)

    spreads = [mean(np.square(part)) - np.square(mean(part)) for part in (gray, mapped)]
    difference = mean(np.square(gray - mapped))
    textured = np.minimum(*spreads) > TEXTURE**2
    whole = cv2.erode(there, np.ones(window, np.uint8)) > 0
    agreement = 1 - difference / np.maximum(spreads[0] + spreads[1], 1e-3)
    return np.where(textured & whole, agreement, 0).astype(np.float32)


def _brighter(gray: Floats, transform: NDArray[np.float64], copy: Mask) -> float:
    """By how many grey levels the copy is brighter than its source."""
    mapped = cv2.warpAffine(gray, transform, gray.shape[::-1])
    return float((gray - mapped)[copy].mean())


def _moved(shape: tuple[int, ...], transform: NDArray[np.float64]) -> Floats:
    """Square of the distance in px of each pixel from its source."""
    inverse = cv2.invertAffineTransform(transform)
    y, x = np.arange(shape[0], dtype=np.float32)[:, None], np.arange(shape[1], dtype=np.float32)
    across = np.float32(inverse[0, 0] - 1) * x + np.float32(inverse[0, 2])
    down = np.float32(inverse[1, 0]) * x + np.float32(inverse[1, 2])
    u = across + np.float32(inverse[0, 1]) * y
    v = down + np.float32(inverse[1, 1] - 1) * y
    return np.asarray(np.square(u) + np.square(v), np.float32)


def _complex(places: NDArray[np.float64]) -> NDArray[np.complex128]:
    return np.asarray(places[:, 0] + 1j * places[:, 1])
