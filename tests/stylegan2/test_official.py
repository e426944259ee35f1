"""Official pickles: read to the number, and never run."""

import os
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from forensics.cli import main
from forensics.errors import WeightsCorrupt
from forensics.plugins import load, plugin_class
from generators.stylegan2.official import read_tensors
from generators.stylegan2.renaming import renamed
from tests.stylegan2 import slow_twin
from tests.stylegan2.official_pickle import Persisted, generator, module, their_modules, written

WIDTHS = {4: 8, 8: 8, 16: 4}


@pytest.fixture
def official(tmp_path: Path) -> Path:
    path = tmp_path / "network-snapshot.pkl"
    network = generator(torch.Generator().manual_seed(1), 16, WIDTHS, styles=6)
    path.write_bytes(written(network))
    return path


def pickled(path: Path, thing: Any) -> Path:
    path.write_bytes(pickle.dumps({"G_ema": thing}))
    return path


def test_converted_generator_makes_the_pictures_of_a_slow_twin(
    official: Path, tmp_path: Path
) -> None:
    out = tmp_path / "ours.safetensors"
    assert main(["weights", "convert-stylegan", str(official), str(out)]) == 0
    options = plugin_class("generator", "stylegan2").Options(weights=str(out), truncation=0.6)
    codes = np.random.default_rng(3).standard_normal((2, 6), np.float32)
    made = load("generator", "stylegan2", options).from_codes(codes)
    theirs = read_tensors(official)
    for image, code in zip(made, codes, strict=True):
        expected = slow_twin.picture(theirs, torch.from_numpy(code), 0.6)
        levels = expected.add(1).mul(127.5).clamp(0, 255).permute(1, 2, 0).numpy()
        np.testing.assert_allclose(image, levels, atol=0.501)


def test_shape_is_read_off_the_tensors(official: Path) -> None:
    recipe, _ = renamed(read_tensors(official))
    shape = (recipe.resolution, recipe.width, recipe.at_most, recipe.styles, recipe.mapping)
    assert shape == (16, 64, 8, 6, 2)


class Malicious:
    """Would leave a file behind where its pickle is loaded as pickles usually are."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.system, (f"touch {self.path}",)


def test_malicious_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    path = pickled(tmp_path / "bad.pkl", Malicious(trace))
    with pytest.raises(WeightsCorrupt, match=r"names (posix|nt|os)\.system.*nothing was run"):
        read_tensors(path)
    assert not trace.exists()


def test_pickle_nested_in_a_tensor_is_refused_and_not_run(tmp_path: Path) -> None:
    trace, stream = tmp_path / "ran", BytesIO()
    torch.save({"numbers": Malicious(trace)}, stream)

    class Tensor:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
            return torch.storage._load_from_bytes, (stream.getvalue(),)

    path = pickled(tmp_path / "bad.pkl", OrderedDict(weight=Tensor()))
    with pytest.raises(WeightsCorrupt, match="is no pickle of StyleGAN"):
        read_tensors(path)
    assert not trace.exists()


@pytest.mark.parametrize("name", ["eval", "exec", "getattr", "__import__", "open"])
def test_builtins_that_could_run_code_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.pkl"
    path.write_bytes(b"cbuiltins\n" + name.encode() + b"\n(V1\ntR.")
    with pytest.raises(WeightsCorrupt, match=f"names builtins.{name}"):
        read_tensors(path)


def test_source_in_a_pickle_is_never_run(official: Path) -> None:
    assert b"embedded source was run" in official.read_bytes()
    assert read_tensors(official)


def test_stand_ins_of_one_file_are_not_those_of_the_next(tmp_path: Path) -> None:
    # BUILD with a pair sets attributes of what lies on the stack: here, of a class.
    path = tmp_path / "bad.pkl"
    path.write_bytes(b"cdnnlib.util\nEasyDict\n(N(dVget\nVspoiled\nsttb.")
    with pytest.raises(WeightsCorrupt):
        read_tensors(path)
    with their_modules():
        good = tmp_path / "good.pkl"
        words = sys.modules["dnnlib.util"].EasyDict(G_ema=module("Generator", {"w": torch.ones(2)}))
        good.write_bytes(pickle.dumps(words))
    assert read_tensors(good)["w"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (3, "holds no generator"),
        (Persisted("Generator"), "has no tensors"),
    ],
)
def test_pickle_of_something_else_is_refused(thing: Any, said: str, tmp_path: Path) -> None:
    path = tmp_path / "other.pkl"
    path.write_bytes(written(thing))
    with pytest.raises(WeightsCorrupt, match=said):
        read_tensors(path)


def test_truncated_pickle_is_refused_at_any_length(official: Path, tmp_path: Path) -> None:
    data = official.read_bytes()
    path = tmp_path / "cut.pkl"
    for length in range(0, len(data), len(data) // 23):
        path.write_bytes(data[:length])
        with pytest.raises(WeightsCorrupt):
            read_tensors(path)


def test_tensor_larger_than_its_numbers_is_refused(tmp_path: Path) -> None:
    class Lying:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
            storage = torch.ones(4).storage()
            return torch._utils._rebuild_tensor_v2, (
                storage, 0, (10**9, 10**9), (0, 0), False, OrderedDict(),
            )  # fmt: skip

    path = pickled(tmp_path / "lying.pkl", Lying())
    with pytest.raises(WeightsCorrupt, match="a storage of 4"):
        read_tensors(path)


def test_resolution_that_stylegan2_cannot_have_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.pkl"
    path.write_bytes(written(generator(torch.Generator(), 4, {4: 4}, styles=6)))
    with pytest.raises(WeightsCorrupt, match="resolution must be"):
        renamed(read_tensors(path))


def test_other_architectures_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "sg3.pkl"
    path.write_bytes(written(module("Generator", {"synthesis.L0_36.weight": torch.ones(2, 2)})))
    with pytest.raises(WeightsCorrupt, match="no generator of StyleGAN2"):
        renamed(read_tensors(path))
