"""Windows whose fine texture follows other rules than the rest of the picture.

D. Cozzolino, G. Poggi and L. Verdoliva, "Splicebuster: a New Blind Image Splicing Detector", WIFS
2015: co-occurrences of quantised third differences, a Gaussian for the host picture, and the
distance from it. Here the Gaussian is fitted to the nearer three fifths of the windows, in rounds,
which plays the part of the paper's mixture with an outlier class, after what the amount of texture
explains has been taken away, because otherwise every sky lies far from the rest.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats, Image, Map
from forensics.traces.noise import luma

BLOCK = 8
"""Patterns are counted in blocks of a multiple of this side in px; a window holds some blocks."""
STEP = 2.0
"""Grey levels of a third difference in one quantisation step, as in the paper."""
WINDOW = 64
"""Side of a window in px, to the nearest number of whole blocks, at least one."""
LEAST_ACROSS = 3
"""Windows side by side, without overlap, that the shorter side must hold."""
MOST_SIDE = 96
"""Window positions along the longer side."""
DIMENSIONS = 8
KEPT = 0.6
DEGREES = 4
ROUNDS = 8
LEAST_WINDOWS = 80
CLASSES = 25
FLAT = 0.9
"""Share of patterns without any change from which on a window is called flat, and left out."""
STRIP_ROWS = 512
ENOUGH_PIXELS = 3_000_000
"""Above it only every second or fourth row and column is read: enough for a window's shares."""


@dataclass(frozen=True, eq=False)
class Texture:
    """`distances`: (R, C) float32, squared Mahalanobis distance over its median, 0 in flat windows.

    Windows have `window` px a side and start at multiples of `stride` px in a picture of `shape`.
    """

    distances: Floats
    window: int
    stride: int
    shape: tuple[int, int]


