"""Exact nearest neighbours of unit vectors in memory: every cosine is computed, none is missed."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats

ROWS = 65_536
"""Rows of one block."""

PIECE, MOST_THREADS = 16_384, 4
"""Rows that one thread works through at a time, and how many threads at most."""

TOLERANCE = 1e-3
"""How far a vector's squared length may be from 1."""

Ids = NDArray[np.int64]


Labels = NDArray[np.intp]


def unit_rows(vectors: Floats) -> Floats:
    """Scale (N, D) rows to length 1."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)


def clusters(vectors: Floats, count: int, seed: int, *, rounds: int = 50) -> Labels:
    """Sort unit vectors into `count` groups of like looks: k-means on the sphere, (N,) labels."""
    rng = np.random.default_rng(seed)
    centres = vectors[rng.choice(len(vectors), count, replace=False)].astype(np.float64)
    groups = np.zeros(len(vectors), np.intp)
    for _ in range(rounds):
        groups = np.argmax(vectors @ centres.T, axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, groups, vectors)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        # A group that lost all its members stays where it was.
        centres = np.where(lengths > 0, sums / np.maximum(lengths, 1e-12), centres)
    return groups


class VectorBlocks:
    """Vectors with their ids, in blocks of equal size, so that growing copies nothing."""

    def __init__(self) -> None:
        """Start without vectors; the first ones set the number of dimensions."""
        self.count = 0
        self._blocks: list[Floats] = []
        self._ids: list[Ids] = []

    def append(self, ids: Ids, vectors: Floats) -> None:
        """Add (N, D) float32 vectors of length 1 with their (N,) ids, which rise.

        A whole block (`ROWS` vectors where the last block is full) is kept as it is, not copied.

        Raises:
            ValueError: another D than before, or a vector whose length is not 1.
        """
        if self._blocks and vectors.shape[1] != self._blocks[0].shape[1]:
            raise ValueError(
                f"vectors must be {self._blocks[0].shape[1]} long, got {vectors.shape}"
            )
        lengths = np.einsum("nd,nd->n", vectors, vectors)
        # Written so that NaN is wrong as well.
        wrong = ~(np.abs(lengths - 1) < TOLERANCE)
        if wrong.any():
            raise ValueError(f"the vector of id {ids[np.argmax(wrong)]} has not length 1")
        if self.count % ROWS == 0 and len(ids) == ROWS:
            self._blocks.append(vectors)
            self._ids.append(ids)
            self.count += ROWS
            return
        self._fill(ids, vectors)

    def nearest(self, vector: Floats, top: int) -> tuple[Ids, Floats]:
        """The ids and cosines of the `top` vectors most like (D,) `vector`, most alike first.

        Equal cosines come in the order of their ids.
        """
        ids, best = np.zeros(0, np.int64), np.zeros(0, np.float32)
        for block, cosines in enumerate(self._cosines(vector)):
            chosen = _leading(cosines, top, best[-1] if len(best) == top else None)
            ids = np.concatenate([ids, self._ids[block][chosen]])
            best = np.concatenate([best, cosines[chosen]])
            order = np.lexsort((ids, -best))[:top]
            ids, best = ids[order], best[order]
        return ids, best

    def _cosines(self, vector: Floats) -> list[Floats]:
        """Every cosine, an array a block; memory is what limits this, and two cores read more."""
        filled = [min(ROWS, self.count - place * ROWS) for place in range(len(self._blocks))]
        cosines = [np.empty(count, np.float32) for count in filled]
        pieces = [
            (block[start : min(start + PIECE, count)], values[start : start + PIECE])
            for block, values, count in zip(self._blocks, cosines, filled, strict=True)
            for start in range(0, count, PIECE)
        ]

        def fill(piece: tuple[Floats, Floats]) -> None:
            # Not BLAS, whose own threads cost twice the processor time for the same speed.
            np.vecdot(piece[0], vector, out=piece[1])

        list(_threads().map(fill, pieces) if len(pieces) > 1 else map(fill, pieces))
        return cosines

    def rows(self, ids: Ids) -> Floats:
        """The vectors with these ids, (N, D), all of which must be here."""
        starts = np.asarray([numbers[0] for numbers in self._ids])
        blocks = np.searchsorted(starts, ids, side="right") - 1
        found = [self._row(block, number) for block, number in zip(blocks, ids, strict=True)]
        return np.stack(found) if found else np.zeros((0, 0), np.float32)

    def _row(self, block: int, number: int) -> Floats:
        filled = min(ROWS, self.count - block * ROWS)
        place = int(np.searchsorted(self._ids[block][:filled], number))
        row: Floats = self._blocks[block][place]
        return row

    def _fill(self, ids: Ids, vectors: Floats) -> None:
        done = 0
        while done < len(ids):
            filled = self.count % ROWS
            if filled == 0:
                # Memory that is not filled yet is never touched.
                self._blocks.append(np.empty((ROWS, vectors.shape[1]), np.float32))
                self._ids.append(np.empty(ROWS, np.int64))
            taken = min(ROWS - filled, len(ids) - done)
            self._blocks[-1][filled : filled + taken] = vectors[done : done + taken]
            self._ids[-1][filled : filled + taken] = ids[done : done + taken]
            self.count += taken
            done += taken


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1), "nearest")


def _leading(cosines: Floats, top: int, least: np.float32 | None) -> Labels:
    """Indices of the `top` largest and of all equal to the least of these, none below `least`."""
    if least is not None:
        # Only what would enter the list is sorted: of most blocks a handful.
        entering = np.flatnonzero(cosines >= least)
        return entering[_leading(cosines[entering], top, None)]
    if len(cosines) <= top:
        return np.arange(len(cosines))
    return np.flatnonzero(cosines >= np.partition(cosines, len(cosines) - top)[-top])
