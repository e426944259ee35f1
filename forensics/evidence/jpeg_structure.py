"""How the JPEG file is built: tables, sampling, segments, thumbnail, and what follows its end.

H. Farid, "Digital Image Ballistics from JPEG Quantization", Dartmouth TR2006-583; T. Gloe,
"Forensic Analysis of Ordered Data Structures on the Example of JPEG Files", WIFS 2012; E. Kee and
H. Farid, SPIE 7541, 2010 (thumbnails).
"""

from collections.abc import Iterator
from time import perf_counter

import numpy as np

from forensics.analysis import Analysis
from forensics.case import Case
from forensics.evidence._jpeg import jpeg_of
from forensics.evidence._parts import trailing_findings
from forensics.evidence._thumbnail import small_picture, thumbnail_finding, thumbnails
from forensics.schema import Evidence, Finding, Floats
from forensics.traces.jpeg import table_quality
from forensics.traces.jpeg_encoders import encoder_of
from forensics.traces.jpeg_file import JpegFile, standard_huffman
from forensics.traces.noise import luma

SAMPLINGS = {
    ((1, 1), (1, 1), (1, 1)): ("chroma_full", "at full size (4:4:4)"),
    ((2, 1), (1, 1), (1, 1)): ("chroma_half_width", "at half width (4:2:2)"),
    ((1, 2), (1, 1), (1, 1)): ("chroma_half_height", "at half height (4:4:0)"),
    ((2, 2), (1, 1), (1, 1)): ("chroma_quarter", "at half width and height (4:2:0)"),
    ((4, 1), (1, 1), (1, 1)): ("chroma_quarter_width", "at a quarter of the width (4:1:1)"),
}
MOST_THUMBNAILS = 3
MOST_NAMED = 16


class JpegStructure(Analysis):
    """Reads the file's headers; of the pixels it needs only a small picture."""

    def examine(self, case: Case) -> Evidence:
        """Return encoder, sampling, order of segments, thumbnails and parts behind the picture."""
        start = perf_counter()
        jpeg = jpeg_of(case)
        if jpeg is None:
            words = f"The file is {case.media.format}, not JPEG: it has no JPEG structure."
            return Evidence((Finding(words, code="no_jpeg"),), {}, perf_counter() - start)
        findings = (
            *_tables(jpeg),
            *_coding(jpeg),
            *_order(jpeg),
            *_thumbnails(case, jpeg),
            *trailing_findings(case.data, jpeg),
        )
        return Evidence(findings, _measurements(case.data, jpeg), perf_counter() - start)


def _measurements(data: bytes, jpeg: JpegFile) -> dict[str, float]:
    measured = {
        "segments_count": float(len(jpeg.segments)),
        "scans_count": float(jpeg.scans),
        "after_end_bytes": float(0 if jpeg.end is None else len(data) - jpeg.end),
    }
    for name, table in (("luma", jpeg.luma_table), ("chroma", jpeg.chroma_table)):
        if table is not None:
            measured[f"{name}_step_mean_grey_levels"] = float(np.mean(table))
    if jpeg.luma_table is not None:
        measured["nearest_quality"] = float(table_quality(jpeg.luma_table.ravel().tolist()))
    return measured


def _tables(jpeg: JpegFile) -> Iterator[Finding]:
    if jpeg.luma_table is None:
        yield Finding("The file lacks a quantisation table that it refers to.", code="tables_lost")
        return
    encoder = encoder_of(jpeg.luma_table)
    yield Finding(
        f"The luminance quantisation tables are {encoder.words}.", code=f"tables_{encoder.kind}"
    )


def _coding(jpeg: JpegFile) -> Iterator[Finding]:
    factors = tuple(component[:2] for component in jpeg.components)
    if len(factors) == 1:
        yield Finding("The file stores luminance only.", code="luminance_only")
    elif factors in SAMPLINGS:
        code, words = SAMPLINGS[factors]
        yield Finding(f"Colour is stored {words}.", code=code)
    else:
        listed = ", ".join(f"{across}x{down}" for across, down in factors) or "none"
        words = f"The sampling factors of the channels are unusual: {listed}."
        yield Finding(words, code="chroma_unusual")
    if jpeg.progressive:
        words = f"The picture is stored progressively, in {jpeg.scans} passes."
        yield Finding(words, code="progressive")
    if jpeg.arithmetic:
        words = "The picture is stored with arithmetic coding, which few programs write."
        yield Finding(words, code="arithmetic")
    elif standard_huffman(jpeg) is False and not jpeg.progressive:
        words = "The Huffman codes were fitted to this picture, as editors and optimisers do."
        yield Finding(words, code="huffman_fitted")


def _order(jpeg: JpegFile) -> Iterator[Finding]:
    names = [segment.name for segment in jpeg.segments]
    listed = ", ".join(names[:MOST_NAMED]) + (", ..." if len(names) > MOST_NAMED else "")
    if jpeg.has("APP0 JFIF") and jpeg.has("APP1 Exif"):
        words = f"The file has both a JFIF and an EXIF header; cameras write one. Order: {listed}."
        yield Finding(words, code="jfif_and_exif")
    else:
        yield Finding(f"The segments come in this order: {listed}.", code="order")
    if jpeg.has("APP13 Photoshop") or jpeg.has("APP14 Adobe") or jpeg.has("APP12 Ducky"):
        words = "The file has segments that Adobe's programs write."
        yield Finding(words, code="adobe_segments")
    if jpeg.cut:
        words = "A segment claims more bytes than the file has."
        yield Finding(words, code="segment_cut")


def _thumbnails(case: Case, jpeg: JpegFile) -> Iterator[Finding]:
    found = list(thumbnails(jpeg))[:MOST_THUMBNAILS]
    if not found:
        return
    picture = small_picture(_gray(case))
    for thumbnail in found:
        yield thumbnail_finding(case, thumbnail, picture)


def _gray(case: Case) -> Floats:
    stored = case.stored_luminance
    return luma(case.image) if stored is None else stored.astype(np.float32)
