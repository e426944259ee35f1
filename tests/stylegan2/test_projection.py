"""What a generator made, it finds again; what it did not make stays farther away."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from torch import Tensor

from forensics.cli import main
from forensics.commands.project import fitted
from forensics.errors import InvalidOption
from forensics.plugins import load
from generators.stylegan2 import projection


class Pixels:
    """Stands for the perceptual distance, whose weights may not be at hand."""

    def __init__(self, device: str) -> None:
        self.device = device

    def features(self, pictures: Tensor) -> list[Tensor]:
        return [pictures]

    def between(self, first: list[Tensor], second: list[Tensor]) -> Tensor:
        return (first[0] - second[0]).square().mean(dim=(1, 2, 3))


@pytest.fixture(autouse=True)
def pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "PerceptualDistance", Pixels)


def test_own_sample_is_found_nearer_than_a_foreign_picture() -> None:
    plugin: Any = load("generator", "stylegan2")
    own = plugin.sample(1, 5)[0]
    foreign = np.roll(own, 32, axis=0)
    *_, last = plugin.project([own, foreign], 25, 0)
    assert last.distances[0] < last.distances[1] / 2
    assert [picture.shape for picture in last.pictures] == [own.shape] * 2


def test_search_is_the_same_for_the_same_seed() -> None:
    plugin: Any = load("generator", "stylegan2")
    picture = plugin.sample(1, 5)
    first, second = (list(plugin.project(picture, 2, 3))[-1].distances for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_distances_never_rise() -> None:
    plugin: Any = load("generator", "stylegan2")
    found = [float(step.distances[0]) for step in plugin.project(plugin.sample(1, 6), 6, 0)]
    assert found == sorted(found, reverse=True)


def test_command_reports_own_and_real_beside_the_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "given.png"
    Pillow.new("RGB", (64, 64), (90, 120, 40)).save(path)
    given = ["project", str(path), "--steps", "2", "--own", "2", "--real", str(path), "--json"]
    assert main([*given, "--out", str(tmp_path / "out")]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (len(facts["own"]), len(facts["real"]), facts["cut"]) == (2, 1, "as it is")
    assert (tmp_path / "out" / "projection.png").is_file()


def test_generator_without_a_space_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["project", str(tmp_path / "a.png"), "--generator", "reconstruction"]) == 1
    assert "has no space to search" in capsys.readouterr().err


def test_small_picture_without_a_face_is_refused() -> None:
    with pytest.raises(InvalidOption, match="smaller than 64 px"):
        fitted(np.zeros((40, 80, 3), np.uint8), 64)


def test_larger_picture_without_a_face_is_cut_to_its_middle() -> None:
    cut, how = fitted(np.zeros((128, 200, 3), np.uint8), 64)
    assert (cut.shape, how) == ((64, 64, 3), "its central square")
