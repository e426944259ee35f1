"""Matches between parts of one picture, and groups of them that share a similarity transform."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Transform = NDArray[np.float64]
MOST_SEEDS = 400
"""Transforms that are tried, evenly spread over the matches."""
ALIKE_TURNS = 1 / 3
"""Share by which scale and turn of two matches in one group may differ."""


@dataclass(frozen=True, eq=False)
class Matches:
    """Pairs of places that resemble each other.

    `starts`, `ends`: (N, 2) px; `turns`: (N,) complex, scale and turn of end against start.
    """

    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    turns: NDArray[np.complex128]

    def __getitem__(self, chosen: Mask | NDArray[np.int64]) -> "Matches":
        return Matches(self.starts[chosen], self.ends[chosen], self.turns[chosen])

    def __len__(self) -> int:
        return len(self.turns)

    def scaled(self, factor: float) -> "Matches":
        """The same matches in a picture `factor` times as large."""
        return Matches(self.starts * factor, self.ends * factor, self.turns)


@dataclass(frozen=True)
class Tolerance:
    """What one group is.

    `near` px, and `reach` px per px from the seed, by which a match may miss the seed's transform;
    `fewest` matches; `far` px from the seed, beyond which no match belongs.
    """

    near: float
    reach: float
    fewest: int
    far: float = np.inf

    def scaled(self, factor: float) -> "Tolerance":
        """The same in a picture `factor` times as large."""
        return Tolerance(self.near * factor, self.reach, self.fewest, self.far * factor)


NO_MATCHES = Matches(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, np.complex128))


def spread_over(count: int, most: int) -> NDArray[np.int64]:
    """At most so many of `count` indices, in order and evenly spread."""
    if count <= most:
        return np.arange(count)
    places = np.linspace(0, count - 1, most).astype(np.int64)
    return np.asarray(places[np.append(True, places[1:] > places[:-1])])


def agreeing(
    matches: Matches, most: int, tolerance: Tolerance
) -> Iterator[tuple[Transform, Matches]]:
    """Groups of matches that share a (2, 3) similarity transform, largest first.

    Args:
        matches: all of them.
        most: groups to look for.
        tolerance: what one group is.
    """
    for _ in range(most):
        if len(matches) < tolerance.fewest:
            return
        group = _largest_group(matches, tolerance)
        if group.sum() < tolerance.fewest:
            return
        members = matches[group]
        transform, _ = cv2.estimateAffinePartial2D(members.starts, members.ends, None, cv2.LMEDS)
        if transform is not None:
            yield np.asarray(transform, np.float64), members
        # The same matches in the other direction belong to the same copy.
        matches = matches[~(group | _reversed_of(matches, members))]


def _largest_group(matches: Matches, tolerance: Tolerance) -> Mask:
    starts, ends = _complex(matches.starts), _complex(matches.ends)
    seeds = spread_over(len(matches), MOST_SEEDS)
    offsets = starts - starts[seeds, None]
    misses = np.abs(ends[seeds, None] + matches.turns[seeds, None] * offsets - ends)
    alike = np.abs(matches.turns / matches.turns[seeds, None] - 1) < ALIKE_TURNS
    away = np.abs(offsets)
    fits = (misses < tolerance.near + tolerance.reach * away) & alike & (away < tolerance.far)
    return np.asarray(fits[int(np.argmax(fits.sum(axis=1)))])


def _reversed_of(matches: Matches, members: Matches) -> Mask:
    known = {tuple(row) for row in np.concatenate([members.ends, members.starts], axis=1)}
    rows = np.concatenate([matches.starts, matches.ends], axis=1)
    return np.array([tuple(row) in known for row in rows], bool)


def _complex(places: NDArray[np.float64]) -> NDArray[np.complex128]:
    return np.asarray(places[:, 0] + 1j * places[:, 1])
