"""Peaks that upsampling leaves in the power spectrum of the noise residual.

X. Zhang, S. Karaman and S.-F. Chang, "Detecting and Simulating Artifacts in GAN Fake Images",
WIFS 2019; F. Marra et al., "Do GANs Leave Artificial Fingerprints?", MIPR 2019; R. Corvi et al.,
"Intriguing Properties of Synthetic Images", CVPR Workshops 2023.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats, Image, Map
from forensics.traces.fourier import spectrum_of
from forensics.traces.noise import luma, normalised, residual

SIZES = (256, 128, 64)
AT_MOST = 144
"""Tiles of one picture; more would sharpen the mean by less than half a decibel."""
LATTICE = 8
"""Peaks are looked for at multiples of 1/8 of the sampling rate."""
RINGS = range(1, LATTICE // 2 + 1)
LEAST_SPREAD = 0.1
"""dB. A smoother spectrum is a constant one, where no height means anything."""
FLOOR = 1e-3
"""Power a pixel, a thousandth of the normalised residual's: keeps flat areas finite."""


def tile_size(height: int, width: int) -> int | None:
    """The tile side in px, or None where the picture is below 64 px on a side.

    Half the shorter side at most, so that there are nine tiles or more; 64 px at least.
    """
    shorter = min(height, width)
    fitting = [size for size in SIZES if 2 * size <= shorter]
    return fitting[0] if fitting else SIZES[-1] if shorter >= SIZES[-1] else None


def power_spectrum(image: Image, size: int) -> Floats:
    """Mean log power spectrum of the normalised residual over native tiles.

    Args:
        image: (H, W, 3) uint8 RGB, at least `size` px on each side.
        size: side of the tiles in px, a multiple of 8.

    Returns:
        (size, size) float32 in dB (0 dB: white noise of unit variance), frequency zero at
        [size / 2, size / 2].
    """
    taper = np.hanning(size + 1)[:-1].astype(np.float32)
    window = np.outer(taper, taper)
    energy = float((window**2).sum())
    total, count = np.zeros((size, size // 2 + 1), dtype=np.float64), 0
    for tile in _tiles(image, size):
        power = np.abs(spectrum_of(normalised(residual(luma(tile))) * window)) ** 2
        total += np.log10(power / energy + FLOOR)
        count += 1
    return _centred((10 * total / count).astype(np.float32))


@dataclass(frozen=True, eq=False)
class Peaks:
    """Peaks at 1/8, 1/4, 3/8 and 1/2 of the sampling rate.

    `heights`: (4,) float32 in dB above the surroundings; `z_scores`: (4,) float32, the heights in
    robust standard errors.
    """

    heights: Floats
    z_scores: Floats


def measure_peaks(spectrum: Floats) -> Peaks:
    """Measure how far the lattice points stand above their surroundings.

    A point's height is its power less the larger median of its neighbours in its row and in its
    column, so that lines of the spectrum do not count as peaks. For k = 1 to 4 the height is the
    mean over the points whose larger coordinate is k/8 of the sampling rate.

    Args:
        spectrum: (S, S) float32 in dB, frequency zero in the centre, S a multiple of 64.
    """
    size = spectrum.shape[0]
    rows, columns = _lattice()
    y, x = (
        (rows * size // LATTICE + size // 2) % size,
        (columns * size // LATTICE + size // 2) % size,
    )
    # The taper's main lobe ends two bins from a peak; the next lattice point lies S / 8 away.
    reach = np.arange(2, min(10, size // 16) + 1)
    near = np.concatenate([-reach, reach])
    along = spectrum[y[:, None], (x[:, None] + near) % size]
    across = spectrum[(y[:, None] + near) % size, x[:, None]]
    middles = np.median([along, across], axis=2)
    points = spectrum[y, x] - middles.max(axis=0)
    spread = 1.4826 * float(np.median(np.abs(np.stack([along, across]) - middles[..., None])))
    ring = np.maximum(np.abs(rows), np.abs(columns))
    heights = np.array([points[ring == k].mean() for k in RINGS], dtype=np.float32)
    # Points come in pairs mirrored about zero, which carry the same value.
    independent = np.array([(ring == k).sum() / 2 for k in RINGS])
    z_scores = heights * np.sqrt(independent) / max(spread, LEAST_SPREAD)
    return Peaks(heights, z_scores.astype(np.float32))


def spectrum_map(spectrum: Floats) -> Map:
    """Scale a spectrum in dB to [0, 1] between its 1st and 99.8th percentile, for display."""
    low, high = np.percentile(spectrum, (1, 99.8))
    scaled: Map = np.clip((spectrum - low) / max(float(high - low), 1.0), 0, 1)
    return scaled.astype(np.float32)


def _lattice() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    side = np.arange(-LATTICE // 2, LATTICE // 2)
    rows, columns = (axis.ravel() for axis in np.meshgrid(side, side, indexing="ij"))
    elsewhere = (rows != 0) | (columns != 0)
    return rows[elsewhere], columns[elsewhere]


def _tiles(image: Image, size: int) -> Iterator[Image]:
    height, width = image.shape[:2]
    down, right = 2 * height // size - 1, 2 * width // size - 1
    shrink = min(1.0, (AT_MOST / (down * right)) ** 0.5)
    for top in _starts(height - size, min(AT_MOST, max(1, int(down * shrink)))):
        for left in _starts(width - size, min(AT_MOST, max(1, int(right * shrink)))):
            yield image[top : top + size, left : left + size]


def _starts(room: int, count: int) -> list[int]:
    return [int(start) for start in np.linspace(0, room, count)] if count > 1 else [room // 2]


def _centred(half: Floats) -> Floats:
    size = half.shape[0]
    whole = np.empty((size, size), dtype=np.float32)
    whole[:, : size // 2 + 1] = half
    # A real signal's spectrum is symmetric about zero.
    mirrored = np.roll(half[::-1, 1 : size // 2][:, ::-1], 1, axis=0)
    whole[:, size // 2 + 1 :] = mirrored
    return np.fft.fftshift(whole)
