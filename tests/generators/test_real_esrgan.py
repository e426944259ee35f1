from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from forensics.errors import WeightsCorrupt
from forensics.plugins import entries
from forensics.real_esrgan_recovery import HALF_PRECISION, convolutions, recover
from forensics.schema import Image, WeightFile
from forensics.weights import file_sha256
from generators._blocks import in_tiles
from generators._real_esrgan import FACTOR, DenseBlock, RealEsrganNetwork
from generators.real_esrgan import RealEsrgan, RealEsrganOptions

Tensors = dict[str, NDArray[np.float16]]


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    rng = np.random.default_rng(0)
    made: Tensors = {}
    for name, n_out, n_in in convolutions():
        kernel = rng.normal(0, 0.3 / np.sqrt(9 * n_in), (n_out, n_in, 3, 3))
        made[f"{name}.weight"] = kernel.astype(np.float16)
        made[f"{name}.bias"] = rng.normal(0, 0.01, n_out).astype(np.float16)
    return made


def as_ncnn(tensors: Mapping[str, NDArray[np.float16]]) -> bytes:
    """What ncnn writes: a tag, padded kernels, biases in single precision."""
    parts = []
    for name, _, _ in convolutions():
        kernel = tensors[f"{name}.weight"].astype("<f2").tobytes()
        parts += [HALF_PRECISION.to_bytes(4, "little"), kernel, b"\0" * (-len(kernel) % 4)]
        parts.append(tensors[f"{name}.bias"].astype("<f4").tobytes())
    return b"".join(parts)


@pytest.fixture(scope="module")
def plugin(tensors: Tensors, tmp_path_factory: pytest.TempPathFactory) -> RealEsrgan:
    folder = tmp_path_factory.mktemp("real_esrgan")
    path = folder / "made.safetensors"
    save_file(tensors, path)
    card = entries("generator")["real_esrgan"].card
    weights = (WeightFile(path.name, file_sha256(path)),)
    return RealEsrgan(replace(card, folder=folder, weights=weights), RealEsrganOptions())


def test_recovery_gives_back_what_ncnn_wrote(tensors: Tensors, tmp_path: Path) -> None:
    source = tmp_path / "x4.bin"
    source.write_bytes(as_ncnn(tensors))
    recovered = load_file(recover(source, tmp_path)[0])
    assert recovered.keys() == tensors.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(recovered[name], tensor)


@pytest.mark.parametrize("damage", ["shorter", "longer", "other tag", "empty"])
def test_recovery_refuses_another_file(tensors: Tensors, tmp_path: Path, damage: str) -> None:
    whole = as_ncnn(tensors)
    damaged = {
        "shorter": whole[:-8],
        "longer": whole + bytes(4),
        "other tag": bytes(4) + whole[4:],
        "empty": b"",
    }[damage]
    source = tmp_path / "x4.bin"
    source.write_bytes(damaged)
    with pytest.raises(WeightsCorrupt):
        recover(source, tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))


def test_network_has_the_tensors_that_are_recovered() -> None:
    shapes = {name: tuple(each.shape) for name, each in RealEsrganNetwork().state_dict().items()}
    for name, n_out, n_in in convolutions():
        assert shapes.pop(f"{name}.weight") == (n_out, n_in, 3, 3)
        assert shapes.pop(f"{name}.bias") == (n_out,)
    assert not shapes


def test_dense_block_is_the_identity_where_its_last_convolution_is_zero() -> None:
    block, x = DenseBlock(), torch.rand(1, 64, 5, 6)
    for parameter in block[-1].parameters():
        torch.nn.init.zeros_(parameter)
    torch.testing.assert_close(block(x), x)


def test_every_convolution_of_a_dense_block_sees_all_before_it() -> None:
    block, x = DenseBlock(), torch.rand(1, 64, 5, 6)
    before = block(x)
    for conv in block:
        kernel = next(conv.parameters())
        with torch.no_grad():
            kernel[:, 0, 1, 1] += 0.1
        after = block(x)
        assert (after - before).abs().max() > 0
        before = after


def test_network_enlarges_four_times(plugin: RealEsrgan) -> None:
    with torch.inference_mode():
        assert plugin._network(torch.rand(1, 3, 5, 7)).shape == (1, 3, 5 * FACTOR, 7 * FACTOR)


def test_tiles_keep_their_places(plugin: RealEsrgan) -> None:
    x = torch.rand(1, 3, 8, 32)
    with torch.inference_mode():
        whole = plugin._network(x)
        tiled = in_tiles(plugin._network, x, cell_in=1, cell_out=FACTOR, largest=16)
    torch.testing.assert_close(tiled, whole, atol=1e-3, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (23, 24), (25, 49)])
def test_picture_keeps_its_size_and_changes_by_its_seed_alone(
    plugin: RealEsrgan, size: tuple[int, int]
) -> None:
    image: Image = np.random.default_rng(2).integers(0, 256, (*size, 3), dtype=np.uint8)
    [first, _], [mask, _] = plugin.apply([image, image], seed=4)
    [again], _ = plugin.apply([image], seed=4)
    assert first.shape == image.shape
    assert mask.min() == 1
    np.testing.assert_array_equal(first, again)
