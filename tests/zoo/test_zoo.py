from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.benchmark import zoo_embedding, zoo_measures, zoo_page
from forensics.benchmark.gan_history import draw_growth, growth, named_gans, search
from forensics.benchmark.zoo_traces import mean_power, trace_of
from forensics.cli import main
from forensics.plugins import cards, load
from forensics.schema import Image
from forensics.training import PictureData
from generators.dcgan import DcganRecipe

RECIPE = DcganRecipe(resolution=8, images=8, batch=4, code=4, width=8, log_every=1)


def noise(count: int, side: int = 8) -> list[Image]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for _ in range(count)]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    shown = noise(40)
    names = tuple(str(i) for i in range(40))
    data = PictureData(names, lambda name: shown[int(name)], tmp_path / "runs" / "dcgan")
    list(load("generator", "dcgan").train(data, RECIPE, 0))
    return tmp_path / "runs" / "dcgan" / "dcgan.safetensors"


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    folder = tmp_path / "faces"
    folder.mkdir()
    for index, picture in enumerate(noise(200)):
        Pillow.fromarray(picture).save(folder / f"{index}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedding that weighs nothing, and no detectors."""

    def embedded(pictures: Any) -> Any:
        return np.asarray([picture.mean(axis=(0, 1)) / 255 for picture in pictures])

    monkeypatch.setattr(zoo_measures, "embedded", embedded)
    monkeypatch.setattr(zoo_measures, "default_detectors", lambda: ())


def test_history_has_501_gans_from_2014_to_2018() -> None:
    gans = named_gans()
    assert len(gans) == 501
    assert (gans[0].name, gans[0].year, gans[-1].year) == ("GAN", 2014, 2018)
    assert all(gan.name and gan.title for gan in gans)


def test_search_wants_every_word_in_any_case() -> None:
    found = search(["FACE", "aging"])
    assert found
    assert all("face" in f"{g.name} {g.title}".lower() for g in found)
    assert set(search(["face aging"])) == set(found)
    assert len(search([])) == 501
    assert search(["no such word anywhere"]) == []


def test_growth_never_falls_and_ends_with_all() -> None:
    counts = [count for _, _, count in growth()]
    assert counts == sorted(counts)
    assert counts[-1] == 501
    assert len(growth()) == 4 * 12 + 4


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_growth_is_drawn(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"growth{suffix}"
    draw_growth(path)
    assert path.stat().st_size > 1000


def test_history_command_prints_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "--history", "progressive", "growing"]) == 0
    printed = capsys.readouterr().out
    assert "Progressive Growing of GANs" in printed
    assert "of 501 named GANs" in printed


def test_list_names_every_generator(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo"]) == 0
    printed = capsys.readouterr().out
    assert all(f"{name}: " in printed for name in cards("generator"))


def test_spectrum_of_white_noise_is_flat_at_its_power() -> None:
    rng = np.random.default_rng(0)
    fields = [rng.normal(0, 4, (32, 32)).astype(np.float32) for _ in range(200)]
    power = mean_power(fields)
    assert power.shape == (32, 32)
    assert power.mean() == pytest.approx(10 * np.log10(16), abs=0.2)
    assert np.ptp(power) < 3


def test_spectrum_shows_a_lattice_where_it_is() -> None:
    rng = np.random.default_rng(0)
    grid = 8 * np.cos(np.pi * np.arange(32))[None, :] * np.ones((32, 1))
    power = mean_power([(grid + rng.normal(size=(32, 32))).astype(np.float32) for _ in range(20)])
    assert divmod(int(power.argmax()), 32) == (16, 0)


def test_manipulators_are_traced_by_what_they_change() -> None:
    [portrait] = noise(1, 64)
    trace = trace_of(load("generator", "super_resolution"), [], [portrait])
    assert trace.power is not None
    assert trace.power.shape == (64, 64)
    assert trace.of == "changes made to 1 photograph"
    assert trace.example is not None
    np.testing.assert_array_equal(trace.example[:, :64], portrait)
    assert (trace.example[:, 64:] != portrait).any()


def test_swappers_are_left_out_in_words() -> None:
    trace = trace_of(load("generator", "landmark_swap"), [])
    assert trace.power is None
    assert "two people" in trace.of


def test_page_is_written_and_says_what_was_measured(
    tmp_path: Path, weights: Path, faces: Path, light: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "docs" / "results"
    size = ["--samples", "24", "--judged", "8", "--runs", str(tmp_path / "runs")]
    chosen = ["zoo", "dcgan", "--weights", str(weights), "--out", str(out), *size]
    assert main([*chosen, "--measure", "--data", str(faces)]) == 0
    page = (out / "zoo.md").read_text()
    assert "../images/zoo-dcgan.png" in page
    assert "kernel distance" in page
    assert "Nearest training picture of 16 samples" in page
    assert zoo_embedding.NAME in page
    pictures = {path.name for path in (tmp_path / "docs" / "images").iterdir()}
    assert pictures == {"zoo-dcgan.png", "zoo-dcgan-spectrum.png"}
    assert (tmp_path / "runs" / "zoo" / "dcgan-nearest.png").is_file()


def test_pictures_of_real_people_stay_out_of_the_page(tmp_path: Path) -> None:
    pairs = np.zeros((16, 2, 32, 32, 3), np.uint8)
    copies = zoo_measures.Copies(pairs, np.ones(16), np.ones(16))
    zoo_page.draw_copies(tmp_path / "runs" / "nearest.png", copies)
    assert Pillow.open(tmp_path / "runs" / "nearest.png").size == (768, 384)


def test_page_without_measures_needs_no_pictures(tmp_path: Path, weights: Path) -> None:
    out = tmp_path / "page"
    given = ["--weights", str(weights), "--samples", "16", "--runs", str(tmp_path)]
    assert main(["zoo", "dcgan", "--out", str(out), *given]) == 0
    assert "kernel distance" not in (out / "zoo.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody"], "no generator is called 'nobody'"),
        (["--measure"], "--measure needs --data"),
        (["--weights", "x"], "name it"),
        (["--samples", "2"], "8 or more"),
    ],
)
def test_wrong_requests_are_refused_in_words(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["zoo", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_training_copy_lies_at_distance_zero() -> None:
    learned = np.stack(noise(40, 32))
    made = [learned[3], learned[5][:, ::-1].copy()]
    found = zoo_measures.copies(made, learned, np.stack(noise(50, 32)[40:]))
    np.testing.assert_allclose(found.distances, 0, atol=1e-3)
    assert found.of_real.min() > 50


def test_step_is_timed_under_the_shipped_recipe(weights: Path, tmp_path: Path) -> None:
    plugin = load("generator", "dcgan")
    plugin = load("generator", "dcgan", plugin.Options(weights=str(weights)))
    shown = noise(60)
    names = tuple(str(i) for i in range(60))
    data = PictureData(names, lambda name: shown[int(name)], tmp_path)
    seconds = zoo_measures.step_seconds(plugin, data)
    assert seconds is not None
    assert 0 < seconds < 5
