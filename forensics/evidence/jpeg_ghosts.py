"""A region that recompression at some quality changes less than the rest.

H. Farid, "Exposing Digital Forgeries from JPEG Ghosts", IEEE TIFS 2009.
"""

from time import perf_counter

from forensics.analysis import Analysis
from forensics.case import Case
from forensics.evidence._jpeg import jpeg_of, upright
from forensics.schema import Evidence, Finding
from forensics.traces.jpeg import table_quality
from forensics.traces.jpeg_ghosts import Ghost, find_ghost

LEAST_DEPTH = 0.35
"""Relative change by which region and rest must differ."""
LEAST_SEPARATION = 3.2
"""The same in standard deviations within both."""


class JpegGhosts(Analysis):
    """Recompresses at many qualities and looks for a part that hardly changes."""

    def examine(self, case: Case) -> Evidence:
        """Return the quality that divides the picture best, and the map at that quality."""
        start = perf_counter()
        jpeg, plane = jpeg_of(case), case.stored_luminance
        table = None if jpeg is None else jpeg.luma_table
        if plane is None or table is None:
            words = "The file stores no JPEG luminance, in which a ghost could show."
            return Evidence((Finding(words, code="no_luminance"),), {}, perf_counter() - start)
        ghost = find_ghost(plane, below=table_quality(table.ravel().tolist()))
        if ghost is None:
            words = "The picture is too small, or compressed too strongly, to look for ghosts in."
            return Evidence((Finding(words, code="too_small"),), {}, perf_counter() - start)
        measurements = {
            "ghost_depth_ratio": ghost.depth,
            "ghost_separation_ratio": ghost.separation,
            "ghost_share": ghost.share,
            "ghost_quality": float(ghost.quality),
        }
        return Evidence((_finding(case, ghost),), measurements, perf_counter() - start)


def _finding(case: Case, ghost: Ghost) -> Finding:
    if ghost.depth < LEAST_DEPTH or ghost.separation < LEAST_SEPARATION:
        words = "At no quality does recompression change one region much less than the rest."
        return Finding(words, code="no_ghost")
    return Finding(
        f"Recompressed at JPEG quality {ghost.quality}, {ghost.share:.0%} of the picture changes "
        f"much less than the rest, relative to its texture.",
        heatmap=upright(case, ghost.map),
        code="ghost",
    )
