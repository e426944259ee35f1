"""A classifier that knows next to nothing: class shares by bin, cross-validated by cluster.

What it can tell apart by one number of the file, a benchmark must not ask of a detector.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forensics.statistics import Labels, Names, Reals

PARTS = 5
MOST_CATEGORIES = 30
MOST_BINS = 16
ROWS_A_BIN = 10


def held_out_scores(columns: Sequence[Names | Reals], labels: Labels, clusters: Names) -> Reals:
    """Score every row by what the rows of other clusters say, (n,); the higher the more fake.

    Naive Bayes on binned columns with smoothed shares. The bins are made without the labels; a bin
    that the other rows do not know says nothing.

    Args:
        columns: each (n,), numbers or words.
        labels: (n,) real 0, fake 1.
        clusters: (n,) rows of one cluster are held out together.
    """
    parts = np.asarray([_part(name) for name in clusters.tolist()])
    scores = np.zeros(len(labels))
    for column in columns:
        codes = binned(column)
        for part in range(PARTS):
            held = parts == part
            scores[held] += _log_odds(codes, labels, ~held)[codes[held]]
    return scores


def binned(column: Names | Reals) -> NDArray[np.intp]:
    """Number the values of a column: categories where they are few, bins of equal mass else."""
    values, codes = np.unique(column, return_inverse=True)
    if len(values) <= MOST_CATEGORIES:
        return codes
    if values.dtype.kind not in "fiu":
        # Of many words the frequent ones stay, all others are one.
        common = np.argsort(-np.bincount(codes), kind="stable")[:MOST_CATEGORIES]
        place = np.full(len(values), MOST_CATEGORIES)
        place[common] = np.arange(len(common))
        return place[codes]
    bins = max(2, min(MOST_BINS, len(column) // ROWS_A_BIN))
    edges = np.unique(np.quantile(column.astype(np.float64), np.arange(1, bins) / bins))
    return np.searchsorted(edges, column.astype(np.float64), side="right")


def _log_odds(codes: NDArray[np.intp], labels: Labels, learn: NDArray[np.bool_]) -> Reals:
    """Of each bin the log of its share of fakes over its share of real rows."""
    count = int(codes.max()) + 1
    shares = [
        np.bincount(codes[learn & (labels == label)], minlength=count) + 1.0 for label in (0, 1)
    ]
    return np.asarray(np.log(shares[1] / shares[1].sum()) - np.log(shares[0] / shares[0].sum()))


def _part(cluster: str) -> int:
    return hashlib.sha256(cluster.encode()).digest()[1] % PARTS
