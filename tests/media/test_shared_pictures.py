"""Healthy pictures from many sources are never refused, and their pixels never touched."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from forensics.media import decode, open_media, read_bytes
from forensics.schema import Image

DATA = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.mark.data
def test_real_files_give_the_pixels_that_they_store() -> None:
    if not (DATA / "manifest.csv").exists():
        pytest.skip("the shared data is not beside this checkout")
    with (DATA / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["path"].startswith("images/")]
    for row in rows[::60]:
        data = read_bytes(DATA / row["path"])
        media = open_media(Path(row["path"]), data)
        image = decode(media, data).image
        assert (media.width, media.height) == (int(row["width"]), int(row["height"]))
        assert media.notes or np.array_equal(image, plain(DATA / row["path"])), row["path"]


def plain(path: Path) -> Image:
    with Pillow.open(path) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
