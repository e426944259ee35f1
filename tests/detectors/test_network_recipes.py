"""Laws of the recipes that train a network on crops, and of the loop that they share."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from detectors import blending
from detectors.npr import NprRecipe, npr_network, relations
from forensics.augmentation import Chain
from forensics.batches import BatchPlan
from forensics.errors import InvalidOption, WeightsUnavailable
from forensics.network_training import Learning, NetworkRecipe, running_average, train_network
from forensics.neural import session
from forensics.plugins import entries, load
from forensics.schema import Face, Image
from forensics.training import Sample, TrainingData

NETWORKS = ("blending", "cnn_aug", "npr")
TINY = NetworkRecipe(crops=24, side=32, batch=6, save_every=1)


def picture(sample: Sample) -> Image:
    return np.random.default_rng(sample.seed(0)).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def half_dark(sample: Sample) -> Image:
    """A stand-in for a maker: the upper half of the picture is darker."""
    made = picture(sample)
    made[:32] //= 2
    return made


def data(folder: Path, **makers: Callable[[Sample], Image]) -> TrainingData:
    samples = [
        Sample(f"{n}", n % 2, "gan" * (n % 2), "gans" if n % 2 else "camera", "A", f"{n}", False)
        for n in range(20)
    ]
    return TrainingData(tuple(samples), picture, makers, folder, folder)


def batch(step: int) -> Learning:
    rng = np.random.default_rng(step)
    kinds = np.arange(6) % 2
    return Learning(rng.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8), kinds)


def small_network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, stride=2, bias=False),
        torch.nn.BatchNorm2d(4),
        torch.nn.Dropout(0.2),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(4, 3),
    )


def trained(path: Path, stop_after: int | None = None) -> None:
    list(islice(train_network(small_network(), TINY, batch, path, 3), stop_after))


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    trained(tmp_path / "whole" / "n")
    trained(tmp_path / "torn" / "n", stop_after=2)
    trained(tmp_path / "torn" / "n")
    whole, again = (load_file(tmp_path / name / "n.safetensors") for name in ("whole", "torn"))
    assert all((whole[name] == again[name]).all() for name in whole)


def test_the_two_files_of_a_network_agree_at_any_size(tmp_path: Path) -> None:
    trained(tmp_path / "n")
    network = small_network().eval()
    stored = load_file(tmp_path / "n.safetensors")
    network.load_state_dict({name: torch.from_numpy(each) for name, each in stored.items()})
    crops = np.random.default_rng(0).normal(size=(2, 3, 40, 48)).astype(np.float32)
    (said,) = session(tmp_path / "n.onnx").run(None, {"crops": crops})
    with torch.inference_mode():
        assert np.abs(said - network(torch.from_numpy(crops)).numpy()).max() < 1e-4


def test_an_unpaired_batch_is_half_fake_and_depends_on_seed_and_step_alone(tmp_path: Path) -> None:
    plan = BatchPlan(data(tmp_path), 12, 32, Chain(), 0.0)
    first, again, other = plan.unpaired(1, 7), plan.unpaired(1, 7), plan.unpaired(1, 8)
    assert (first.crops == again.crops).all()
    assert (first.crops != other.crops).any()
    assert (first.kinds > 0).mean() == 0.5
    assert first.pairs.shape == (0, 2)


def test_relations_vanish_where_a_picture_was_enlarged_by_nearest_neighbours() -> None:
    small = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, 4, 6)))
    assert (relations(small.repeat_interleave(2, 2).repeat_interleave(2, 3)) == 0).all()
    assert (
        relations(torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, 8, 8)))) != 0
    ).any()


def test_relations_are_those_of_the_paper() -> None:
    pixels = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 8, 10)))
    half = torch.nn.functional.interpolate(
        pixels, scale_factor=0.5, mode="nearest", recompute_scale_factor=True
    )
    again = torch.nn.functional.interpolate(
        half, scale_factor=2, mode="nearest", recompute_scale_factor=True
    )
    assert (relations(pixels) == pixels - again).all()


def test_the_network_on_relations_ignores_brightness() -> None:
    network = npr_network(0).eval()
    pixels = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        assert torch.allclose(network(pixels), network(pixels + 0.3), atol=1e-4)


@pytest.mark.parametrize("steps", [10, 75, 2000])
def test_the_running_average_forgets_where_it_started(steps: int) -> None:
    network = torch.nn.BatchNorm1d(1)
    average = running_average(network, 0.99)
    average.update_parameters(network)
    torch.nn.init.constant_(network.weight, 3.0)
    for _ in range(steps):
        network(torch.ones(2, 1))
        average.update_parameters(network)
    averaged = average.module.state_dict()
    assert abs(averaged["weight"].item() - 3) < 1e-3
    assert averaged["num_batches_tracked"] == steps


@pytest.mark.parametrize(("steps", "moved"), [(1, 9 / 11), (8, 9 / 18), (2000, 0.01)])
def test_the_running_average_looks_back_further_with_every_step(steps: int, moved: float) -> None:
    network = torch.nn.Linear(1, 1)
    average = running_average(network, 0.99)
    for _ in range(steps):
        average.update_parameters(network)
    before = network.weight.item()
    torch.nn.init.constant_(network.weight, before + 1)
    average.update_parameters(network)
    assert abs(average.module.state_dict()["weight"].item() - before - moved) < 1e-5


def test_npr_trains_from_nothing_and_its_file_scores_any_size(tmp_path: Path) -> None:
    recipe = NprRecipe(crops=4, side=32, batch=4)
    list(load("detector", "npr").train(data(tmp_path), recipe, 0))
    crops = np.zeros((1, 3, 224, 224), np.float32)
    assert session(tmp_path / "npr.onnx").run(None, {"crops": crops})[0].shape == (1, 3)


@pytest.mark.parametrize("name", NETWORKS)
def test_without_weights_the_command_that_trains_is_named(name: str) -> None:
    if entries("detector")[name].card.weights:
        pytest.skip(f"{name} ships weights")
    with pytest.raises(WeightsUnavailable, match=f"forensics train {name}"):
        load("detector", name).score([np.zeros((8, 8, 3), np.uint8)])


@pytest.mark.usefixtures("start_weights")
def test_cnn_aug_trains_from_the_start_weights(tmp_path: Path) -> None:
    detector = load("detector", "cnn_aug")
    steps = list(detector.train(data(tmp_path), detector.Recipe(crops=4, side=32, batch=4), 0))
    assert steps[-1].step == steps[-1].total == 1
    assert (tmp_path / "cnn_aug.onnx").is_file()


@pytest.fixture
def one_face(monkeypatch: pytest.MonkeyPatch) -> None:
    face = Face(np.asarray([4, 4, 60, 60], np.float32), np.zeros((5, 2), np.float32), 1.0)
    monkeypatch.setattr(blending, "find_faces", lambda image, **_: [face])


@pytest.mark.usefixtures("one_face")
def test_a_blending_batch_is_pairs_of_a_real_face_and_its_twin_degraded_alike(
    tmp_path: Path,
) -> None:
    faces = blending._Faces(data(tmp_path, self_blended=half_dark))
    list(faces.find())
    recipe = blending.BlendingRecipe(batch=8, chain=Chain(uncompressed=1.0, webp=0.0))
    drawn = faces.batch(recipe, np.random.default_rng(0))
    assert not [sample for sample, _ in faces.known if sample.fake]
    assert drawn.kinds.tolist() == [0, 2] * 4
    reals, fakes = drawn.crops[::2].astype(float), drawn.crops[1::2].astype(float)
    assert (fakes[:, :60].mean(axis=(1, 2, 3)) < 0.7 * reals[:, :60].mean(axis=(1, 2, 3))).all()
    assert np.abs(fakes[:, 120:] - reals[:, 120:]).mean() < 6


@pytest.mark.usefixtures("one_face")
def test_faces_that_the_maker_leaves_alone_are_not_learned_from(tmp_path: Path) -> None:
    faces = blending._Faces(data(tmp_path, self_blended=picture))
    list(faces.find())
    assert faces.known == []


def test_blending_asks_for_its_maker(tmp_path: Path) -> None:
    detector = load("detector", "blending")
    with pytest.raises(InvalidOption, match="--with-zoo self_blended"):
        list(detector.train(data(tmp_path), detector.Recipe(), 0))


@pytest.mark.parametrize("shape", [(1, 1), (30, 200), (300, 200)])
def test_a_picture_without_a_face_is_judged_by_its_middle(shape: tuple[int, int]) -> None:
    (view,) = blending.face_views(np.full((*shape, 3), 90, np.uint8), 4)
    assert view.shape == (blending.SIDE, blending.SIDE, 3)
