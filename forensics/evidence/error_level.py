"""Error level analysis of the whole picture, and the JPEG quality of file and pixels."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from forensics.analysis import Analysis
from forensics.case import Case
from forensics.evidence._jpeg import jpeg_of
from forensics.schema import Evidence, Finding, Floats
from forensics.traces.error_level import block_errors, error_map, reference_error
from forensics.traces.jpeg import image_quality, table_quality


class ErrorLevel(Analysis):
    """Shows where recompression changes the picture more than elsewhere."""

    @dataclass(frozen=True)
    class Options:
        """`quality`: JPEG quality of the recompression, 1 to 100."""

        quality: int = 90

    def examine(self, case: Case) -> Evidence:
        """Return the share of 8-px blocks that change unusually much, and a map of the change."""
        start = perf_counter()
        errors = block_errors(case.image, self.options.quality)
        file_quality = _file_quality(case)
        pixels_quality = image_quality(case.image)
        strong = float(np.mean(errors > 3 * reference_error(errors)))
        measurements = {
            "median_error_grey_levels": float(np.median(errors)),
            "highest_twentieth_error_grey_levels": float(np.percentile(errors, 95)),
            "blocks_over_three_medians_share": strong,
        }
        if file_quality is not None:
            measurements["file_jpeg_quality"] = float(file_quality)
        if pixels_quality is not None:
            measurements["pixels_jpeg_quality"] = float(pixels_quality)
        findings = (
            Finding(
                _map_words(errors, self.options.quality, strong),
                heatmap=error_map(errors),
                code="error_level",
            ),
            *_quality_findings(case.media.format, file_quality, pixels_quality),
        )
        return Evidence(findings, measurements, perf_counter() - start)


def _file_quality(case: Case) -> int | None:
    jpeg = jpeg_of(case)
    if jpeg is None or jpeg.luma_table is None:
        return None
    return table_quality(jpeg.luma_table.ravel().tolist())


def _map_words(errors: Floats, quality: int, strong: float) -> str:
    return (
        f"Recompressed at JPEG quality {quality}, the median 8-px block changes by "
        f"{np.median(errors):.2f} grey levels, and {strong:.1%} of the blocks by more than three "
        f"times as much; edges and fine texture do so in untouched pictures too."
    )


def _quality_findings(form: str, file_quality: int | None, pixels: int | None) -> Iterator[Finding]:
    if file_quality is not None:
        words = f"The file's quantisation tables are nearest to JPEG quality {file_quality}."
        yield Finding(words, code="file_quality")
    if pixels is not None and file_quality is None:
        yield Finding(
            f"The pixels carry the quantisation of a JPEG of about quality {pixels}, "
            f"though the file is {form}.",
            code="jpeg_in_other_format",
        )
    if pixels is not None and file_quality is not None and pixels < file_quality - 5:
        yield Finding(
            f"The pixels carry the quantisation of an earlier JPEG of about quality {pixels}, "
            f"below that of the file.",
            code="earlier_lower_quality",
        )
