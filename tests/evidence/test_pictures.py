"""What error_level and spectrum_peaks say of pictures with known traces."""

from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from forensics import plugins
from forensics.case import Case
from forensics.schema import Evidence, Image
from forensics.traces.jpeg import recompress


def scene(side: int = 512) -> Image:
    rng = np.random.default_rng(0)
    coarse = Pillow.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((side, side), Pillow.Resampling.BICUBIC), dtype=np.float32)
    return np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)


def examine(name: str, image: Image, path: Path, quality: int = 95) -> tuple[str, Evidence]:
    Pillow.fromarray(image).save(path, quality=quality)
    evidence: Evidence = plugins.load("analysis", name).examine(Case(path))
    return "\n".join(finding.statement for finding in evidence.findings), evidence


def test_quality_of_the_file_is_said(tmp_path: Path) -> None:
    words, evidence = examine("error_level", scene(), tmp_path / "a.jpg", quality=82)
    assert "nearest to JPEG quality 82." in words
    assert evidence.measurements["file_jpeg_quality"] == 82


def test_jpeg_inside_a_png_is_said(tmp_path: Path) -> None:
    words, _ = examine("error_level", recompress(scene(), 70), tmp_path / "a.png")
    assert "of about quality 70, though the file is PNG." in words


def test_earlier_stronger_compression_is_said(tmp_path: Path) -> None:
    words, _ = examine("error_level", recompress(scene(), 40), tmp_path / "a.jpg", quality=98)
    assert "an earlier JPEG of about quality 40" in words


def test_heatmap_has_a_value_a_block(tmp_path: Path) -> None:
    _, evidence = examine("error_level", scene(100), tmp_path / "a.png")
    heatmap = evidence.findings[0].heatmap
    assert heatmap is not None
    assert heatmap.shape == (13, 13)


def test_checkerboard_of_an_upsampler_is_said(tmp_path: Path) -> None:
    image = scene().astype(np.int16)
    image[::2, ::2] += 6
    words, evidence = examine(
        "spectrum_peaks", image.clip(0, 255).astype(np.uint8), tmp_path / "a.png"
    )
    assert "Periodic peaks in the residual's power spectrum at 1/2" in words
    assert "so do block compression, enlarging and a camera's colour filter: 6% of" in words
    assert evidence.measurements["peak_at_one_half_db"] > 3


def test_a_picture_without_peaks_is_said_to_have_none(tmp_path: Path) -> None:
    words, _ = examine("spectrum_peaks", scene(), tmp_path / "a.png")
    assert words.startswith("No periodic peaks")
    assert "8-px grid" not in words


def test_the_jpeg_grid_is_named_beside_the_peaks(tmp_path: Path) -> None:
    words, _ = examine("spectrum_peaks", recompress(scene(), 40), tmp_path / "a.png")
    assert "JPEG alone leaves peaks at multiples of 1/8" in words


def test_pictures_below_64_px_have_no_spectrum(tmp_path: Path) -> None:
    words, evidence = examine("spectrum_peaks", scene(63), tmp_path / "a.png")
    assert words == "At 63 x 63 px the picture is too small for a power spectrum."
    assert not evidence.measurements
