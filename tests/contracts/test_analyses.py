import math
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics import plugins
from forensics.analysis import Analysis
from forensics.case import Case
from forensics.schema import Evidence, Image

NAMES = sorted(plugins.entries("analysis"))
UNITS = ("_count", "_bytes", "_db", "_ratio", "_share", "_grey_levels", "_quality", "_errors")
INTERPRETING = ("fake", "authentic", "genuine", "real photo")
RNG = np.random.default_rng(0)
PICTURES: dict[str, Image] = {
    "one pixel": np.full((1, 1, 3), 200, dtype=np.uint8),
    "flat": np.full((300, 200, 3), 128, dtype=np.uint8),
    "noise": RNG.integers(0, 256, (257, 259, 3), dtype=np.uint8),
    "long": RNG.integers(0, 256, (3, 5000, 3), dtype=np.uint8),
    "tall": RNG.integers(0, 256, (9000, 65, 3), dtype=np.uint8),
}
FORMATS = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "TIFF": ".tif", "GIF": ".gif"}


@pytest.fixture(params=NAMES)
def analysis(request: pytest.FixtureRequest) -> Analysis:
    loaded: Analysis = plugins.load("analysis", request.param)
    return loaded


@pytest.fixture(params=PICTURES)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    return case_of(PICTURES[request.param], tmp_path, "PNG")


def case_of(image: Image, folder: Path, form: str) -> Case:
    path = folder / f"picture{FORMATS[form]}"
    Pillow.fromarray(image).save(path, form)
    return Case(path)


def facts(evidence: Evidence) -> tuple[list[str], dict[str, float]]:
    return [finding.statement for finding in evidence.findings], evidence.measurements


def test_there_are_analyses() -> None:
    assert {"metadata", "provenance", "error_level", "spectrum_peaks"} <= set(NAMES)


def test_statements_are_sentences_that_do_not_interpret(analysis: Analysis, case: Case) -> None:
    for finding in analysis.examine(case).findings:
        assert finding.statement[0].isupper()
        assert finding.statement.endswith(".")
        assert not any(word in finding.statement.lower() for word in INTERPRETING)


def test_findings_carry_no_score(analysis: Analysis, case: Case) -> None:
    findings = analysis.examine(case).findings
    assert findings
    assert all(finding.score is None for finding in findings)


def test_codes_are_names_that_stay(analysis: Analysis, case: Case) -> None:
    codes = [finding.code for finding in analysis.examine(case).findings]
    assert all(re.fullmatch(r"([a-z][a-z0-9]*(_[a-z0-9]+)*)?", code) for code in codes)


def test_measurements_are_finite_and_name_their_unit(analysis: Analysis, case: Case) -> None:
    for name, value in analysis.examine(case).measurements.items():
        assert isinstance(value, float)
        assert math.isfinite(value)
        assert name.endswith(UNITS)


def test_heatmaps_are_maps(analysis: Analysis, case: Case) -> None:
    maps = [f.heatmap for f in analysis.examine(case).findings if f.heatmap is not None]
    for heatmap in maps:
        assert heatmap.ndim == 2
        assert heatmap.dtype == np.float32
        assert 0 <= heatmap.min() <= heatmap.max() <= 1


def test_the_same_case_gives_the_same_evidence(analysis: Analysis, case: Case) -> None:
    first, second = analysis.examine(case), analysis.examine(case)
    assert facts(first) == facts(second)
    assert first.seconds > 0


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_examined(analysis: Analysis, form: str, tmp_path: Path) -> None:
    assert analysis.examine(case_of(PICTURES["noise"], tmp_path, form)).findings
