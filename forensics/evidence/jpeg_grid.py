"""Traces of an earlier JPEG whose 8-px grid lies elsewhere, in the whole picture or in a region.

T. Bianchi and A. Piva, IEEE TIFS 2012; M. Barni, A. Costanzo and L. Sabatini, ISCAS 2010.
"""

from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from forensics.analysis import Analysis
from forensics.case import Case
from forensics.evidence._jpeg import upright
from forensics.schema import Evidence, Finding, Map
from forensics.traces.jpeg_grid import Grid, Grids, find_grids
from forensics.traces.noise import luma

LEAST_PEAK = 8.0
"""Standard errors by which some window must show a region's grid before it is reported."""
LEAST_WHOLE_PEAK = 5.0
"""The same for a grid that most windows show."""


class JpegGrid(Analysis):
    """Reads the picture on all 64 grids."""

    def examine(self, case: Case) -> Evidence:
        """Return earlier grids with their quality, and a map of the region that has its own."""
        start = perf_counter()
        stored = case.stored_luminance
        plane = _rounded_luma(case) if stored is None else stored
        grids = find_grids(plane, own=None if stored is None else (0, 0))
        if grids is None:
            height, width = plane.shape
            words = f"At {width} x {height} px the picture is too small to look for other grids."
            return Evidence((Finding(words, code="too_small"),), {}, perf_counter() - start)
        findings = tuple(_findings(case, grids, turned=stored is not None))
        return Evidence(findings, _measurements(grids), perf_counter() - start)


def _rounded_luma(case: Case) -> NDArray[np.uint8]:
    return np.rint(luma(case.image)).astype(np.uint8)


def _measurements(grids: Grids) -> dict[str, float]:
    measured: dict[str, float] = {}
    for name, grid in (("whole_picture", grids.whole), ("region", grids.local)):
        if grid is not None:
            measured[f"{name}_grid_peak_standard_errors"] = grid.peak
            measured[f"{name}_grid_share"] = grid.share
    return measured


def _findings(case: Case, grids: Grids, *, turned: bool) -> list[Finding]:
    found = []
    if grids.whole is not None and grids.whole.peak >= LEAST_WHOLE_PEAK:
        found.append(Finding(_whole_words(grids.whole, turned=turned), code="earlier_grid"))
    if grids.local is not None and grids.local.peak >= LEAST_PEAK:
        heatmap: Map = np.clip(grids.local.map / (2 * LEAST_PEAK), 0, 1).astype(np.float32)
        shown = upright(case, heatmap) if turned else heatmap
        found.append(Finding(_local_words(grids.local), heatmap=shown, code="region_with_own_grid"))
    if not found:
        beside = " beside the file's own" if turned else ""
        words = f"No 8-px grid of an earlier JPEG shows{beside}."
        found.append(Finding(words, code="no_other_grid"))
    return found


def _whole_words(grid: Grid, *, turned: bool) -> str:
    row, column = grid.offset
    since = "before the picture was cropped or moved" if turned else "though the file is no JPEG"
    return (
        f"The picture shows an earlier JPEG compression of about quality {grid.quality}, {since}: "
        f"its blocks begin at row {row} and column {column}."
    )


def _local_words(grid: Grid) -> str:
    row, column = grid.offset
    return (
        f"A region shows an earlier JPEG compression of about quality {grid.quality} that the rest "
        f"does not show; its blocks begin at row {row} and column {column} modulo 8 "
        f"({grid.peak:.0f} standard errors)."
    )
