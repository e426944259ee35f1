"""Parts of a picture that resemble others of the same picture, compared on a dense grid.

Keypoints sit on corners and blobs; a copied cheek, wall or cloud has none. Here discs around every
grid point are described by circular harmonics, of which the products between rings do not change
when the picture turns, and each disc is compared with all others, also with larger ones. After
D. Cozzolino, G. Poggi, L. Verdoliva, "Efficient Dense-Field Copy-Move Forgery Detection", IEEE TIFS
2015, who search such a field with PatchMatch; a reduced picture is small enough to compare all.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats
from forensics.traces.matches import NO_MATCHES, Mask, Matches

MOST_PIXELS = 66_000
"""A larger picture is reduced to so many px."""
STEP = 3
"""px between grid points."""
RADIUS = 10
"""px of a disc; regions of less than two of them are too small."""
RINGS, WIDTH = (0.35, 0.65, 0.95), 0.16
ORDERS = (1, 2, 3, 4)
PAIRS = ((0, 1), (1, 2), (0, 2))
ENLARGED = (1.0, 1.1, 1.21)
"""Sizes of the discs that are compared with those of RADIUS: one direction of a copy is the
larger one."""
MEAN_WEIGHT = 4.0
LEAST_ENERGY = 12.0
"""Length of a description below which a disc is too flat to be compared."""
APART = 16
"""px along either axis within which two discs are one place."""
MOST_BRIGHTER = 6.0
UNLIKE = 0.25
"""Distance of two unit descriptions up to which they match."""
ANGLES = 72
PHASES = 3
"""Lowest orders, of which the phases tell the turn."""
NEAR, REACH = 3.0, 0.2
"""px, and px per px of distance, by which a neighbour's match may miss."""
NEIGHBOURS, VOTES = 3, 8
"""Grid points in each direction that are asked, and how many of them must agree."""
ROWS = 64


@dataclass(frozen=True, eq=False)
class _Discs:
    """(N, D) unit descriptions, their (N,) energies and means, (N, orders x rings) harmonics."""

    unit: Floats
    energy: Floats
    mean: Floats
    harmonics: NDArray[np.complex64]


def dense_matches(gray: Floats) -> Matches:
    """Matches between discs of (H, W) luma in [0, 255], in px; none where it is too small."""
    factor = min(1.0, (MOST_PIXELS / gray.size) ** 0.5)
    if factor < 1:
        size = (max(1, round(gray.shape[1] * factor)), max(1, round(gray.shape[0] * factor)))
        gray = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA))
    if min(gray.shape) < 4 * RADIUS:
        return NO_MATCHES
    smooth = np.asarray(cv2.GaussianBlur(gray, (0, 0), 0.8), np.float32)
    rows, columns = (np.arange(RADIUS, side - RADIUS, STEP) for side in gray.shape)
    discs = [_described(smooth, RADIUS * scale, rows, columns) for scale in ENLARGED]
    places = np.stack([part.ravel() for part in np.meshgrid(columns, rows)], axis=1).astype(float)
    first, second, larger = _nearest(discs, places.astype(np.float32))
    if not len(first):
        return NO_MATCHES
    turns = np.array(ENLARGED)[larger] * np.exp(1j * _angles(discs, first, second, larger))
    found = Matches(places[first], places[second], turns)
    return found[_confirmed(found, first, (len(rows), len(columns)))].scaled(1 / factor)


