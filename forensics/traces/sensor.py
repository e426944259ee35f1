"""A sensor's fingerprint: the pixels that answer to light a little more or less than others.

J. Lukas, J. Fridrich and M. Goljan, "Digital Camera Identification from Sensor Pattern Noise", IEEE
TIFS 2006; M. Chen et al., "Determining Image Origin and Integrity Using Sensor Noise", IEEE TIFS
2008 (the estimate); M. Goljan, J. Fridrich and T. Filler, "Large Scale Test of Sensor Fingerprint
Camera Identification", SPIE 2009 (peak-to-correlation energy). The noise is what a Wiener filter on
the scales of an undecimated wavelet transform takes away (B3 splines instead of the papers'
decimated Daubechies wavelets: the same idea without a choice of phase).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats, Image
from forensics.traces.noise import luma

NOISE = 3.0
"""Standard deviation, in grey levels, of the noise that the filter takes away."""
SCALE_NOISE = (0.8908, 0.2007, 0.0856)
"""What white noise of deviation 1 leaves on each scale: J.-L. Starck et al., 1998."""
WINDOWS = (3, 5, 9)
SPLINE = np.array([1, 4, 6, 4, 1], np.float32) / 16
PEAK = 5
"""px around the highest correlation that do not count as its surroundings."""
CLIPPED = 250
"""Grey level from which on a sensor is taken to be saturated."""


@dataclass(frozen=True)
class Match:
    """How a picture's noise fits a fingerprint.

    `energy`: signed peak-to-correlation energy. `places`: how many positions were tried.
    `chance`: how often pure noise reaches that energy at any of them, by the normal law.
    `top`, `left`: where the picture lies on the sensor, px.
    """

    energy: float
    places: int
    chance: float
    top: int
    left: int


def noise_of(image: Image) -> Floats:
    """The noise of (H, W, 3) uint8 RGB: (H, W) float32 in grey levels; 0 where it is saturated."""
    gray = luma(image)
    smooth, noise = gray, np.zeros_like(gray)
    for scale, deviation in enumerate(SCALE_NOISE):
        smoother = _spline_smoothed(smooth, 2**scale)
        detail = smooth - smoother
        variance = (NOISE * deviation) ** 2
        noise += detail * variance / np.maximum(_local_power(detail), variance)
        smooth = smoother
    noise[gray > CLIPPED] = 0
    return noise


class FingerprintSum:
    """Gathers pictures of one sensor, all of one size and as stored, one by one.

    Chen et al. 2008, eq. 6: the sum of noise times light over the sum of light squared.
    """

    def __init__(self, height: int, width: int) -> None:
        """Start with no picture; sizes in px."""
        self.count = 0
        self._above = np.zeros((height, width), np.float32)
        self._below = np.zeros((height, width), np.float32)

    def add(self, image: Image) -> None:
        """Add (H, W, 3) uint8 RGB of the size given at the start."""
        light = luma(image)
        self._above += noise_of(image) * light
        self._below += np.square(light)
        self.count += 1

    def fingerprint(self) -> Floats:
        """(H, W) float32, relative; without what all cameras of a kind share."""
        return without_patterns(self._above / (self._below + 1))


def without_patterns(values: Floats) -> Floats:
    """Remove what repeats along rows and columns or at single frequencies: grids, not a sensor."""
    from scipy.fft import irfft2, rfft2

    flat = values.copy()
    for top in (0, 1):
        for left in (0, 1):
            part = flat[top::2, left::2]
            if part.size:
                part -= part.mean(axis=0)
                part -= part.mean(axis=1, keepdims=True)
    spectrum = rfft2(flat, workers=2)
    size = np.abs(spectrum).astype(np.float32)
    common = np.square(size).mean()
    gain = common / np.maximum(_local_power(size), common)
    return np.asarray(irfft2(spectrum * gain, s=flat.shape, workers=2), np.float32)


def match(noise: Floats, light: Floats, fingerprint: Floats) -> Match:
    """Test whether a picture's noise holds a fingerprint, anywhere on the sensor.

    Args:
        noise: (h, w) float32, `noise_of` the picture as stored.
        light: (h, w) float32, its luma.
        fingerprint: (H, W) float32 with H >= h and W >= w. Where the sizes are equal, only the one
            position is tried; the light there weighs the fingerprint.

    Raises:
        ValueError: the picture is larger than the fingerprint.
    """
    height, width = noise.shape
    rows, columns = fingerprint.shape[0] - height + 1, fingerprint.shape[1] - width + 1
    if min(rows, columns) < 1:
        raise ValueError(f"a picture of {noise.shape} is no part of a {fingerprint.shape} sensor")
    whole = rows == columns == 1
    expected = fingerprint * light if whole else fingerprint
    found = _correlations(noise if whole else noise * light, expected)
    allowed = found[:rows, :columns]
    top, left = divmod(int(np.argmax(allowed)), columns)
    peak = float(allowed[top, left])
    energy = peak * abs(peak) / max(_surroundings(found, top, left), 1e-20)
    return Match(energy, rows * columns, chance_of(energy, rows * columns), top, left)


def chance_of(energy: float, places: int) -> float:
    """How often noise alone reaches a peak-to-correlation energy at one of so many places."""
    single = 0.5 * erfc(sqrt(energy / 2)) if energy > 0 else 1.0
    return float(-np.expm1(places * np.log1p(-single))) if single < 1 else 1.0


def turns(image: Image, size: Sequence[int]) -> list[int]:
    """Quarter turns, counter-clockwise, after which a picture may lie on a sensor of (H, W) px."""
    height, width = image.shape[:2]
    upright = height <= size[0] and width <= size[1]
    sideways = width <= size[0] and height <= size[1]
    return [0, 2] * upright + [1, 3] * sideways


def _correlations(noise: Floats, expected: Floats) -> NDArray[np.float64]:
    """Circular correlation of the noise, laid at every place, with the expected noise."""
    from scipy.fft import irfft2, rfft2

    shape = expected.shape
    pattern = rfft2(expected - expected.mean(), workers=2)
    laid = rfft2(noise - noise.mean(), s=shape, workers=2)
    return np.asarray(irfft2(pattern * np.conj(laid), s=shape, workers=2))


def _surroundings(found: NDArray[np.float64], top: int, left: int) -> float:
    """Mean square of all correlations but those near the peak."""
    near = np.ix_(
        np.arange(top - PEAK, top + PEAK + 1) % found.shape[0],
        np.arange(left - PEAK, left + PEAK + 1) % found.shape[1],
    )
    rest = found.size - found[near].size
    return float((np.square(found).sum() - np.square(found[near]).sum()) / max(rest, 1))


def _spline_smoothed(values: Floats, step: int) -> Floats:
    kernel = np.zeros(4 * step + 1, np.float32)
    kernel[::step] = SPLINE
    return np.asarray(
        cv2.sepFilter2D(values, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT_101), np.float32
    )


def _local_power(values: Floats) -> Floats:
    """The smallest mean square of the windows around each value, as Mihcak's filter takes it."""
    square = np.square(values)
    powers = [cv2.blur(square, (side, side)) for side in WINDOWS]
    return np.asarray(np.minimum.reduce(powers), np.float32).reshape(values.shape)
