"""Laws of the recipes whose features are computed and whose head is linear."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from scipy.fft import dctn

from detectors import azimuthal, dct_frank
from forensics.detector import CropDetector, fake_logit
from forensics.head_training import LinearRecipe, read_head, save_head, views_alone
from forensics.linear_head import LinearHead
from forensics.plugins import load
from forensics.schema import Image
from forensics.training import Sample, TrainingData

RECIPES = ("azimuthal", "dct_frank")


def noise(side: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def striped(image: Image) -> Image:
    """A fake: every fourth column is darker, as upsampling may leave it."""
    made = image.copy()
    made[:, ::4] //= 2
    return made


def data(folder: Path) -> TrainingData:
    kinds = [number % 2 for number in range(24)]
    samples = [
        Sample(f"{n}", kind, "gan" * kind, "gans" if kind else "camera", "A", f"{n}", check=False)
        for n, kind in enumerate(kinds)
    ]

    def read(sample: Sample) -> Image:
        image = noise(240, sample.seed(0))
        return striped(image) if sample.fake else image

    return TrainingData(tuple(samples), read, {}, folder / "run", folder / "cache")


def test_the_dct_is_the_orthonormal_one_and_its_logarithm_is_finite() -> None:
    crop = np.repeat(noise(dct_frank.SIDE)[..., :1], 3, axis=2)
    slow = np.log(np.abs(dctn(crop[..., 0].astype(float), norm="ortho")) + dct_frank.FLOOR)
    assert np.abs(dct_frank.log_dct(crop) - slow.ravel()).max() < 0.05
    assert np.isfinite(dct_frank.log_dct(np.zeros_like(crop))).all()


def test_a_profile_does_not_change_when_a_crop_is_turned() -> None:
    crop = noise(azimuthal.SIDE)
    turned = np.ascontiguousarray(np.rot90(crop))
    gap = azimuthal.spectral_profile(crop) - azimuthal.spectral_profile(turned)
    assert np.abs(gap).max() < 1e-3


def test_a_profile_of_white_noise_is_flat_and_that_of_a_smooth_picture_falls() -> None:
    flat = azimuthal.spectral_profile(noise(azimuthal.SIDE))
    slope = np.arange(azimuthal.SIDE, dtype=np.uint8)[:, None, None]
    smooth = azimuthal.spectral_profile(np.broadcast_to(slope, (224, 224, 3)).copy())
    assert np.ptp(flat[20:150]) < 1.5
    assert smooth[100] < smooth[5] < smooth[0] + 1e-6


def test_a_profile_shows_a_wave_at_its_distance() -> None:
    wave = 60 * np.sin(2 * np.pi * 56 * np.arange(azimuthal.SIDE) / azimuthal.SIDE)
    calm = noise(azimuthal.SIDE) // 2 + 60
    wavy = np.rint(calm + wave[:, None, None]).astype(np.uint8)
    gap = azimuthal.spectral_profile(wavy) - azimuthal.spectral_profile(calm)
    assert gap.argmax() == 56


@pytest.mark.parametrize("features", [dct_frank.log_dct, azimuthal.spectral_profile])
def test_a_crop_of_another_shape_is_refused(features: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        features(noise(64))  # type: ignore[operator]


@pytest.mark.parametrize("name", RECIPES)
def test_a_trained_head_ranks_striped_pictures_above_plain_ones(tmp_path: Path, name: str) -> None:
    detector = trained(name, tmp_path)
    scores = detector.score([noise(240, seed) for seed in (900, 901)])
    fakes = detector.score([striped(noise(240, seed)) for seed in (902, 903)])
    assert fakes.min() > scores.max()


def stored_keys(cache: Path) -> list[str]:
    base = sqlite3.connect(next(cache.glob("*.sqlite")))
    with closing(base):
        return [key for (key,) in base.execute("SELECT key FROM vectors ORDER BY rowid")]


@pytest.mark.parametrize("name", RECIPES)
def test_training_again_gives_the_same_file_from_what_is_stored(tmp_path: Path, name: str) -> None:
    trained(name, tmp_path)
    file = tmp_path / "run" / f"{name}.safetensors"
    first = file.read_bytes()
    stored = stored_keys(tmp_path / "cache")
    trained(name, tmp_path)
    assert file.read_bytes() == first
    assert stored_keys(tmp_path / "cache") == stored != []


def test_views_of_recipes_without_pairs_are_no_twins(tmp_path: Path) -> None:
    views = views_alone(data(tmp_path), strong=0.5)
    assert not [view for view in views if view.twin]
    assert {view.number for view in views} == {0, 1}


def test_a_saved_head_gives_its_logits_to_half_precision(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    head = LinearHead(rng.normal(size=(9, 3)).astype(np.float32), np.ones(3, np.float32))
    save_head(head, tmp_path / "head.safetensors")
    rows = rng.normal(size=(5, 9)).astype(np.float32)
    again = read_head(load_file(tmp_path / "head.safetensors")).class_logits(rows)
    assert np.abs(fake_logit(again) - fake_logit(head.class_logits(rows))).max() < 0.02


def trained(name: str, folder: Path) -> CropDetector:
    """Train on made-up pictures, then score with that run's weights."""
    detector: CropDetector = load("detector", name)
    steps = list(detector.train(data(folder), LinearRecipe(strong=0.3), 0))  # type: ignore[attr-defined]
    assert steps[-1].step == steps[-1].total
    head = read_head(load_file(folder / "run" / f"{name}.safetensors"))
    vars(detector)["head"] = head
    return detector