def _described(
    gray: Floats, radius: float, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> _Discs:
    """Circular harmonics of rings around each place, and what of them no turn changes."""
    kernels = _kernels(radius)
    side = kernels.shape[1]
    padded = np.pad(gray, side // 2, mode="reflect")
    patches = np.lib.stride_tricks.sliding_window_view(padded, (side, side))
    count, flat = len(rows) * len(columns), kernels.reshape(len(kernels), -1).T
    # A row at a time: the patches of all would not fit into any cache.
    found = np.concatenate(
        [patches[row, columns].reshape(len(columns), -1) @ flat for row in rows]
    ).T
    means = found[: len(RINGS)]
    real, imaginary = found[len(RINGS) :].reshape(2, len(RINGS), len(ORDERS), count)
    rings = real + 1j * imaginary
    products = np.array([rings[a] * np.conj(rings[b]) for a, b in PAIRS])
    products = (products / np.sqrt(np.abs(products) + 1e-6)).reshape(-1, count)
    sizes, mean = np.abs(rings).reshape(-1, count), means.mean(axis=0)
    parts = [products.real, products.imag, sizes, MEAN_WEIGHT * (means - mean)]
    description = np.concatenate(parts).T.astype(np.float32)
    energy = np.linalg.norm(description, axis=1)
    unit = description / np.maximum(energy, 1e-3)[:, None]
    return _Discs(unit, energy, mean, rings[:, :PHASES].reshape(-1, count).T.astype(np.complex64))


@cache
def _kernels(radius: float) -> Floats:
    """(27, S, S): means of the rings, then the real and the imaginary parts of their harmonics."""
    reach = int(np.ceil(radius * 1.3))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    away, angle = np.hypot(x, y) / radius, np.arctan2(y, x)
    rings = [np.exp(-np.square((away - ring) / WIDTH) / 2) for ring in RINGS]
    waves = np.array([[ring * np.exp(-1j * order * angle) for order in ORDERS] for ring in rings])
    waves -= waves.mean(axis=(2, 3), keepdims=True)
    waves /= np.sqrt([np.square(ring).sum() for ring in rings])[:, None, None, None]
    means = [ring / ring.sum() for ring in rings]
    side = 2 * reach + 1
    flat = [part.reshape(-1, side, side) for part in (waves.real, waves.imag)]
    return np.concatenate([np.array(means), *flat]).astype(np.float32)


def _nearest(discs: list[_Discs], places: Floats) -> tuple[NDArray[np.int64], ...]:
    """Indices of discs, of the most alike one elsewhere, and of that one's size."""
    means, energies = discs[0].mean, discs[0].energy
    # By brightness, those that a disc may be compared with are a band.
    order = np.argsort(means, kind="stable")
    means, places = means[order], places[order]
    units = [disc.unit[order] for disc in discs]
    asked = np.flatnonzero(energies[order] > LEAST_ENERGY)
    best, found = np.full(len(places), -1), np.full(len(places), -2, np.float32)
    size = np.zeros(len(places), np.int64)
    for start in range(0, len(asked), ROWS):
        part = asked[start : start + ROWS]
        ends = (means[part[0]] - MOST_BRIGHTER, means[part[-1]] + MOST_BRIGHTER)
        low, high = np.searchsorted(means, ends[0]), np.searchsorted(means, ends[1], side="right")
        barred = np.abs(means[part, None] - means[low:high]) > MOST_BRIGHTER
        near = np.abs(places[part, None, 0] - places[low:high, 0]) < APART
        barred |= near & (np.abs(places[part, None, 1] - places[low:high, 1]) < APART)
        for index, unit in enumerate(units):
            likeness = units[0][part] @ unit[low:high].T
            np.putmask(likeness, barred, -1)
            nearest = likeness.argmax(axis=1)
            value = likeness[np.arange(len(part)), nearest]
            better = value > found[part]
            chosen = part[better]
            best[chosen], found[chosen], size[chosen] = low + nearest[better], value[better], index
    kept = np.flatnonzero(found > 1 - UNLIKE**2 / 2)
    kept = kept[np.argsort(order[kept])]
    return order[kept], order[best[kept]], size[kept]


def _angles(
    discs: list[_Discs],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    larger: NDArray[np.int64],
) -> NDArray[np.float64]:
    """The turn that best explains the phases of each pair of discs, in radians."""
    ends = np.stack([disc.harmonics for disc in discs])[larger, second]
    phases = discs[0].harmonics[first] * np.conj(ends)
    angles = np.linspace(-np.pi, np.pi, ANGLES, endpoint=False)
    orders = np.tile(ORDERS[:PHASES], len(RINGS))
    scores = (phases @ np.exp(-1j * np.outer(orders, angles)).astype(np.complex64)).real
    return np.asarray(angles[scores.argmax(axis=1)])


def _confirmed(found: Matches, first: NDArray[np.int64], shape: tuple[int, ...]) -> Mask:
    """Whether enough grid neighbours of a match lead to where its own transform puts them."""
    index = np.full((shape[0] + 2 * NEIGHBOURS, shape[1] + 2 * NEIGHBOURS), -1)
    rows, columns = np.unravel_index(first, shape)
    rows, columns = rows + NEIGHBOURS, columns + NEIGHBOURS
    index[rows, columns] = np.arange(len(first))
    starts, ends = found.starts @ (1, 1j), found.ends @ (1, 1j)
    votes = np.zeros(len(first), np.int64)
    for down in range(-NEIGHBOURS, NEIGHBOURS + 1):
        for across in range(-NEIGHBOURS, NEIGHBOURS + 1):
            other = index[rows + down, columns + across]
            offset = starts[other] - starts
            miss = np.abs(ends + found.turns * offset - ends[other])
            votes += (other >= 0) & (miss < NEAR + REACH * np.abs(offset))
    return np.asarray(votes > VOTES)  # its own vote counts too
