"""Whether the whole picture was compressed as JPEG twice on one grid, and where only once.

J. Lukas and J. Fridrich, DFRWS 2003; T. Bianchi and A. Piva, IEEE TIFS 2012; D. Fu, Y. Q. Shi and
W. Su, SPIE 6505, 2007 (first digits).
"""

from time import perf_counter

import cv2
import numpy as np

from forensics.analysis import Analysis
from forensics.case import Case
from forensics.evidence._jpeg import jpeg_of, upright
from forensics.schema import Evidence, Finding, Map
from forensics.traces.first_digits import benford_divergence, digit_shares
from forensics.traces.jpeg import table_quality
from forensics.traces.jpeg_history import Model, fit

LEAST_GAIN = 0.01
"""Nats a coefficient by which two compressions must explain the picture better than one."""
REGION_GAIN = 0.03
"""The same, before a region without the first compression is looked for."""
WINDOW = 7
"""Side in blocks of the window over which a region is judged: 56 px."""
DECISIVE = 4.0
"""Nats by which a window must speak against the first compression."""
LEAST_SHARE, MOST_SHARE = 0.01, 0.5
"""A region covers at least and at most these shares of the picture."""


class DoubleCompression(Analysis):
    """Compares one compression with two, for every quality of the first one."""

    def examine(self, case: Case) -> Evidence:
        """Return the likelier number of compressions, and a map of blocks that saw only one."""
        start = perf_counter()
        jpeg, plane = jpeg_of(case), case.stored_luminance
        if jpeg is None or plane is None or jpeg.luma_table is None or not jpeg.luma_table.all():
            words = "The file stores no JPEG luminance, so that its history cannot be read from it."
            return Evidence((Finding(words, code="no_luminance"),), {}, perf_counter() - start)
        model = fit(plane, jpeg.luma_table)
        if model is None:
            words = "The picture has too few 8-px blocks to compare one compression with two."
            return Evidence((Finding(words, code="too_small"),), {}, perf_counter() - start)
        quality = table_quality(jpeg.luma_table.ravel().tolist())
        return Evidence(
            _findings(case, model, quality), _measurements(model, quality), perf_counter() - start
        )


def _measurements(model: Model, quality: int) -> dict[str, float]:
    history = model.history
    measured = {
        "file_quality": float(quality),
        "gain_of_two_compressions_nats": history.gain,
        "coefficients_count": float(history.coefficients),
        "first_digit_divergence_ratio": benford_divergence(digit_shares(model.stored)),
    }
    if history.gain >= LEAST_GAIN:
        measured["first_quality"] = float(history.quality)
    return measured


def _findings(case: Case, model: Model, quality: int) -> tuple[Finding, ...]:
    history = model.history
    if history.gain < LEAST_GAIN:
        words = (
            f"One JPEG compression of about quality {quality} explains the stored coefficients as "
            f"well as two on the same grid do; an earlier one of higher quality can go unseen."
        )
        return (Finding(words, code="one_compression"),)
    whole = Finding(
        f"The stored coefficients show an earlier JPEG compression of about quality "
        f"{history.quality} on the same grid, before the file's own of about {quality} "
        f"({history.gain:.2f} nats a coefficient).",
        code="two_compressions",
    )
    region = _region(case, model) if history.gain >= REGION_GAIN else None
    return (whole,) if region is None else (whole, region)


def _region(case: Case, model: Model) -> Finding | None:
    """The part that lacks the first compression: connected, neither tiny nor most of it all."""
    against = -cv2.blur(
        model.block_gains(model.history.quality), (WINDOW, WINDOW), borderType=cv2.BORDER_REFLECT
    )
    against *= WINDOW**2
    _, _, sizes, _ = cv2.connectedComponentsWithStats((against > DECISIVE).astype(np.uint8))
    share = float(sizes[1:, cv2.CC_STAT_AREA].max(initial=0)) / against.size
    if not LEAST_SHARE <= share <= MOST_SHARE:
        return None
    heatmap: Map = (1 / (1 + np.exp(np.clip(DECISIVE - against, -50, 50)))).astype(np.float32)
    return Finding(
        f"A connected region of {share:.0%} of the picture lacks the earlier compression that the "
        f"rest shows.",
        heatmap=upright(case, heatmap),
        code="region_compressed_once",
    )
