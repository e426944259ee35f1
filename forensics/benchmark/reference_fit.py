"""Chooses reference pictures and the least similarity that counts.

The limit is set on pictures that the references have never met: those of each fold, compared with
references chosen without it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forensics.benchmark.token_rows import TokenRows
from forensics.references import References, placed
from forensics.schema import Floats
from forensics.statistics import Names, Reals, equal_weights

FLAGGED = 0.02
"""The share of left-out pictures that may resemble no reference, classes and sources alike."""


@dataclass(frozen=True)
class Form:
    """How references are kept.

    Attributes:
        directions: how many principal directions, at most as many as tokens have numbers.
        count: how many references, at most.
        neighbour: see `References`.
        eight_bits: whether numbers are rounded to 8 bits, as they are in a file.
    """

    directions: int = 64
    count: int = 1000
    neighbour: int = 3
    eight_bits: bool = True


SHIPPED = Form()


def fit_references(rows: TokenRows, form: Form = SHIPPED, *, seed: int = 0) -> References:
    """Choose references among rows, sources as evenly as they allow; without a limit.

    Args:
        rows: none of them a check row.
        form: how many of what is kept.
        seed: draws the references of each source.
    """
    middle, scale = rows.tokens.mean(axis=0), rows.tokens.std(axis=0) + np.float32(1e-6)
    standard = placed(rows.tokens, middle, scale, np.eye(len(middle), dtype=np.float32))
    _, vectors = np.linalg.eigh(standard.T @ standard)
    kept = np.ascontiguousarray(vectors[:, ::-1][:, : form.directions], dtype=np.float32)
    chosen = evenly(rows.sources, form.count, np.random.default_rng(seed))
    places = placed(rows.tokens[chosen], middle, scale, kept)
    found = References(middle, scale, kept, places, min(form.neighbour, len(chosen)))
    return found.stored() if form.eight_bits else found


def evenly(sources: Names, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Which `count` of n rows to keep: one of each source in turn, until sources run out."""
    order = rng.permutation(len(sources))
    turns = np.empty(len(sources), np.intp)
    for source in np.unique(sources):
        mine = order[sources[order] == source]
        turns[mine] = np.arange(len(mine))
    return order[np.argsort(turns[order], kind="stable")][:count]


def left_out_similarities(rows: TokenRows, form: Form = SHIPPED) -> Floats:
    """Similarities (n,) of rows, none a check row, to references chosen without their fold."""
    found = np.empty(len(rows), np.float32)
    for fold in np.unique(rows.folds):
        held = rows.folds == fold
        found[held] = fit_references(rows.where(~held), form).similarities(rows.tokens[held])
    return found


def limit_at(similarities: Floats, rows: TokenRows, share: float = FLAGGED) -> float:
    """The highest limit that at most `share` of rows stay below, classes and sources alike."""
    mass: Reals = equal_weights(rows.labels, rows.sources)
    order = np.argsort(similarities, kind="stable")
    reached = np.cumsum(mass[order])
    return float(similarities[order][np.argmax(reached > share)])
