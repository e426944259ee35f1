from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forensics.commands.demo import portrait
from forensics.errors import InvalidOption, NoFace, UnreadableMedia
from forensics.face_pairs import SwapData, portraits
from forensics.faces.portrait import Portrait, only_portrait
from forensics.media import load_image
from forensics.plugins import load
from forensics.schema import Frame, Step
from generators.deepfakes import SIDES, Deepfakes, DeepfakesOptions, DeepfakesRecipe

torch = pytest.importorskip("torch")

from generators.deepfakes.network import Pair, Swap  # noqa: E402
from generators.deepfakes.training import bent, kept_chips, outer_side, recoloured  # noqa: E402

TINY = DeepfakesRecipe(side=64, width=2, code=3, steps=4, batch=2, every=1)


@pytest.fixture(scope="module")
def person() -> Portrait:
    return only_portrait(load_image(portrait()), "portrait")


@pytest.fixture
def data(tmp_path: Path, person: Portrait) -> SwapData:
    other = Portrait(255 - person.image, person.face, person.landmarks)
    return SwapData(lambda: iter([person]), lambda: iter([other]), tmp_path)


def trained(data: SwapData, recipe: DeepfakesRecipe = TINY) -> Iterator[Step]:
    plugin: Deepfakes = load("generator", "deepfakes")
    return plugin.train(data, recipe, 0)


@pytest.mark.parametrize("side", SIDES)
def test_a_pair_maps_chips_to_chips(side: int) -> None:
    pair = Pair(side, 2, 3)
    chips = torch.zeros(3, side, side, 3, dtype=torch.uint8)
    assert Swap(pair)(chips).shape == chips.shape
    assert pair.encoder(torch.zeros(1, 3, side, side)).shape[2:] == (8, 8)


@pytest.mark.filterwarnings("ignore")
def test_a_trained_pair_swaps_without_torch_s_help(data: SwapData, person: Portrait) -> None:
    assert [step.step for step in trained(data)] == [1, 2, 3, 4]
    options = DeepfakesOptions(weights=str(data.folder / "pair.onnx"))
    plugin = load("generator", "deepfakes", options)
    _, mask = plugin.swap(Frame(person.image), [], faces=person.landmarks[None])
    assert mask.max() == 1
    chips = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    pair = Pair(64, 2, 3)
    from safetensors.torch import load_file

    pair.load_state_dict(load_file(data.folder / "pair.safetensors"))
    wanted = Swap(pair.eval())(torch.from_numpy(chips)).numpy()
    (found,) = plugin._network().run(None, {"chips": chips})
    assert np.abs(found.astype(int) - wanted).max() <= 1


def test_the_pair_that_ships_paints_its_source_whoever_is_given(person: Portrait) -> None:
    plugin: Deepfakes = load("generator", "deepfakes")
    assert plugin.weights_sha256 == plugin.card.weights[0].sha256
    frame, mask = plugin.swap(Frame(person.image), [], faces=person.landmarks[None])
    inside = mask == 1
    assert np.abs(frame.image.astype(int) - person.image)[inside].mean() > 3
    assert np.array_equal(frame.image[mask == 0], person.image[mask == 0])


@pytest.mark.filterwarnings("ignore")
def test_a_run_that_was_stopped_ends_as_one_that_was_not(data: SwapData, tmp_path: Path) -> None:
    whole = list(trained(data))
    (tmp_path / "other").mkdir()
    other = SwapData(data.source, data.target, tmp_path / "other")
    steps = trained(other)
    first = [next(steps), next(steps)]
    steps.close()  # type: ignore[attr-defined]
    resumed = [*first, *trained(other)]
    assert [step.figures for step in resumed] == [
        pytest.approx(step.figures, rel=1e-4) for step in whole
    ]


@pytest.mark.filterwarnings("ignore")
def test_a_folder_of_another_pair_is_refused(data: SwapData) -> None:
    list(trained(data))
    with pytest.raises(InvalidOption, match="has side 64, width 2 and code 3"):
        list(trained(data, DeepfakesRecipe(side=64, width=3, steps=5, batch=2, every=1)))


def test_learning_lowers_the_error(data: SwapData) -> None:
    recipe = DeepfakesRecipe(side=64, width=4, code=8, steps=80, batch=4, rate=3e-3, every=20)
    steps = trained(data, recipe)
    errors = [next(steps).figures["source_error"] for _ in range(3)]
    assert errors[-1] < 0.9 * errors[0]


@pytest.mark.parametrize("recipe", [{"side": 96}, {"width": 0}, {"code": 0}, {"batch": 0}])
def test_recipes_that_make_no_sense_are_refused(recipe: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        DeepfakesRecipe(**recipe)


def test_bent_chips_stay_in_place(person: Portrait, tmp_path: Path) -> None:
    faces = kept_chips(lambda: iter([person]), tmp_path / "one.npy", 64)
    assert faces.shape == (1, outer_side(64), outer_side(64), 3)
    crooked, straight = bent(np.repeat(faces, 6, axis=0), 64, 0.05, np.random.default_rng(0))
    difference = np.abs(crooked.astype(int) - straight).mean()
    assert 1 < difference < 25
    assert np.array_equal(kept_chips(lambda: iter([]), tmp_path / "one.npy", 64), faces)


def test_recoloured_faces_have_the_others_light() -> None:
    rng = np.random.default_rng(0)
    faces = rng.normal([90, 120, 60], [20, 10, 15], (5, 8, 8, 3)).astype(np.uint8)
    others = rng.normal([140, 100, 80], [15, 18, 12], (3, 8, 8, 3)).astype(np.uint8)
    made = recoloured(faces, others)
    np.testing.assert_allclose(made.mean((0, 1, 2)), others.mean((0, 1, 2)), atol=0.5)
    np.testing.assert_allclose(made.std((0, 1, 2)), others.std((0, 1, 2)), atol=0.5)
    assert np.array_equal(recoloured(faces[:1] * 0, faces[:1] * 0 + 9), faces[:1] * 0 + 9)


def test_portraits_come_from_folders_and_say_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UnreadableMedia, match="holds no pictures"):
        next(portraits(tmp_path, at_most=3))
    (tmp_path / "one.jpg").write_bytes(portrait().read_bytes())
    assert len(list(portraits(tmp_path, at_most=3))) == 1
    from PIL import Image as Pillow

    (tmp_path / "grey").mkdir()
    Pillow.new("RGB", (99, 99)).save(tmp_path / "grey" / "a.png")
    with pytest.raises(NoFace, match="grey shows no face"):
        next(portraits(tmp_path / "grey", at_most=3))
