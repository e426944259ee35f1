from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import generators._blocks as blocks
from forensics.plugins import load
from forensics.schema import Image
from generators.reconstruction import Reconstruction, ReconstructionOptions, convert


@pytest.fixture(scope="module")
def reconstruction() -> Reconstruction:
    plugin: Reconstruction = load("generator", "reconstruction")
    return plugin


def smooth_picture(height: int = 64, width: int = 88) -> Image:
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / period + y / 30) for period in (9, 14, 21)]
    return np.rint(127.5 + 80 * np.stack(waves, axis=2)).astype(np.uint8)


def decibels(first: Image, second: Image) -> float:
    error = np.mean((first.astype(np.float64) - second) ** 2)
    return float(10 * np.log10(255**2 / error))


def test_reconstruction_is_near_its_input_but_not_equal(reconstruction: Reconstruction) -> None:
    picture = smooth_picture()
    assert 26 < decibels(picture, reconstruction.reconstruct([picture])[0]) < 50


def test_strength_moves_the_picture_towards_its_reconstruction() -> None:
    picture = smooth_picture()
    weak, strong = (
        load("generator", "reconstruction", ReconstructionOptions(strength=share))
        for share in (0.3, 1.0)
    )
    far, near = (plugin.apply([picture], 0)[0][0] for plugin in (strong, weak))
    np.testing.assert_allclose(near, picture + 0.3 * (far.astype(float) - picture), atol=0.51)


def test_mask_holds_the_strength() -> None:
    plugin = load("generator", "reconstruction", ReconstructionOptions(strength=0.25))
    assert np.all(plugin.apply([smooth_picture()], 0)[1][0] == np.float32(0.25))


@pytest.mark.parametrize("strength", [0.0, -0.1, 1.01])
def test_strength_outside_its_range_is_refused(strength: float) -> None:
    with pytest.raises(ValueError, match="strength"):
        ReconstructionOptions(strength=strength)


def test_batches_of_mixed_sizes_keep_their_order(reconstruction: Reconstruction) -> None:
    pictures = [smooth_picture(32, 40), smooth_picture(16, 24), smooth_picture(32, 40) // 2]
    made = reconstruction.reconstruct(pictures)
    for picture, together in zip(pictures, made, strict=True):
        alone = reconstruction.reconstruct([picture])[0]
        np.testing.assert_allclose(together.astype(int), alone, atol=1)


def test_tiles_leave_no_seam(
    reconstruction: Reconstruction, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = smooth_picture(24, 184)
    whole = reconstruction.reconstruct([picture])[0]
    monkeypatch.setattr(blocks, "LARGEST_CORE", 7)
    np.testing.assert_allclose(reconstruction.reconstruct([picture])[0].astype(int), whole, atol=1)


def test_tiles_with_too_small_a_halo_would_show(
    reconstruction: Reconstruction, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = smooth_picture(16, 96)
    whole = reconstruction.reconstruct([picture])[0].astype(int)
    monkeypatch.setattr(blocks, "LARGEST_CORE", 6)
    monkeypatch.setattr(blocks, "HALO", 1)
    assert np.abs(reconstruction.reconstruct([picture])[0] - whole).max() > 2


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 4)])
def test_pictures_that_are_not_rgb_are_refused(
    reconstruction: Reconstruction, shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        reconstruction.reconstruct([np.zeros(shape, dtype=np.uint8)])


def test_conversion_gives_back_the_shipped_weights(
    reconstruction: Reconstruction, tmp_path: Path
) -> None:
    shipped = load_file(reconstruction.card.folder / "weights" / "reconstruction.safetensors")
    for part in ("encoder", "decoder"):
        state = {
            name.removeprefix(f"{part}."): torch.from_numpy(array)
            for name, array in shipped.items()
            if name.startswith(part)
        }
        torch.save(state, tmp_path / f"{part}.pth")
    convert(tmp_path / "encoder.pth", tmp_path / "decoder.pth", tmp_path / "out.safetensors")
    converted = load_file(tmp_path / "out.safetensors")
    assert all(np.array_equal(converted[name], array) for name, array in shipped.items())
    assert converted.keys() == shipped.keys()
