"""Regions that appear twice in the picture, and lines between them."""

from time import perf_counter

import numpy as np

from forensics.analysis import Analysis
from forensics.case import Case
from forensics.schema import Evidence, Finding, Map
from forensics.traces.copies import Copy, find_copies

MOST_LINES = 24
MOST_COPIES = 4


class CopyMove(Analysis):
    """Looks for regions that were copied inside the picture."""

    def examine(self, case: Case) -> Evidence:
        """Return each pair of regions, with lines between matching points."""
        start = perf_counter()
        copies = find_copies(case.image)
        shown = tuple(map(_finding, copies[:MOST_COPIES]))
        none = "No region of the picture was found in it a second time."
        figures = {
            "repeated_regions_count": float(len(copies)),
            "largest_repeated_region_share": max((_share(copy) for copy in copies), default=0.0),
        }
        findings = shown or (Finding(none, code="no_region_twice"),)
        return Evidence(findings, figures, perf_counter() - start)


def _finding(copy: Copy) -> Finding:
    words = (
        f"A region of {_share(copy):.1%} of the picture appears twice, turned by "
        f"{round(copy.degrees)} degrees and {copy.scale:.2f} times as large, with "
        f"{copy.agreement:.0%} of its local variance in common; patterns that repeat do so too."
    )
    chosen = np.unique(np.linspace(0, len(copy.lines) - 1, MOST_LINES).astype(int))
    return Finding(words, heatmap=_map(copy), code="region_twice", lines=copy.lines[chosen])


def _map(copy: Copy) -> Map:
    """1 in the one region, .6 in the other: which was first is not known."""
    return np.maximum(copy.copy * np.float32(1), copy.source * np.float32(0.6))


def _share(copy: Copy) -> float:
    return float(copy.copy.mean())
