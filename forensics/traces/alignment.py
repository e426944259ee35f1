"""A similarity transform made exact by the pixels that it maps onto each other.

B. Lucas and T. Kanade, "An Iterative Image Registration Technique...", IJCAI 1981: Gauss-Newton on
grey levels, coarse to fine, with weights that fall off where pixels disagree.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats
from forensics.traces.matches import Transform, spread_over

RIM = 2
LEAST_PIXELS = 100
LOST = 0.25
"""Share of the reach. What is a copy has come to rest after the first steps; what only resembles
itself wanders on."""


@dataclass(frozen=True)
class Descent:
    """How a descent goes, and when it ends.

    `blur`: px; `pixels`: compared at most; `steps`: at most; `enough`: px by which a step must move
    something to be followed by another one; `lost`: px of the last step allowed from which on
    nothing was found.
    """

    blur: float
    pixels: int
    steps: int
    enough: float
    lost: float = np.inf


FINEST = Descent(blur=1.0, pixels=1600, steps=8, enough=0.01)
Motion = tuple[complex, complex]
"""A turn, with scale, and a shift in px."""
Places = tuple[NDArray[np.int64], NDArray[np.int64]]
"""(N,) rows and (N,) columns."""


class Slopes:
    """(H, W) luma, smoothed as often as is asked for, with its slopes; each computed once."""

    def __init__(self, gray: Floats) -> None:
        self.gray = gray
        self._known: dict[float, Floats] = {}

    def at(self, blur: float) -> Floats:
        """The luma after a Gaussian of `blur` px, and its slopes across and down, per px.

        (H, W, 4) float32: cv2.remap looks up four channels at once three times faster than three
        one by one; the last one repeats the first.
        """
        if blur not in self._known:
            smooth = np.asarray(cv2.GaussianBlur(self.gray, (0, 0), blur), np.float32)
            slopes = [cv2.Sobel(smooth, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1))]
            self._known[blur] = np.asarray(cv2.merge([smooth, *slopes, smooth]), np.float32)
        return self._known[blur]


def aligned(
    slopes: Slopes, transform: Transform, ends: NDArray[np.float64], reach: float, radius: float
) -> Transform | None:
    """The (2, 3) transform that maps sources best onto what lies around `ends`.

    Args:
        slopes: of the picture.
        transform: (2, 3), source to copy, px.
        ends: (N, 2) px in the copy.
        reach: px by which `transform` may miss, about.
        radius: px around every end that are compared.

    Returns:
        None where too few pixels have a source in the picture, none has texture, or no transform
        near the given one fits.
    """
    around = _around(ends, max(2, round(radius)), slopes.gray.shape)
    centre = _centre(around)
    inverse = cv2.invertAffineTransform(transform)
    middle = inverse[:, :2] @ centre + inverse[:, 2]
    found: Motion | None = (complex(inverse[0, 0], inverse[1, 0]), complex(*middle))
    coarse = Descent(blur=reach, pixels=800, steps=6, enough=0.05, lost=LOST * reach)
    for until in (coarse, FINEST):
        if found is not None:
            found = _descended(slopes, around, found, until, radius)
    if found is None:
        return None
    turn, shift = found
    whole = np.array([[turn.real, -turn.imag, 0], [turn.imag, turn.real, 0]])
    whole[:, 2] = np.array([shift.real, shift.imag]) - whole[:, :2] @ centre
    return np.asarray(cv2.invertAffineTransform(whole), np.float64)


def _centre(around: Places) -> NDArray[np.float64]:
    """(2,) x y px: where the middle of (rows, columns) lies."""
    return np.array([places.mean() for places in around[::-1]])


def _descended(
    slopes: Slopes, around: Places, start: Motion, until: Descent, radius: float
) -> Motion | None:
    """What steps make of a turn about the middle and a shift; None where they find no end."""
    maps, centre = slopes.at(until.blur), _centre(around)
    height, width = maps.shape[:2]
    rows, columns = (each[spread_over(len(each), until.pixels)] for each in around)
    places = (columns - centre[0]) + 1j * (rows - centre[1])
    turned = np.stack([places.real, places.imag])
    wanted = maps[rows, columns, 0]
    turn, shift = start
    moved = 0.0
    for _ in range(until.steps):
        sources = turn * places + shift
        x, y = sources.real.copy(), sources.imag.copy()
        inside = (x > RIM) & (x < width - RIM) & (y > RIM) & (y < height - RIM)
        if np.count_nonzero(inside) < LEAST_PIXELS:
            return None
        step = _step(maps, (x, y), turned, wanted, inside)
        if step is None:
            return None
        turn, shift = turn + step[0], shift + step[1]
        moved = max(abs(step[1]), abs(step[0]) * radius)
        if moved < until.enough:
            break
    return None if moved > until.lost else (turn, shift)


def _around(ends: NDArray[np.float64], radius: int, shape: tuple[int, ...]) -> Places:
    """Rows and columns of all px of the picture within `radius` of an end."""
    places = np.rint(ends).astype(np.int64)
    low = np.maximum(places.min(axis=0) - radius, 0)
    high = np.minimum(places.max(axis=0) + radius + 1, shape[::-1])
    mask = np.zeros((high - low)[::-1], np.uint8)
    for x, y in (places - low).tolist():
        cv2.circle(mask, (x, y), radius, 1, -1)
    rows, columns = np.nonzero(mask)
    return rows + low[1], columns + low[0]


def _step(
    maps: Floats,
    sources: tuple[NDArray[np.float64], NDArray[np.float64]],
    places: NDArray[np.float64],
    wanted: Floats,
    inside: NDArray[np.bool_],
) -> Motion | None:
    """Change of turn and shift that lowers the weighted squared differences; None if undefined."""
    x, y = (part.astype(np.float32)[None] for part in sources)
    found, across, down, _ = np.ascontiguousarray(cv2.remap(maps, x, y, cv2.INTER_LINEAR)[0].T)
    missing = wanted - found
    chosen = slice(None) if inside.all() else inside
    missing -= _median(missing[chosen])
    spread = 1.4826 * _median(np.abs(missing[chosen])) + 0.5
    weights = inside / (1 + np.square(missing / (2 * spread)))
    across, down = across.astype(np.float64), down.astype(np.float64)
    turning = across * places[0] + down * places[1], down * places[0] - across * places[1]
    slopes = np.stack([*turning, across, down])
    weighted = slopes * weights
    normal = weighted @ slopes.T
    sizes, ways = np.linalg.eigh(normal)
    if sizes[0] <= sizes[-1] * len(sizes) * np.finfo(np.float64).eps:
        return None
    change = ways @ ((weighted @ missing) @ ways / sizes)
    return complex(change[0], change[1]), complex(change[2], change[3])


def _median(values: Floats) -> float:
    """What `np.median` gives, in a third of its time for some thousands of values."""
    half, odd = divmod(len(values), 2)
    parted = np.partition(values, half if odd else (half - 1, half))
    return float(parted[half] if odd else (parted[half - 1] + parted[half]) / 2)
