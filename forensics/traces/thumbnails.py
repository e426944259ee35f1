"""Whether an embedded thumbnail shows what the picture shows, wherever it was cropped or filtered.

E. Kee and H. Farid, "Digital Image Authentication from Thumbnails", SPIE 7541, 2010, look at how a
camera makes its thumbnail; here only the content is compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats, Map

WINDOW = 15
"""Side in thumbnail pixels of the window in which the two are correlated."""
BLUR = 1.2
"""Standard deviation in thumbnail pixels: both are made equally soft first."""
SCALES = np.geomspace(1.0, 2.6, 20)
BARS = 16.0
"""Rows and columns at the border without a brighter grey level are bars, not picture."""
LEAST_SIDE = 24
TEXTURE = 8.0
"""Standard deviation in grey levels below which a window has nothing to compare."""
UNLIKE = 0.3
"""Correlation of a window below which its content differs."""
CHANCE = 1 / 4
"""Power of the overlap's share by which its correlation is weighted where places compete."""
FILLED = 0.93
SAME = 0.8
"""Correlation of the whole above which the two show the same."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """A thumbnail laid over its picture where the two correlate best.

    `correlation`: of the overlap, -1 to 1; `picture_share` and `thumbnail_share`: how much of
    each lies in the overlap; `differing_share`: of the comparable windows, how many show other
    content; `map`: (h, w) float32 in [0, 1] over the picture, 1 where the content differs.
    """

    correlation: float
    picture_share: float
    thumbnail_share: float
    differing_share: float
    map: Map


def compare_thumbnail(picture: Floats, thumbnail: Floats) -> Comparison | None:
    """Lay a thumbnail over its picture, either one a crop of the other, in one of four turns.

    Args:
        picture: (H, W) float32 grey levels.
        thumbnail: (h, w) float32 grey levels.

    Returns:
        None where one of them has fewer than 24 px on a side, or nothing to compare.
    """
    thumbnail = without_bars(thumbnail)
    if min(*thumbnail.shape, *picture.shape) < LEAST_SIDE:
        return None
    found: list[_Overlap] = []
    for turns in (0, 1, 3, 2):
        found += _overlaps(picture, np.ascontiguousarray(np.rot90(thumbnail, turns)))
        # Most thumbnails lie as their pictures do.
        if max((one.correlation for one in found), default=-1) >= SAME:
            break
    best = max(found, key=lambda one: one.correlation * one.weight, default=None)
    return None if best is None else best.compared()


def without_bars(thumbnail: Floats) -> Floats:
    """Cut off black bars, which cameras add where the shapes differ."""
    rows = np.flatnonzero(thumbnail.max(axis=1) > BARS)
    columns = np.flatnonzero(thumbnail.max(axis=0) > BARS)
    if not len(rows) or not len(columns):
        return thumbnail[:0, :0]
    return thumbnail[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@dataclass(frozen=True, eq=False)
class _Overlap:
    """Two equally large parts, and what shares of picture and thumbnail they are."""

    correlation: float
    picture: Floats
    thumbnail: Floats
    shares: tuple[float, float]
    place: tuple[slice, slice]
    shape: tuple[int, ...]

    @property
    def weight(self) -> float:
        """What correlation counts: a small overlap fits somewhere by chance."""
        return float((self.shares[0] * self.shares[1]) ** CHANCE)

    def compared(self) -> Comparison:
        differs, comparable = _unlike(self.picture, self.thumbnail)
        heatmap = np.zeros(self.shape, dtype=np.float32)
        heatmap[self.place] = differs
        share = float((differs > 1 / 2)[comparable].mean()) if comparable.any() else 0.0
        return Comparison(self.correlation, *self.shares, share, heatmap)


def _overlaps(picture: Floats, thumbnail: Floats) -> Iterator[_Overlap]:
    """The best place at every scale, with the picture the larger one and with the thumbnail."""
    height, width = thumbnail.shape
    cover = max(height / picture.shape[0], width / picture.shape[1])
    fit = min(height / picture.shape[0], width / picture.shape[1])
    for scale in SCALES:
        if (large := _resized(picture, cover * scale, (height, width))) is not None:
            yield _placed(large, thumbnail, picture_is_larger=True)
        if scale > 1 and (small := _resized(picture, fit / scale, None)) is not None:
            yield _placed(small, thumbnail, picture_is_larger=False)


def _resized(picture: Floats, factor: float, least: tuple[int, int] | None) -> Floats | None:
    height, width = (max(1, round(side * factor)) for side in picture.shape)
    if least is not None:
        height, width = max(height, least[0]), max(width, least[1])
    if min(height, width) < LEAST_SIDE or factor > 1:
        return None
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))


def _placed(picture: Floats, thumbnail: Floats, *, picture_is_larger: bool) -> _Overlap:
    large, small = (picture, thumbnail) if picture_is_larger else (thumbnail, picture)
    scores = np.nan_to_num(cv2.matchTemplate(large, small, cv2.TM_CCOEFF_NORMED), posinf=0)
    _, best, _, (left, top) = cv2.minMaxLoc(scores)
    place = (slice(top, top + small.shape[0]), slice(left, left + small.shape[1]))
    share = small.size / large.size
    if picture_is_larger:
        return _Overlap(best, picture[place], thumbnail, (share, 1.0), place, picture.shape)
    everything = (slice(None), slice(None))
    return _Overlap(best, picture, thumbnail[place], (1.0, share), everything, picture.shape)


def _unlike(first: Floats, second: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """(h, w) how unlike each window is, 0 to 1, and where there is anything to compare."""
    soft = [
        np.asarray(cv2.GaussianBlur(each, (0, 0), BLUR), np.float32) for each in (first, second)
    ]
    means = [_mean(each) for each in soft]
    deviations = [
        np.sqrt(np.maximum(_mean(each * each) - mean * mean, 0))
        for each, mean in zip(soft, means, strict=True)
    ]
    covariance = _mean(soft[0] * soft[1]) - means[0] * means[1]
    # A window that one of them leaves flat differs where the other has texture.
    correlation = covariance / np.maximum(deviations[0] * deviations[1], TEXTURE**2 / 4)
    comparable = np.maximum(*deviations) >= TEXTURE
    unlike = np.clip(0.5 + (UNLIKE - correlation), 0, 1)
    return np.where(comparable, unlike, 0).astype(np.float32), comparable


def _mean(values: Floats) -> Floats:
    return np.asarray(cv2.blur(values, (WINDOW, WINDOW), borderType=cv2.BORDER_REFLECT))
