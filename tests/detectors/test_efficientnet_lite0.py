"""Training resumes to the step, and the two files of the network agree."""

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file

from detectors import efficientnet_lite0
from forensics.augmentation import Chain
from forensics.batches import BatchPlan
from forensics.errors import WeightsUnavailable
from forensics.plugins import entries, load
from forensics.schema import Image
from forensics.training import Sample, TrainingData
from forensics.weights import load_tensors

RECIPE = efficientnet_lite0.EfficientnetLite0Recipe(crops=24, side=32, batch=6, save_every=1)


def negative(given: Sample) -> Image:
    return 255 - picture(given)


def picture(sample: Sample) -> Image:
    return np.random.default_rng(sample.seed(0)).integers(0, 256, (48, 48, 3), dtype=np.uint8)


def data(folder: Path) -> TrainingData:
    real = [Sample(f"r{i}", 0, "", "camera", "A", f"r{i}", check=False) for i in range(20)]
    fake = [Sample(f"f{i}", 1, "gan", "gan-set", "A", f"f{i}", check=False) for i in range(20)]
    return TrainingData((*real, *fake), picture, {"negative": negative}, folder, folder)


def trained(folder: Path, stop_after: int | None = None) -> dict[str, NDArray[np.generic]]:
    detector = load("detector", "efficientnet_lite0")
    for _ in islice(detector.train(data(folder), RECIPE, 3), stop_after):
        pass
    if stop_after:
        return {}
    return dict(load_file(folder / "efficientnet_lite0.safetensors"))


@pytest.mark.usefixtures("start_weights")
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole")
    trained(tmp_path / "torn", stop_after=2)
    again = trained(tmp_path / "torn")
    gaps = [np.abs(whole[name] - again[name].astype(np.float64)).max() for name in whole]
    assert max(gaps) < 1e-6
    assert whole.keys() == again.keys()


@pytest.mark.usefixtures("start_weights")
def test_a_student_is_taught_by_the_answers_of_its_teacher_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Certain:
        def __init__(self, folder: Path, side: int) -> None:
            assert (folder, side) == (Path("somewhere"), 32)

        def told(self, crops: list[Image]) -> NDArray[np.float32]:
            asked.append(len(crops))
            return np.tile(np.asarray([[-9, 9, -9]], np.float32), (len(crops), 1))

    monkeypatch.setattr(efficientnet_lite0, "Teacher", Certain)
    recipe = replace(RECIPE, teacher="somewhere", crops=72, rate=3e-3)
    detector = load("detector", "efficientnet_lite0")
    steps = list(detector.train(data(tmp_path), recipe, 3))
    assert sum(asked) == 72
    # Half of the crops are real: whoever had looked at labels would agree with half of it.
    assert steps[-1].figures["agreement"] == 1


def test_a_pair_that_its_maker_left_unchanged_is_not_learned_from(tmp_path: Path) -> None:
    def few(sample: Sample) -> Image:
        return negative(sample) if sample.path == "r3" else picture(sample)

    both = replace(data(tmp_path), makers={"few": few})
    drawn = [BatchPlan(both, 12, 32, Chain(), 1.0).batch(1, step) for step in range(20)]
    pairs = [(batch, *pair) for batch in drawn for pair in batch.pairs.tolist()]
    assert pairs
    assert all((batch.crops[real] != batch.crops[fake]).any() for batch, real, fake in pairs)
    none = replace(data(tmp_path), makers={"none": picture})
    alone = BatchPlan(none, 12, 32, Chain(), 1.0).batch(1, 7)
    assert len(alone.crops) == len(alone.kinds) == len(alone.sources) == 8
    assert alone.pairs.shape == (0, 2)


def test_parts_of_a_batch_can_be_left_out(tmp_path: Path) -> None:
    whole = BatchPlan(data(tmp_path), 12, 32, Chain(), 1.0, blend=False)
    kinds = [whole.batch(1, step).kinds for step in range(20)]
    assert 2 not in np.concatenate(kinds)
    groups = [
        replace(s, group="ffhq-256" if s.kind == 0 else "stylegan1-256")
        for s in data(tmp_path).samples
    ]
    matched = replace(data(tmp_path), samples=tuple(groups))
    assert BatchPlan(matched, 12, 32, Chain(), 1.0).matched
    assert not BatchPlan(matched, 12, 32, Chain(), 1.0, matched=False).matched


def test_a_batch_depends_on_seed_and_step_alone(tmp_path: Path) -> None:
    plan = BatchPlan(data(tmp_path), 12, 32, Chain(), 0.5)
    first, again, other = plan.batch(1, 7), plan.batch(1, 7), plan.batch(1, 8)
    assert (first.crops == again.crops).all()
    assert (first.crops != other.crops).any()


def test_a_batch_holds_both_classes_and_its_pairs_are_real_then_fake(tmp_path: Path) -> None:
    batch = BatchPlan(data(tmp_path), 12, 32, Chain(), 0.5).batch(1, 0)
    assert {0, 1} <= set(batch.kinds.tolist())
    assert (batch.kinds[batch.pairs[:, 0]] == 0).all()
    assert (batch.kinds[batch.pairs[:, 1]] > 0).all()


def test_shipped_onnx_says_what_torch_says() -> None:
    detector = load("detector", "efficientnet_lite0")
    crop = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    try:
        tensors = load_tensors(entries("detector")["efficientnet_lite0"].card)
        ours = detector.class_logits([crop])[0]
    except WeightsUnavailable as error:
        pytest.skip(str(error))
    model: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=3)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
    pixels = torch.from_numpy(crop.transpose(2, 0, 1)[None] / np.float32(127.5) - 1)
    with torch.inference_mode():
        theirs = model.eval()(pixels).numpy()
    assert np.abs(ours - theirs).max() < 1e-3
