"""Traces of a camera's colour filter, and parts where they are missing."""

import math
from collections.abc import Iterator
from time import perf_counter

from forensics.analysis import Analysis
from forensics.case import Case
from forensics.schema import Evidence, Finding
from forensics.traces.areas import largest_area
from forensics.traces.colour_filter import Lattices, lattices, missing_cells, missing_map

LEAST_RATIO = 0.03
LEAST_ERRORS = 6.0
"""Of 266 untouched pictures of 13 sources two passed both, a camera's own file and one more."""
LARGE = 0.02
"""Share of the picture from which on an area without the trace is reported."""


class Demosaicing(Analysis):
    """Looks for the lattice that interpolating a colour filter array leaves in green."""

    def examine(self, case: Case) -> Evidence:
        """Return how strong the lattice is, and where it is missing."""
        start = perf_counter()
        found = lattices(case.image)
        area = largest_area(missing_cells(found)) if _has_trace(found) else None
        missing = float(area.mean()) if area is not None else 0.0
        figures = {
            "green_lattices_log_ratio": abs(found.median),
            "green_lattices_standard_errors": abs(found.errors),
            "largest_area_without_lattice_share": missing,
        }
        return Evidence(tuple(_findings(found, missing)), figures, perf_counter() - start)


def _has_trace(found: Lattices) -> bool:
    return abs(found.errors) >= LEAST_ERRORS and abs(found.median) >= LEAST_RATIO


def _findings(found: Lattices, missing: float) -> Iterator[Finding]:
    if not _has_trace(found):
        words = (
            "No lattice of a colour filter stands out in green; resizing and strong compression "
            "remove it, and pictures that no camera took have none."
        )
        yield Finding(words, code="no_lattice")
        return
    less = 1 - math.exp(-abs(found.median))
    yield Finding(
        f"Green is predicted from its neighbours with {less:.0%} less error on one chessboard "
        f"lattice than on the other ({abs(found.errors):.0f} standard errors), as "
        f"interpolation behind a camera's colour filter leaves it.",
        heatmap=missing_map(found),
        code="lattice",
    )
    if missing >= LARGE:
        yield Finding(
            f"In one connected area of {missing:.1%} of the picture the lattice is missing or "
            f"reversed; saturated, blurred and strongly compressed parts lose it too.",
            code="lattice_missing_in_part",
        )
