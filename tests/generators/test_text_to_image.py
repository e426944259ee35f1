import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.plugins import load
from generators import text_to_image
from generators._diffusion import DiffusionRecipe
from generators._scene_reading import ATTRIBUTES, obeyed, seen
from generators._scenes import (
    COLOURS,
    NUMBERS,
    RELATION,
    SHAPES,
    SIZES,
    any_scene,
    drawn,
    scene_of,
    text_of,
    vocabulary,
)
from generators._text_to_image import TextUNet, guided
from generators.text_to_image import TextToImageOptions, TextToImageRecipe

SENTENCE = "a small red circle above a large blue square"
SMALL = TextToImageRecipe(images=16, batch=4, wide=8, middle=8, deep=8, known=8, log_every=1)


@pytest.fixture(autouse=True)
def few_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_to_image, "EXAMPLES", 40)


def scenes(count: int) -> list[tuple[int, ...]]:
    rng = np.random.default_rng(0)
    return [any_scene(rng.random(NUMBERS).tolist()) for _ in range(count)]


def test_every_scene_is_told_and_read_back() -> None:
    for scene in scenes(200):
        assert scene_of(text_of(scene)) == scene


@pytest.mark.parametrize(
    ("text", "scene"),
    [
        (SENTENCE, (1, 1, 1, 1, 2, 3, 2)),
        ("A square.", (0, 0, 2, 0, 0, 0, 0)),
        ("the green triangle is to the left of a circle", (0, 2, 3, 3, 0, 0, 1)),
        ("large square, below pink square", (2, 0, 2, 2, 0, 5, 2)),
    ],
)
def test_words_may_be_left_out(text: str, scene: tuple[int, ...]) -> None:
    assert scene_of(text) == scene


@pytest.mark.parametrize("text", ["a purple circle", "a small red dog"])
def test_unknown_word_is_refused_with_the_vocabulary(text: str) -> None:
    with pytest.raises(ValueError, match="unknown word"):
        TextToImageOptions(text=text)
    for word in (*SIZES, *COLOURS, *SHAPES, "above", "left of"):
        assert word in vocabulary()


@pytest.mark.parametrize(
    "text",
    ["red", "a red circle above", "a circle a square", "circle red", "above a circle", "a", "of"],
)
def test_words_at_the_wrong_place_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="say: a SIZE"):
        scene_of(text)


def test_reader_reads_drawn_scenes() -> None:
    rng = np.random.default_rng(1)
    tally = {name: [0, 0] for name in ATTRIBUTES}
    for scene in scenes(300):
        for name, (right, said) in obeyed(scene, drawn(scene, rng)).items():
            tally[name][0] += right
            tally[name][1] += said
    assert all(right >= 0.97 * said for right, said in tally.values())


def test_reader_is_not_pleased_by_another_scene() -> None:
    picture = drawn(scene_of("a large blue circle below a small red square"), _rng())
    found = obeyed(scene_of(SENTENCE), picture)
    assert found["everything"] == (0, 1)
    assert found["shape"][0] < 2
    assert found["count"] == (1, 1)


def test_reader_misses_what_is_not_there() -> None:
    blank = np.full((32, 32, 3), 60, np.uint8)
    assert seen(blank) == []
    found = obeyed(scene_of(SENTENCE), blank)
    assert all(right == 0 and said > 0 for right, said in found.values())


def test_objects_stand_as_said_and_inside_the_picture() -> None:
    for scene in scenes(100):
        found = obeyed(scene, drawn(scene, _rng()))
        assert found["relation"] == ((1, 1) if scene[RELATION] else (0, 0))


def test_without_guidance_the_text_counts_plainly() -> None:
    torch.manual_seed(0)
    network, noise = TextUNet(DiffusionRecipe(wide=8, middle=8, deep=8)).eval(), _noise()
    torch.nn.init.normal_(network.unet.leave.weight)
    slots, time = torch.tensor([scene_of(SENTENCE), scene_of("a circle")]), torch.full((2,), 0.5)
    plain, untold = network(noise, time, slots), network(noise, time, torch.zeros_like(slots))
    torch.testing.assert_close(guided(network, slots, 1.0)(noise, time), plain)
    torch.testing.assert_close(guided(network, slots, 0.0)(noise, time), untold)


def test_it_draws_its_own_pictures_and_resumes(tmp_path: Path) -> None:
    plugin = load("generator", "text_to_image")
    for folder, stop in (("whole", None), ("parts", 2)):
        data = plugin.own_pictures(tmp_path / folder)
        list(itertools.islice(plugin.train(data, SMALL, 0), stop))
    list(plugin.train(plugin.own_pictures(tmp_path / "parts"), SMALL, 0))
    files = [tmp_path / part / "text_to_image.safetensors" for part in ("whole", "parts")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_sampling_and_counting_with_own_weights(tmp_path: Path) -> None:
    plugin = load("generator", "text_to_image")
    list(plugin.train(plugin.own_pictures(tmp_path), SMALL, 0))
    options = plugin.Options(weights=str(tmp_path / "text_to_image.safetensors"), steps=2)
    told = plugin.Options(weights=options.weights, steps=2, text=SENTENCE)
    assert load("generator", "text_to_image", told).sample(1, 0)[0].shape == (32, 32, 3)
    counted = load("generator", "text_to_image", options).obeyed(5, seed=0)
    assert tuple(counted) == ATTRIBUTES
    assert all(right <= said and ceiling <= of for right, said, ceiling, of in counted.values())
    assert counted["count"][1::2] == (5, 5)


def _rng() -> np.random.Generator:
    return np.random.default_rng(2)


def _noise() -> torch.Tensor:
    return torch.randn(2, 3, 8, 8)
