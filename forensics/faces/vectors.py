"""Exact nearest neighbours of unit vectors in memory: every cosine is computed, none is missed."""

import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats

ROWS = 65_536
"""Rows of one block; memory that is not filled yet is never touched."""

TOLERANCE = 1e-3
"""How far a vector's squared length may be from 1."""

Ids = NDArray[np.int64]


class VectorBlocks:
    """Vectors with their ids, in blocks of equal size, so that growing copies nothing."""

    def __init__(self) -> None:
        """Start without vectors; the first ones set the number of dimensions."""
        self.count = 0
        self._blocks: list[Floats] = []
        self._ids: list[Ids] = []

    def append(self, ids: Ids, vectors: Floats) -> None:
        """Add (N, D) float32 vectors of length 1 with their (N,) ids.

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
        done = 0
        while done < len(ids):
            filled = self.count % ROWS
            if filled == 0:
                self._blocks.append(np.empty((ROWS, vectors.shape[1]), np.float32))
                self._ids.append(np.empty(ROWS, np.int64))
            taken = min(ROWS - filled, len(ids) - done)
            self._blocks[-1][filled : filled + taken] = vectors[done : done + taken]
            self._ids[-1][filled : filled + taken] = ids[done : done + taken]
            self.count += taken
            done += taken

    def nearest(self, vector: Floats, top: int) -> tuple[Ids, Floats]:
        """The ids and cosines of the `top` vectors most like (D,) `vector`, most alike first."""
        found = [self._best_of(block, vector, top) for block in range(len(self._blocks))]
        if not found:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        ids, cosines = (np.concatenate(parts) for parts in zip(*found, strict=True))
        # Equal cosines in the order of their ids, so that an answer does not depend on blocks.
        order = np.lexsort((ids, -cosines))[:top]
        return ids[order], cosines[order]

    def _best_of(self, block: int, vector: Floats, top: int) -> tuple[Ids, Floats]:
        filled = min(ROWS, self.count - block * ROWS)
        cosines = self._blocks[block][:filled] @ vector
        best = np.arange(filled)
        if filled > top:
            best = np.argpartition(cosines, filled - top)[filled - top :]
        return self._ids[block][best], cosines[best]
