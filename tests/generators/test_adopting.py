import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from forensics.benchmark.adopting import adopt_generator
from forensics.cli import main
from forensics.errors import InvalidOption
from forensics.plugins import entries, read_card
from forensics.schema import ModelCard
from forensics.weights import file_sha256

CARD = """kind = "generator"
title = "Made up"
looks_at = "nothing"
input = "none"
licence_code = "none"
# A line that people wrote.
"""


@pytest.fixture
def card(tmp_path: Path) -> ModelCard:
    folder = tmp_path / "generators"
    folder.mkdir()
    (folder / "dcgan.toml").write_text(CARD)
    return replace(entries("generator")["dcgan"].card, folder=folder)


def run_of(folder: Path, seen: int, planned: int) -> Path:
    recipe = {"images": planned, "batch": 4, "save_every": 100, "rate": 0.5}
    facts = {"version": "0", "pictures": 7, "seed": 3, "recipe": recipe}
    folder.mkdir()
    (folder / "recipe.json").write_text(json.dumps(facts))
    (folder / "log.csv").write_text(f"step,images,loss\n1,4,2\n9,{seen},1\n")
    (folder / "dcgan.safetensors").write_bytes(b"weights")
    return folder


@pytest.mark.parametrize(("seen", "counted"), [(400, 400), (372, 300)])
def test_weights_are_copied_and_noted(
    tmp_path: Path, card: ModelCard, seen: int, counted: int
) -> None:
    shipped = adopt_generator("dcgan", run_of(tmp_path / "run", seen, 400), card)
    assert shipped.read_bytes() == b"weights"
    text = (card.folder / "dcgan.toml").read_text()
    told = tomllib.loads(text)
    assert "# A line that people wrote." in text
    assert told["recipe"]["images_seen"] == counted
    assert (told["recipe"]["pictures"], told["recipe"]["rate"]) == (7, 0.5)
    assert told["weights"] == [
        {"file": "weights/dcgan.safetensors", "sha256": file_sha256(shipped)}
    ]
    assert read_card(card.folder / "dcgan.toml").weights[0].sha256 == file_sha256(shipped)


def test_run_without_weights_changes_nothing(tmp_path: Path, card: ModelCard) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(InvalidOption, match="holds no trained dcgan"):
        adopt_generator("dcgan", tmp_path / "run", card)
    assert (card.folder / "dcgan.toml").read_text() == CARD


def test_only_generators_are_adopted_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "spectrum", "--adopt", "--out", str(tmp_path)]) == 1
    assert "forensics calibrate --adopt" in capsys.readouterr().err


def test_pictures_are_asked_for_where_they_are_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "dcgan", "--out", str(tmp_path)]) == 1
    assert "give --data" in capsys.readouterr().err
