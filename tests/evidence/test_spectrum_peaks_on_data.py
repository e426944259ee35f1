from pathlib import Path

import pytest

from forensics import plugins
from forensics.case import Case

IMAGES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "images"


def heights(group: str) -> list[float]:
    paths = sorted((IMAGES / group).iterdir())[:8]
    analysis = plugins.load("analysis", "spectrum_peaks")
    return [analysis.examine(Case(path)).measurements["peak_at_one_half_db"] for path in paths]


@pytest.mark.data
@pytest.mark.skipif(not IMAGES.is_dir(), reason="../shared/data/images is absent")
def test_latent_decoders_leave_a_peak_that_photographs_lack() -> None:
    assert min(heights("flux-dev-style")) > 1.5
    assert max(heights("ciplab-real")) < 1.5
