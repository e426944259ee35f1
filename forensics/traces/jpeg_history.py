"""Whether a JPEG's coefficients were quantised before, and with which steps.

Quantising with a step a and then with a step b leaves gaps and peaks of a known period in the
histogram of the stored integers. What one compression alone would have given is read off the
picture itself, from the blocks of a grid moved by four pixels, where both grids are broken. The
likelihood of each earlier quality then needs no training.

J. Lukas and J. Fridrich, "Estimation of Primary Quantization Matrix in Double Compressed JPEG
Images", DFRWS 2003; T. Pevny and J. Fridrich, IEEE TIFS 2008; T. Bianchi and A. Piva, "Image
Forgery Localization via Block-Grained Analysis of JPEG Artifacts", IEEE TIFS 2012.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats
from forensics.statistics import Reals
from forensics.traces.jpeg import luma_table
from forensics.traces.jpeg_blocks import ORDER, Plane, low_coefficients, low_steps

QUALITIES = np.arange(30, 100)
"""Earlier qualities of the IJG library that are tried."""
MOST = 1024
"""Largest coefficient, in grey levels, that 8-bit luminance can have."""
LEVELS = 24
"""Stored integers 1 to 24 are looked at; larger ones are too rare to tell anything."""
ROUNDING = 0.45
"""Standard deviation, in grey levels, of what decoding to 8 bits adds to a coefficient."""
OUTLIERS = 0.05
"""Share of coefficients that follow no model: clipped blocks, edited or repeated ones."""
LEAST_BLOCKS = 64


@dataclass(frozen=True, eq=False)
class History:
    """The likeliest earlier compression.

    `quality`: the IJG quality whose steps explain the histograms best; `gain`: how much better
    than one compression alone, in nats a coefficient that is not 0; `coefficients`: how many
    those are.
    """

    quality: int
    gain: float
    coefficients: int


def compression_history(plane: Plane, table: NDArray[np.int64]) -> History | None:
    """Compare one compression with two, for every earlier quality.

    Args:
        plane: (H, W) uint8 luminance of a JPEG, its own grid at the top left corner.
        table: (8, 8) quantisation steps of that JPEG's luminance.

    Returns:
        None where the picture has fewer than 64 whole blocks.
    """
    model = fit(plane, table)
    return None if model is None else model.history


@dataclass(frozen=True, eq=False)
class Model:
    """What `fit` found: the stored integers, the likelihoods, and the history.

    `stored`: (R, C, 15) int16 absolute stored integers; `steps`: (15,) the file's own; `alone`:
    by frequency, what share of coefficients one compression would have up to each half level.
    """

    stored: NDArray[np.int16]
    steps: NDArray[np.int64]
    alone: list[Reals]
    history: History

    def block_gains(self, quality: int) -> Floats:
        """(R, C) log-likelihood ratio of two compressions to one, in nats, of every block."""
        first = low_steps(luma_table(quality))
        gains = np.zeros(self.stored.shape[:2], dtype=np.float32)
        for index, distribution in enumerate(self.alone):
            tables = _log_ratios(distribution, first[index : index + 1], int(self.steps[index]))
            gains += tables[0][np.minimum(self.stored[..., index], LEVELS + 1)]
        return gains


def fit(plane: Plane, table: NDArray[np.int64]) -> Model | None:
    """Fit every earlier quality; None where the picture has fewer than 64 whole blocks."""
    coefficients = low_coefficients(plane)
    if coefficients.shape[0] * coefficients.shape[1] < LEAST_BLOCKS:
        return None
    steps = low_steps(table)
    stored = np.abs(np.rint(coefficients / steps.astype(np.float32))).astype(np.int16)
    moved = np.abs(low_coefficients(plane[4:, 4:])).reshape(-1, len(ORDER))
    alone = [_distribution(moved[:, index]) for index in range(len(ORDER))]
    return Model(stored, steps, alone, _history(stored, steps, alone))


def _history(stored: NDArray[np.int16], steps: NDArray[np.int64], alone: list[Reals]) -> History:
    first = np.stack([low_steps(luma_table(int(quality))) for quality in QUALITIES])
    gains = np.zeros(len(QUALITIES))
    total = 0
    for index, distribution in enumerate(alone):
        counts = np.bincount(stored[..., index].ravel(), minlength=LEVELS + 1)[: LEVELS + 1]
        tried, which = np.unique(first[:, index], return_inverse=True)
        ratios = _log_ratios(distribution, tried, int(steps[index])) @ np.append(counts, 0)
        gains += ratios[which]
        total += int(counts[1:].sum())
    gains = gains / max(total, 1)
    best = int(np.argmax(gains))
    return History(int(QUALITIES[best]), float(gains[best]), total)


def _log_ratios(total: Reals, firsts: NDArray[np.int64], second: int) -> Floats:
    """(T, LEVELS + 2) log of P(stored | two) / P(stored | one), given that it is not 0.

    Entries 0 and LEVELS + 1 are 0: a coefficient of 0 depends on how well the moved grid matches
    the smooth parts, and large ones on too few counts.

    Args:
        total: share of coefficients up to each half grey level, had there been no compression.
        firsts: (T,) steps of the earlier compression that are tried.
        second: step of the file.
    """
    one = _folded(total, np.array([second]), LEVELS + 1)[:, 1:]
    count = min((LEVELS + 2) * second, MOST) // int(firsts.min()) + 2
    two = _stored_after(_folded(total, firsts, count), np.arange(count) * firsts[:, None], second)
    one, two = (each / np.maximum(each.sum(axis=1, keepdims=True), 1e-12) for each in (one, two))
    mixed = (1 - OUTLIERS) * two + OUTLIERS * one
    return np.pad(np.log((mixed + 1e-9) / (one + 1e-9)), ((0, 0), (1, 1))).astype(np.float32)


def _folded(total: Reals, steps: NDArray[np.int64], count: int) -> Reals:
    """(T, count) mass of |c| in the bins of each step: [0, s/2], (s/2, 3s/2], ..."""
    # Kept at half grey levels, so that every bin ends on an entry.
    edges = np.minimum((2 * np.arange(count) + 1) * steps[:, None], len(total) - 1)
    return np.asarray(np.diff(total[edges], prepend=0.0, axis=1))


def _stored_after(mass: Reals, values: NDArray[np.int64], step: int) -> Reals:
    """(T, LEVELS) mass of the stored integers 1 to LEVELS when values are quantised by a step."""
    scaled = values / step
    lower = np.floor(scaled)
    # The logistic curve nearest to the normal one.
    distance = np.clip(1.702 * (scaled - lower - 0.5) * step / ROUNDING, -50, 50)
    above = 1 / (1 + np.exp(-distance))
    width = LEVELS + 3
    rows = np.arange(len(mass))[:, None] * width
    places = (rows + np.minimum(lower, LEVELS + 1)).astype(np.int64).ravel()
    weights = [(mass * (1 - above)).ravel(), (mass * above).ravel()]
    length = width * len(mass)
    stored = np.bincount(places, weights[0], length) + np.bincount(places + 1, weights[1], length)
    return np.asarray(stored.reshape(-1, width)[:, 1 : LEVELS + 1], dtype=np.float64)


def _distribution(values: Floats) -> Reals:
    """Share of absolute coefficients up to each half grey level, smoothed, (2 MOST + 1,)."""
    counts, _ = np.histogram(np.log1p(values), bins=_log_edges())
    kernel = np.exp(-np.square(np.arange(-9, 10) / 3) / 2)
    # A full convolution, its ends folded back, keeps the mass near 0.
    spread = np.convolve(counts + 1e-3, kernel)
    smooth = spread[9:-9]
    smooth[:9] += spread[8::-1]
    # From equal bins of log(1 + c) back to equal bins of c.
    cumulated = np.concatenate([[0.0], np.cumsum(smooth)]) / smooth.sum()
    edges = np.log1p(np.arange(2 * MOST + 1) / 2)
    return np.asarray(np.interp(edges, _log_edges(), cumulated))


@cache
def _log_edges() -> Reals:
    return np.asarray(np.linspace(0, np.log1p(MOST), 140))
