"""First digits of DCT coefficients: one compression gives them a smooth law, a second breaks it.

D. Fu, Y. Q. Shi and W. Su, "A Generalized Benford's Law for JPEG Coefficients and Its Applications
in Image Forensics", SPIE 6505, 2007.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats

DIGITS = np.arange(1, 10)
POWERS = np.linspace(0.4, 3.0, 53)
SHIFTS = np.linspace(-0.9, 1.5, 49)


def digit_shares(stored: NDArray[np.int16]) -> Floats:
    """Shares of the first digits 1 to 9 among integers that are not 0: (9,), zeros without any."""
    values = stored[stored > 0].astype(np.int64)
    for limit in (1000, 100, 10):
        values = np.where(values >= limit, values // limit, values)
    counts = np.bincount(values, minlength=10)[1:10].astype(np.float32)
    return counts / max(float(counts.sum()), 1.0)


def benford_divergence(shares: Floats) -> float:
    """How far shares lie from the nearest generalised Benford law: chi-squared over the count.

    The law is N log10(1 + 1 / (s + x^q)), its N, s and q fitted to the shares.
    """
    laws = _laws()
    return float((np.square(shares - laws) / laws).sum(axis=1).min())


@cache
def _laws() -> NDArray[np.float64]:
    shift, power = (axis.ravel()[:, None] for axis in np.meshgrid(SHIFTS, POWERS))
    laws = np.log10(1 + 1 / (shift + DIGITS**power))
    return np.asarray(laws / laws.sum(axis=1, keepdims=True))
