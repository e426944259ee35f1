import hashlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from forensics.errors import BrokenPlugin, WeightsCorrupt, WeightsUnavailable
from forensics.schema import ModelCard, WeightFile
from forensics.weights import (
    cache_folder,
    file_named,
    file_sha256,
    find_file,
    load_tensors,
    verified_path,
)

ROWS = {"rows": np.arange(6, dtype=np.float16).reshape(2, 3)}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FORENSICS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "card").mkdir()
    return tmp_path / "card"


def card(folder: Path, *names: str, **more: object) -> ModelCard:
    made = folder / "head.safetensors"
    save_file(ROWS, made)
    digest = hashlib.sha256(made.read_bytes()).hexdigest()
    weights = tuple(WeightFile(name, digest) for name in names or [made.name])
    return ModelCard(
        name="plug",
        kind="detector",
        title="The Plug",
        looks_at="",
        input="",
        licence_code="",
        folder=folder,
        weights=weights,
        **more,  # type: ignore[arg-type]
    )


def test_a_file_beside_its_card_is_found(folder: Path) -> None:
    plug = card(folder)
    assert verified_path(plug, plug.weights[0]) == folder / "head.safetensors"


def test_a_file_in_the_cache_is_found(folder: Path, cache: Path) -> None:
    plug = card(folder)
    (cache / "plug").mkdir(parents=True)
    (folder / "head.safetensors").rename(cache / "plug" / "head.safetensors")
    assert verified_path(plug, plug.weights[0]).parent == cache / "plug"


def test_one_flipped_bit_is_refused_with_both_hashes(folder: Path) -> None:
    plug = card(folder)
    path = folder / "head.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    wrong = hashlib.sha256(data).hexdigest()
    with pytest.raises(WeightsCorrupt, match=f"{wrong}.*{plug.weights[0].sha256}"):
        verified_path(plug, plug.weights[0])


def test_a_file_changed_after_its_verification_is_refused(folder: Path) -> None:
    plug = card(folder)
    path = verified_path(plug, plug.weights[0])
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(WeightsCorrupt):
        verified_path(plug, plug.weights[0])


@pytest.mark.parametrize(
    ("more", "remedy"),
    [
        ({"source": {"package": "p"}}, "forensics weights pull plug"),
        ({"retrain": "forensics train plug"}, "forensics train plug"),
        ({}, "reinstall"),
    ],
)
def test_a_missing_file_names_its_remedy(
    folder: Path, more: dict[str, object], remedy: str
) -> None:
    plug = card(folder, "gone.safetensors", **more)
    assert find_file(plug, plug.weights[0]) is None
    with pytest.raises(WeightsUnavailable, match=f"The Plug.*gone.*{remedy}"):
        verified_path(plug, plug.weights[0])


def test_tensors_come_back_as_stored(folder: Path) -> None:
    rows = load_tensors(card(folder))["rows"]
    assert rows.dtype == np.float16
    assert np.array_equal(rows, ROWS["rows"])


def test_a_stem_chooses_among_several_files(folder: Path) -> None:
    plug = card(folder, "head.safetensors", "other.safetensors")
    assert load_tensors(plug, "head").keys() == ROWS.keys()


@pytest.mark.parametrize("suffix", [".onnx", ".safetensors"])
def test_none_or_several_fitting_files_break_the_card(folder: Path, suffix: str) -> None:
    plug = card(folder, "head.safetensors", "other.safetensors")
    with pytest.raises(BrokenPlugin, match=r"head\.safetensors, other\.safetensors"):
        file_named(plug, suffix)


def test_without_the_variable_the_cache_is_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORENSICS_CACHE")
    assert cache_folder().is_relative_to(Path.home())


def test_a_card_without_weights_says_how_to_train_them() -> None:
    card = ModelCard("n", "detector", "T", "l", "i", "c", Path(), retrain="forensics train n")
    with pytest.raises(WeightsUnavailable, match="forensics train n"):
        file_named(card, ".onnx")


@pytest.mark.parametrize("content", [b"", b"weights", bytes(3_000_000)])
def test_the_hash_is_that_of_all_bytes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert file_sha256(path) == hashlib.sha256(content).hexdigest()
