"""Laws of the network on class tokens, and of what both CLIP recipes read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from detectors.clip_blocks import (
    ClipBlocksRecipe,
    _Run,
    class_logits,
    contrastive_loss,
    standardised,
)
from forensics import class_tokens
from forensics.class_tokens import BLOCKS, WIDTH, TokenReader, image_embedding
from forensics.detector import fake_logit
from forensics.plugins import load
from forensics.schema import Floats, Image
from forensics.training import Sample, TrainingData
from forensics.views import View, all_views

QUICK = ClipBlocksRecipe(width=8, steps=60, batch=32, dropout=0.0, strong=0.3, rate=1e-2)


def samples(count: int) -> list[Sample]:
    return [
        Sample(f"{n}", n % 2, "gan" * (n % 2), "gans" if n % 2 else "camera", "A", f"{n}", False)
        for n in range(count)
    ]


def tokens(views: list[View]) -> Floats:
    """Noise whose third block tells the class in one number."""
    rows = np.random.default_rng(0).normal(size=(len(views), BLOCKS, WIDTH)).astype(np.float32)
    rows[:, 2, 5] += [8.0 * view.sample.kind for view in views]
    return rows


def picture(sample: Sample) -> Image:
    rng = np.random.default_rng(sample.seed(0))
    return rng.integers(0, 256, (48, 48, 3), dtype=np.uint8)


class Echo:
    """Stands in for the network: a crop's mean colour in every block, and how often it was run."""

    def __init__(self) -> None:
        self.runs = 0

    def run(self, _: None, inputs: dict[str, Floats]) -> list[NDArray[np.float32]]:
        self.runs += 1
        mean = inputs["crops"].mean(axis=(2, 3))
        return [np.tile(mean, (1, BLOCKS, WIDTH // 3)).astype(np.float32)]


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> Echo:
    made = Echo()
    monkeypatch.setattr(TokenReader, "_network", made)
    return made


def test_numpy_says_what_torch_says_before_dropout() -> None:
    run, rows = _Run(QUICK, 1), tokens(all_views(samples(6), 0, 0, ()))
    theirs = run.forward(torch.from_numpy(standardised(rows)))[1].detach().numpy()
    arrays = {name: array.astype(np.float32) for name, array in run.arrays().items()}
    assert np.abs(class_logits(arrays, rows) - theirs).max() < 1e-2


def test_training_finds_the_block_that_tells() -> None:
    views = all_views(samples(60), 0, 0, ())
    run, rows = _Run(QUICK, 1), tokens(views)
    assert list(run.learn(rows, views))[-1].figures["accuracy"] > 0.9
    arrays = {name: array.astype(np.float32) for name, array in run.arrays().items()}
    said = fake_logit(class_logits(arrays, rows)) > 0
    assert (said == [view.sample.fake for view in views]).mean() > 0.9


def test_the_same_seed_gives_the_same_network() -> None:
    def trained(seed: int) -> dict[str, NDArray[Any]]:
        views = all_views(samples(20), 0, 0, ())
        run = _Run(QUICK, seed)
        list(run.learn(tokens(views), views))
        return run.arrays()

    first, again, other = trained(1), trained(1), trained(2)
    assert all((first[name] == again[name]).all() for name in first)
    assert (first["importance"] != other["importance"]).any()


def test_the_contrastive_loss_equals_its_slow_twin() -> None:
    rows = np.random.default_rng(0).normal(size=(7, 5))
    labels = [0, 1, 0, 1, 1, 0, 2]
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    means = []
    for one in range(6):
        others = [index for index in range(7) if index != one]
        total = sum(np.exp(unit[one] @ unit[index] / 0.5) for index in others)
        same = [index for index in others if labels[index] == labels[one]]
        logs = [unit[one] @ unit[index] / 0.5 - np.log(total) for index in same]
        means.append(-np.mean(logs))
    fast = contrastive_loss(torch.from_numpy(rows), torch.tensor(labels), 0.5).item()
    assert fast == pytest.approx(np.mean(means))


def test_tokens_are_computed_once_for_all_views_and_both_recipes(
    tmp_path: Path, echo: Echo
) -> None:
    data = TrainingData(tuple(samples(10)), picture, {}, tmp_path / "run", tmp_path / "cache")
    for name in ("clip_linear", "clip_blocks"):
        detector = load("detector", name, options(name, tmp_path / "cache"))
        recipe = QUICK if name == "clip_blocks" else detector.Recipe(strong=0.3)
        steps = list(detector.train(data, recipe, 0))
        assert steps[-1].step == steps[-1].total
        assert (tmp_path / "run" / f"{name}.safetensors").stat().st_size < 300_000
    assert echo.runs == len(all_views(data.samples, 0.3, 0, ()))


def test_a_score_does_not_depend_on_what_is_stored(tmp_path: Path, echo: Echo) -> None:
    image = picture(samples(1)[0])
    reader = TokenReader(str(tmp_path))
    first, again = reader.of_picture(image, 1), reader.of_picture(image, 1)
    fresh = TokenReader(str(tmp_path)).of_picture(image, 1)
    assert (first == again).all()
    assert (first == fresh).all()
    assert echo.runs == 1


@pytest.mark.parametrize("size", [(1, 1), (40, 75), (300, 500)])
def test_any_size_gives_tokens_of_its_middle(size: tuple[int, int], echo: Echo) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert TokenReader().of_picture(image, 1).shape == (1, BLOCKS, WIDTH)


def test_the_embedding_is_the_projection_of_the_normalised_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    weights: dict[str, NDArray[Any]] = {
        "post_layernorm.weight": rng.normal(size=WIDTH).astype(np.float32),
        "post_layernorm.bias": rng.normal(size=WIDTH).astype(np.float32),
        "visual_projection.weight": rng.integers(-127, 128, (WIDTH, 512)).astype(np.int8),
        "visual_projection.scale": rng.random(512).astype(np.float32),
    }
    monkeypatch.setattr(class_tokens, "load_tensors", lambda card: weights)
    monkeypatch.setattr(class_tokens, "_last_layers", class_tokens._last_layers.__wrapped__)
    row = torch.from_numpy(rng.normal(size=(3, WIDTH)).astype(np.float32))
    scale, shift = (torch.from_numpy(weights[f"post_layernorm.{p}"]) for p in ("weight", "bias"))
    normal = torch.nn.functional.layer_norm(row, (WIDTH,), scale, shift)
    matrix = weights["visual_projection.weight"] * weights["visual_projection.scale"]
    theirs = torch.nn.functional.normalize(normal @ torch.from_numpy(matrix)).numpy()
    assert np.abs(image_embedding(row.numpy()) - theirs).max() < 1e-5


def options(name: str, cache: Path) -> object:
    """The recipe's options with a cache."""
    from forensics.plugins import plugin_class

    return plugin_class("detector", name).Options(cache=str(cache))
