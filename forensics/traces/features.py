"""Numbers that describe the frequency content of one crop; nothing here has learned anything.

Residual power spectra (Durall et al. 2020; Corvi et al. 2023), statistics of 8 x 8 DCT
coefficients (Frank et al. 2020), and co-occurrences of quantised residuals (Fridrich and Kodovsky
2012; Cozzolino et al. 2015), at native resolution and at half of it.
"""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats, Image
from forensics.traces.fourier import spectrum_of

SIDE = 224
RADIAL_BINS, ANGULAR_BINS, LATTICE = 28, 12, 8
FLOOR = 1e-3
"""Added to powers before the logarithm: below a thousandth of a grey level nothing is known."""


def frequency_features(crop: Image) -> Floats:
    """Describe a crop.

    Args:
        crop: (224, 224, 3) uint8 RGB at native resolution.

    Returns:
        (F,) float32, finite; the same F for every crop.

    Raises:
        ValueError: the crop has another shape.
    """
    if crop.shape != (SIDE, SIDE, 3):
        raise ValueError(f"a crop must be ({SIDE}, {SIDE}, 3), got {crop.shape}")
    planes = cv2.cvtColor(crop, cv2.COLOR_RGB2YCrCb).astype(np.uint8)
    luma = np.ascontiguousarray(planes[..., 0])
    halved = (SIDE // 2, SIDE // 2)
    half = cv2.resize(luma, halved, interpolation=cv2.INTER_AREA).astype(np.uint8)
    parts = [
        _spectrum_features(_residual(luma)),
        *(_radial(_residual(np.ascontiguousarray(planes[..., c])))[::2] for c in (1, 2)),
        _radial(_residual(half))[::2],
        _dct_features(luma),
        *(_co_occurrences(plane, step) for plane in (luma, half) for step in (1, 3)),
        _channel_features(crop),
    ]
    return np.concatenate(parts).astype(np.float32)


def _residual(plane: NDArray[np.uint8]) -> Floats:
    return plane.astype(np.float32) - cv2.medianBlur(plane, 3).astype(np.float32)


def log_power(residual: Floats) -> Floats:
    """Windowed log power spectrum of a square residual, (S, S // 2 + 1) float32."""
    window = np.hanning(residual.shape[0] + 2)[1:-1].astype(np.float32)
    power = np.abs(spectrum_of(residual * window[:, None] * window)) ** 2 / residual.size
    logs: Floats = np.log(power + FLOOR).astype(np.float32)
    return logs


def _spectrum_features(residual: Floats) -> Floats:
    logs = log_power(residual)
    radius, angle = _polar_bins(residual.shape[0])
    profile = _mean_by(logs, radius, RADIAL_BINS)
    flat = logs - profile[np.minimum(radius, RADIAL_BINS - 1)]
    outer = np.where(radius >= RADIAL_BINS // 2, angle, ANGULAR_BINS)
    return np.concatenate([profile, _mean_by(flat, outer, ANGULAR_BINS), _lattice_peaks(logs)])


def _radial(residual: Floats) -> Floats:
    radius, _ = _polar_bins(residual.shape[0])
    return _mean_by(log_power(residual), radius, RADIAL_BINS)


def _mean_by(values: Floats, bins: NDArray[np.intp], count: int) -> Floats:
    flat = np.minimum(bins, count).ravel()
    sums = np.bincount(flat, values.ravel(), count + 1)[:count]
    counts = np.bincount(flat, minlength=count + 1)[:count]
    return (sums / np.maximum(counts, 1)).astype(np.float32)


@cache
def _polar_bins(side: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Radius and angle bins of every bin of `rfft2`; radius RADIAL_BINS is past Nyquist."""
    rows, columns = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)
    radius = np.floor(np.hypot(rows, columns) * 2 * RADIAL_BINS).astype(np.intp)
    turn = np.mod(np.arctan2(rows, columns), np.pi) / np.pi
    angle = np.floor(turn * ANGULAR_BINS).astype(np.intp) % ANGULAR_BINS
    return np.minimum(radius, RADIAL_BINS), angle


def _lattice_peaks(logs: Floats) -> Floats:
    """Height of the spectrum over its surroundings at multiples of 1/8 of the sampling rate."""
    step = logs.shape[0] // LATTICE
    wrapped = np.pad(logs, ((4, 4), (0, 0)), mode="wrap")
    wrapped = np.pad(wrapped, ((0, 0), (4, 4)), mode="reflect")
    heights = []
    for row in range(LATTICE):
        for column in range(LATTICE // 2 + 1):
            patch = wrapped[row * step : row * step + 9, column * step : column * step + 9]
            heights.append(patch[3:6, 3:6].max() - np.median(patch))
    return np.asarray(heights[1:], np.float32)


def _dct_features(luma: NDArray[np.uint8]) -> Floats:
    """Mean size and peakedness of each 8 x 8 DCT coefficient over the crop."""
    basis = _dct_basis()
    blocks = luma.reshape(SIDE // 8, 8, SIDE // 8, 8).transpose(0, 2, 1, 3).reshape(-1, 8, 8)
    sizes = np.abs(basis @ (blocks.astype(np.float32) - 128) @ basis.T).reshape(-1, 64)[:, 1:]
    mean = sizes.mean(axis=0) + FLOOR
    peaked = np.sqrt((sizes**2).mean(axis=0) + FLOOR) / mean
    return np.concatenate([np.log(mean), peaked]).astype(np.float32)


@cache
def _dct_basis() -> Floats:
    frequency, place = np.ogrid[:8, :8]
    basis = np.cos(np.pi * (2 * place + 1) * frequency / 16) / 2
    basis[0] /= np.sqrt(2)
    return basis.astype(np.float32)


def _co_occurrences(plane: NDArray[np.uint8], step: int) -> Floats:
    """Shares of the 81 patterns of four neighbouring residuals quantised to -1, 0, 1.

    Horizontal and vertical are added, and a pattern with its mirror image and its negative, which
    leaves 25 classes.
    """
    values = plane.astype(np.int16)
    shares = np.zeros(81)
    for turned in (values, values.T):
        third = turned[:, 3:] - 3 * turned[:, 2:-1] + 3 * turned[:, 1:-2] - turned[:, :-3]
        level = np.clip(np.rint(third / (2.0 * step)), -1, 1).astype(np.int64) + 1
        codes = 27 * level[:, :-3] + 9 * level[:, 1:-2] + 3 * level[:, 2:-1] + level[:, 3:]
        shares += np.bincount(codes.ravel(), minlength=81) / (2 * codes.size)
    classes = _pattern_classes()
    folded = np.bincount(classes, shares)
    return np.sqrt(folded).astype(np.float32)


@cache
def _pattern_classes() -> NDArray[np.intp]:
    digits = np.stack(np.unravel_index(np.arange(81), (3, 3, 3, 3)), axis=1)
    weights = np.asarray([27, 9, 3, 1])
    alike = [digits, digits[:, ::-1], 2 - digits, 2 - digits[:, ::-1]]
    smallest = np.min([variant @ weights for variant in alike], axis=0)
    return np.unique(smallest, return_inverse=True)[1].astype(np.intp)


def _channel_features(crop: Image) -> Floats:
    """Correlation and strength of the colour channels' residuals."""
    planes = np.ascontiguousarray(crop.transpose(2, 0, 1))
    residuals = [_residual(plane).ravel() for plane in planes]
    spread = np.asarray([np.sqrt((plane**2).mean() + FLOOR) for plane in residuals])
    pairs = [(0, 1), (1, 2), (0, 2)]
    shared = [(residuals[a] * residuals[b]).mean() / (spread[a] * spread[b]) for a, b in pairs]
    return np.concatenate([np.log(spread), shared]).astype(np.float32)
