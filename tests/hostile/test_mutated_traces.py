"""However a file is damaged, the other analyses say something of it, or its reading is refused.

`make hostile` tries 500 files; here are fewer, so that the suite stays fast.
"""

import math
import os
import random
import warnings
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from time import process_time

import cv2
import numpy as np
import pytest
from PIL import ExifTags
from PIL import Image as Pillow
from PIL.TiffImagePlugin import IFDRational

from forensics import plugins
from forensics.analysis import Analysis
from forensics.cameras import enrol
from forensics.case import Case
from forensics.errors import CameraUnusable, ForensicsError

NAMES = (
    *("copy_move", "demosaicing", "error_level", "lighting_and_geometry"),
    *("metadata", "noise_residual", "provenance", "spectrum_peaks"),
)
RUNS_PER_FILE = int(os.environ.get("FORENSICS_MUTATIONS", "40"))
"""Of each of five files."""
SLOWEST = 10.0
"""Seconds of the processor: others may be using it too."""
HISTORY = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" '
    'xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"><rdf:Description>'
    "<xmpMM:History><rdf:Seq>"
    '<rdf:li stEvt:action="created" stEvt:when="2024-01-01"/>'
    '<rdf:li stEvt:action="saved" stEvt:softwareAgent="An editor"/>'
    "</rdf:Seq></xmpMM:History></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def picture(seed: int = 5, size: tuple[int, int] = (136, 132)) -> Pillow.Image:
    """Texture of two sizes, with one square in it twice."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(128, 40, (14, 15, 3))
    image = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    image = np.asarray(image) + rng.normal(0, 12, image.shape)
    image[76:124, 80:128] = image[8:56, 10:58]
    return Pillow.fromarray(np.clip(image, 0, 255).astype(np.uint8))


def fields() -> bytes:
    """An EXIF block with a camera, times, sizes and a place."""
    base, gps, exif = ExifTags.Base, ExifTags.GPS, Pillow.Exif()
    exif.update({base.Make: "Maker", base.Orientation: 6, base.DateTime: "2024:06:01 12:00:00"})
    exif[ExifTags.IFD.Exif] = {
        base.DateTimeOriginal: "2024:06:01 14:30:00",
        base.OffsetTimeOriginal: "+02:00",
        base.ExifImageWidth: 136,
        base.ExifImageHeight: 132,
    }
    exif[ExifTags.IFD.GPSInfo] = {
        gps.GPSLongitudeRef: "E",
        gps.GPSLongitude: (IFDRational(13), IFDRational(24), IFDRational(0)),
        gps.GPSTimeStamp: (IFDRational(12), IFDRational(30), IFDRational(0)),
        gps.GPSDateStamp: "2024:06:01",
    }
    return exif.tobytes()


def encoded(form: str, **options: object) -> bytes:
    file = BytesIO()
    save: Callable[..., object] = picture().save
    save(file, form, **options)
    return file.getvalue()


FILES = {
    "jpeg": encoded("JPEG", exif=fields(), xmp=HISTORY.encode()),
    "jpeg with a box": encoded("JPEG", exif=fields())[:-2] + b"jumbjumdc2pa" * 3 + b"\xff\xd9",
    "png": encoded("PNG", exif=fields(), compress_level=1),
    "webp": encoded("WEBP", exif=fields(), xmp=HISTORY.encode(), quality=90),
    "tiff": encoded("TIFF", exif=fields()),
}


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Flip bytes, mostly in the header; seldom cut, or drop or double a stretch."""
    kind = rng.random()
    if kind < 0.05:
        return data[: rng.randrange(1, len(data))]
    damaged = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        at = rng.randrange(min(len(data), 1400) if rng.random() < 0.7 else len(data))
        damaged[at] = rng.choice([0, 255, rng.randrange(256), damaged[at] ^ 1 << rng.randrange(8)])
    if kind > 0.95:
        at = rng.randrange(len(damaged))
        damaged[at : at + 40] = damaged[at : at + 40] * rng.choice([0, 2])
    return bytes(damaged)


@pytest.fixture(scope="module")
def analyses(tmp_path_factory: pytest.TempPathFactory) -> list[Analysis]:
    """All but those that the JPEG tests cover, among them a camera's fingerprint."""
    folder = tmp_path_factory.mktemp("camera")
    paths = [folder / f"{seed}.png" for seed in range(8)]
    for seed, path in enumerate(paths):
        picture(seed).save(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORENSICS_CAMERAS", str(folder / "kept"))
        list(enrol("one", paths))
        options = plugins.plugin_class("analysis", "prnu").Options(camera="one")
        compared = plugins.load("analysis", "prnu", options)
    return [compared, *(plugins.load("analysis", name) for name in NAMES)]


@pytest.mark.parametrize("name", FILES)
def test_a_mutated_file_gives_findings_in_time(
    name: str, tmp_path: Path, analyses: list[Analysis]
) -> None:
    rng = random.Random(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(RUNS_PER_FILE):
            examine_all(mutated(FILES[name], rng), tmp_path / "a", analyses)


def examine_all(data: bytes, path: Path, analyses: list[Analysis]) -> None:
    """Run the analyses over these bytes, unless the picture is refused."""
    path.write_bytes(data)
    try:
        case = Case(path)
        _ = case.image
    except ForensicsError:
        return
    case.__dict__["faces"] = []
    for analysis in analyses:
        start = process_time()
        evidence = analysis.examine(case)
        assert evidence.findings
        assert all(map(math.isfinite, evidence.measurements.values()))
        assert process_time() - start < SLOWEST


def test_mutated_fingerprints_are_refused_or_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORENSICS_CAMERAS", str(tmp_path / "kept"))
    paths = [tmp_path / f"{seed}.png" for seed in range(8)]
    for seed, path in enumerate(paths):
        picture(seed, (160, 160)).save(path)
    list(enrol("one", paths))
    file, rng = tmp_path / "kept" / "one.safetensors", random.Random(0)
    data, prnu = file.read_bytes(), plugins.plugin_class("analysis", "prnu")
    for _ in range(100):
        damaged = bytearray(data)
        damaged[rng.randrange(260)] = rng.randrange(256)
        file.write_bytes(bytes(damaged))
        with suppress(CameraUnusable):
            plugins.load("analysis", "prnu", prnu.Options(camera="one"))