def texture_distances(image: Image) -> Texture | None:
    """How unlike the rest each window of (H, W, 3) uint8 RGB is; None where it is too small."""
    height, width = image.shape[:2]
    if min(height, width) < LEAST_ACROSS * WINDOW:
        return None
    block = BLOCK * max(1, -(-max(height, width) // (MOST_SIDE * BLOCK)))
    across = max(1, round(WINDOW / block))
    features, still = _window_features(_counts(image, block), across)
    textured = still < FLAT
    distances = np.zeros(textured.shape, np.float32)
    if textured.sum() >= LEAST_WINDOWS:
        found = _distances(_without_cause(features[textured], np.log(1 - still[textured])))
        distances[textured] = found / max(float(np.median(found)), 1e-6)
    return Texture(distances, across * block, block, (height, width))


def texture_map(texture: Texture) -> Map:
    """Distances over the whole picture, scaled to [0, 1], so that 0.5 marks four times the median.

    What lies nearer to the border than half a window takes the value of the nearest window.
    """
    rows, columns = (-(-length // texture.stride) for length in texture.shape)
    half = (texture.window / texture.stride - 1) / 2
    height, width = texture.distances.shape
    y = np.clip(np.rint(np.arange(rows) - half).astype(int), 0, height - 1)
    x = np.clip(np.rint(np.arange(columns) - half).astype(int), 0, width - 1)
    scaled: Map = np.clip(texture.distances[np.ix_(y, x)] / 8, 0, 1)
    return scaled.astype(np.float32)


def _counts(image: Image, block: int) -> Floats:
    """(R, C, 50) counts of the patterns whose first pixel lies in each block."""
    rows, columns = image.shape[0] // block, image.shape[1] // block
    strip = max(1, STRIP_ROWS // block) * block
    step = next(s for s in (1, 2, 4, BLOCK) if image.size <= 3 * s * ENOUGH_PIXELS or s == BLOCK)
    parts = []
    for top in range(0, rows * block, strip):
        bottom = min(top + strip, rows * block)
        # A pattern reaches six pixels on: the strip does too.
        gray = luma(image[top : bottom + 2 * BLOCK])
        shape = ((bottom - top) // block, columns)
        parts.append(_strip_counts(gray, shape, block, step))
    return np.concatenate(parts)


def _strip_counts(gray: Floats, shape: tuple[int, int], block: int, step: int) -> Floats:
    """Patterns along every `step`-th row and every `step`-th column, by block."""
    across = _by_block(_codes(gray[::step]), shape, (block // step, block))
    turned = _codes(np.ascontiguousarray(gray[:, ::step].T))
    down = _by_block(turned, shape[::-1], (block // step, block))
    return np.concatenate([across, down.swapaxes(0, 1)], axis=2)


def _codes(gray: Floats) -> NDArray[np.uint8]:
    """(H, W - 6) class, 0 to 24, of four neighbouring third differences along a row."""
    third = gray[:, 3:] - gray[:, :-3] - 3 * (gray[:, 2:-1] - gray[:, 1:-2])
    level = (third > -STEP / 2).view(np.uint8) + (third > STEP / 2).view(np.uint8)
    pairs = 3 * level[:, :-1] + level[:, 1:]
    codes = 9 * pairs[:, :-2] + pairs[:, 2:]
    return np.take(_classes(), codes)


def _by_block(codes: NDArray[np.uint8], shape: tuple[int, int], block: tuple[int, int]) -> Floats:
    """(R, C, 25) counts of codes in R x C blocks of the given height and width."""
    rows, columns = shape
    codes = codes[: rows * block[0], : columns * block[1]]
    y, x = (
        np.arange(n, dtype=np.int32) // side for n, side in zip(codes.shape, block, strict=True)
    )
    places = (y[:, None] * columns + x) * CLASSES + codes
    counts = np.bincount(places.ravel(), minlength=rows * columns * CLASSES)
    return counts.reshape(rows, columns, CLASSES).astype(np.float32)


@cache
def _classes() -> NDArray[np.uint8]:
    """Class of each of the 81 patterns; one, its mirror image and its negative share a class."""
    digits = np.stack(np.unravel_index(np.arange(81), (3, 3, 3, 3)), axis=1)
    weights = np.asarray([27, 9, 3, 1])
    alike = [digits, digits[:, ::-1], 2 - digits, 2 - digits[:, ::-1]]
    smallest = np.min([variant @ weights for variant in alike], axis=0)
    return np.unique(smallest, return_inverse=True)[1].astype(np.uint8)


def _window_features(counts: Floats, side: int) -> tuple[Floats, Floats]:
    """Square roots of the shares of the patterns in every window, and the share without change."""
    sums = np.zeros((counts.shape[0] + 1, counts.shape[1] + 1, counts.shape[2]))
    np.cumsum(np.cumsum(counts, axis=0), axis=1, out=sums[1:, 1:])
    totals = sums[side:, side:] - sums[side:, :-side] - sums[:-side, side:] + sums[:-side, :-side]
    both = totals.reshape(*totals.shape[:2], 2, CLASSES)
    shares = both / np.maximum(both.sum(axis=3, keepdims=True), 1)
    still = shares[..., _classes()[40]].max(axis=2)
    return np.sqrt(shares).reshape(totals.shape).astype(np.float32), still.astype(np.float32)


def _without_cause(features: Floats, cause: Floats) -> NDArray[np.float64]:
    """What a cubic of `cause`, fitted to each column, does not explain."""
    powers = np.vander(cause.astype(np.float64), DEGREES)
    wanted = features.astype(np.float64)
    return np.asarray(wanted - powers @ np.linalg.lstsq(powers, wanted, rcond=None)[0])


def _distances(features: NDArray[np.float64]) -> Floats:
    """Squared Mahalanobis distance of each row from the Gaussian of the nearer three fifths."""
    projected = _principal(features)
    kept = np.ones(len(projected), bool)
    distances = np.zeros(len(projected))
    for _ in range(ROUNDS):
        mean = projected[kept].mean(axis=0)
        spread = np.cov(projected[kept].T) + 1e-9 * np.eye(projected.shape[1])
        offsets = projected - mean
        distances = np.einsum("ij,ij->i", offsets @ np.linalg.inv(spread), offsets)
        kept = distances <= np.quantile(distances, KEPT)
    return distances.astype(np.float32)


def _principal(features: NDArray[np.float64]) -> NDArray[np.float64]:
    # Eigenvectors come in the order of growing eigenvalues.
    _, vectors = np.linalg.eigh(np.cov(features.T))
    return np.asarray(features @ vectors[:, : -DIMENSIONS - 1 : -1])
