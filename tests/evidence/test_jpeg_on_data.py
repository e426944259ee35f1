"""What the JPEG analyses say of real pictures of the shared collection."""

from pathlib import Path

import pytest

from forensics import plugins
from forensics.case import Case

IMAGES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "images"
REGIONS = {"region_compressed_once", "region_with_own_grid", "ghost"}


def codes(name: str, group: str) -> list[set[str]]:
    analysis = plugins.load("analysis", name)
    paths = sorted((IMAGES / group).iterdir())[:8]
    return [{finding.code for finding in analysis.examine(Case(path)).findings} for path in paths]


@pytest.mark.data
@pytest.mark.skipif(not IMAGES.is_dir(), reason="../shared/data/images is absent")
@pytest.mark.parametrize("name", ["double_compression", "jpeg_grid", "jpeg_ghosts"])
def test_no_region_stands_out_in_photographs_of_one_pipeline(name: str) -> None:
    assert not any(found & REGIONS for found in codes(name, "ffhq-256"))


@pytest.mark.data
@pytest.mark.skipif(not IMAGES.is_dir(), reason="../shared/data/images is absent")
def test_photoshop_is_named_where_it_saved() -> None:
    assert all("tables_photoshop" in found for found in codes("jpeg_structure", "casia-splice"))
