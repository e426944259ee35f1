"""Peaks at multiples of 1/8 of the sampling rate in the residual's power spectrum."""

from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter

from forensics.analysis import Analysis
from forensics.case import Case
from forensics.schema import Evidence, Finding, Floats, Image
from forensics.traces.jpeg import grid_strength
from forensics.traces.noise import luma
from forensics.traces.spectrum import (
    Peaks,
    measure_peaks,
    power_spectrum,
    spectrum_map,
    tile_size,
)

NAMES = ("1/8", "1/4", "3/8", "1/2")
UNITS = ("one_eighth", "one_quarter", "three_eighths", "one_half")
LEAST_HEIGHT = 1.5
LEAST_Z = 4.0
LEAST_GRID = 1.15
"""Ratio above which steps on every eighth column and row count as a compression grid."""
GRID_WINDOW = 2048
"""Side in px of the part in the middle on which the grid is measured."""


class SpectrumPeaks(Analysis):
    """Looks for the periodic traces that upsampling leaves."""

    def examine(self, case: Case) -> Evidence:
        """Return peak heights in dB, what else may cause them, and the spectrum as a map."""
        start = perf_counter()
        height, width = case.image.shape[:2]
        size = tile_size(height, width)
        if size is None:
            words = f"At {width} x {height} px the picture is too small for a power spectrum."
            return Evidence((Finding(words, code="too_small"),), {}, perf_counter() - start)
        spectrum = power_spectrum(case.image, size)
        peaks = measure_peaks(spectrum)
        grid = grid_strength(luma(_middle(case.image)))
        measurements = {
            **_named(peaks.heights, "peak_at_{}_db"),
            **_named(peaks.z_scores, "peak_at_{}_standard_errors"),
            "eight_px_grid_ratio": grid,
        }
        first, *others = _findings(
            peaks, grid, case.media.format, self.card.figures["photographs_with_peaks_share"]
        )
        first = replace(first, heatmap=spectrum_map(spectrum))
        return Evidence((first, *others), measurements, perf_counter() - start)


def _named(values: Floats, pattern: str) -> dict[str, float]:
    return {pattern.format(unit): float(value) for unit, value in zip(UNITS, values, strict=True)}


def _middle(image: Image) -> Image:
    top, left = (max(0, (side - GRID_WINDOW) // 2) for side in image.shape[:2])
    return image[top : top + GRID_WINDOW, left : left + GRID_WINDOW]


def _findings(peaks: Peaks, grid: float, form: str, photographs: float) -> Iterator[Finding]:
    rows = zip(NAMES, peaks.heights, peaks.z_scores, strict=True)
    found = [(name, h) for name, h, z in rows if h >= LEAST_HEIGHT and z >= LEAST_Z]
    if not found:
        yield Finding(
            "No periodic peaks at multiples of 1/8 of the sampling rate stand out in the "
            "residual's power spectrum.",
            code="no_peaks",
        )
    else:
        listed = ", ".join(f"{name} ({height:.1f} dB)" for name, height in found)
        words = f"Periodic peaks in the residual's power spectrum at {listed} of the sampling rate."
        yield Finding(words, code="peaks")
        yield Finding(
            f"Generators that upsample leave such peaks; so do block compression, enlarging and "
            f"a camera's colour filter: {photographs:.0%} of the photographs measured show them."
        )
    if form == "JPEG" or grid >= LEAST_GRID:
        yield Finding(
            f"Steps on the 8-px grid are {grid:.2f} times those between; JPEG alone leaves peaks "
            f"at multiples of 1/8 of the sampling rate.",
            code="eight_px_grid",
        )
