"""How StyleGAN2 learns: resumes, overfits, and says what is wrong with its input."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from forensics.errors import InvalidManifest, InvalidOption, OutputFailed
from forensics.holding_out import held_out
from forensics.plugins import load, plugin_class
from forensics.schema import Image
from forensics.training import PictureData
from generators._gan_data import load_arrays
from generators._picture_training import as_images, as_tensor
from generators._processes import join_others
from generators._sampling import read_weights
from generators.stylegan2 import training
from generators.stylegan2.recipe import StyleRecipe
from generators.stylegan2.training import StyleTask

TINY = StyleRecipe(
    resolution=8, width=32, at_most=4, styles=4, mapping=1, images=48, batch=4, log_every=1,
    save_every=4, snapshot_every=1000, path_every=2, slope_every=3, adapt_over=50,
)  # fmt: skip


def coloured(name: str) -> Image:
    rng = np.random.default_rng(int(name))
    return rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)


@pytest.fixture
def data(tmp_path: Path) -> PictureData:
    return PictureData(tuple(str(i) for i in range(24)), coloured, tmp_path / "run")


def run(data: PictureData, recipe: StyleRecipe = TINY, *, steps: int | None = None) -> None:
    for step in load("generator", "stylegan2").train(data, recipe, 3):
        if step.step == steps:
            break


def weights(folder: Path) -> dict[str, bytes]:
    tensors = read_weights(folder / "stylegan2.safetensors")[1]
    return {name: array.tobytes() for name, array in tensors.items()}


def test_stopped_run_ends_where_one_that_never_stopped_does(
    data: PictureData, tmp_path: Path
) -> None:
    run(data)
    other = dataclasses.replace(data, folder=tmp_path / "other")
    run(other, steps=5)
    run(other)
    assert weights(other.folder) == weights(data.folder)


def test_same_seed_same_bytes_from_own_weights(data: PictureData) -> None:
    run(data, steps=4)
    options = plugin_class("generator", "stylegan2").Options(
        weights=str(data.folder / "stylegan2.safetensors")
    )
    few, many = (load("generator", "stylegan2", options).sample(n, seed=9) for n in (3, 11))
    assert [image.tobytes() for image in few] == [image.tobytes() for image in many[:3]]
    assert few[0].shape == (8, 8, 3)


def test_mix_and_walk_show_pictures_of_the_generator(data: PictureData) -> None:
    run(data, steps=4)
    options = plugin_class("generator", "stylegan2").Options(
        weights=str(data.folder / "stylegan2.safetensors")
    )
    plugin = load("generator", "stylegan2", options)
    table = plugin.mix(2, 3, seed=1)
    assert [len(row) for row in table] == [4, 4, 4]
    frames = list(plugin.walk(2, 3, seed=1))
    keys = plugin.sample(2, seed=1)
    assert len(frames) == 6
    np.testing.assert_allclose(frames[0], keys[0], atol=1)
    np.testing.assert_allclose(frames[3], keys[1], atol=1)


@pytest.mark.slow
def test_two_pictures_are_learned_by_heart() -> None:
    recipe = StyleRecipe(
        resolution=16, width=256, at_most=32, styles=16, mapping=2, images=4000, batch=8,
        rate=5e-3, half_life=200, target=0, mirror=False, path_weight=0, gamma=0.5,
    )  # fmt: skip
    y, x = np.mgrid[:16, :16] * 16
    pictures = np.stack([[y, x, 255 - y], [255 - x, 128 + 0 * x, y]]).astype(np.uint8)
    pictures = np.ascontiguousarray(pictures.transpose(0, 2, 3, 1))
    task = StyleTask(recipe, 0)
    rng = torch.Generator().manual_seed(1)

    def error() -> float:
        made = np.stack(as_images(task.drawn(16, 0))).astype(float)
        apart = np.abs(made[:, None] - pictures[None]).mean(axis=(2, 3, 4))
        return float(apart.min(axis=1).mean())

    before = error()
    for step in range(500):
        chosen = torch.randint(2, (recipe.batch,), generator=rng).numpy()
        task.learn(as_tensor(pictures[chosen]), step * recipe.batch, rng)
    assert error() < before / 3


def test_damaged_and_small_pictures_are_counted_and_listed(tmp_path: Path) -> None:
    from forensics.commands.train_generator import picture_data

    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(4):
        Pillow.new("RGB", (40, 30 + index), (9, 99, 200)).save(folder / f"{index}.png")
    Pillow.new("RGB", (5, 30)).save(folder / "narrow.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 nothing more")
    run(picture_data(folder, None, 10, tmp_path / "run"), steps=1)
    facts = json.loads((tmp_path / "run" / "pictures.json").read_text())
    assert set(facts["skipped"]) == {"narrow.png", "broken.jpg"}
    assert facts["learned"] + facts["held_out"] == 4
    assert "smaller than 8 px" in facts["skipped"]["narrow.png"]


def test_one_picture_is_too_few(data: PictureData) -> None:
    single = next(name for name in data.names if not held_out(name))
    with pytest.raises(InvalidManifest, match="at least 2 are needed"):
        run(dataclasses.replace(data, names=(single,)))


def test_pictures_smaller_than_the_resolution_are_refused_by_name(data: PictureData) -> None:
    with pytest.raises(InvalidManifest, match="8 x 8 px, smaller than 16 px"):
        run(data, dataclasses.replace(TINY, resolution=16))


def test_a_tenth_is_never_learned_from(data: PictureData) -> None:
    names = tuple(str(i) for i in range(400))
    arrays = load_arrays(dataclasses.replace(data, names=names), 8)
    assert 20 < len(arrays.held_out) < 60
    learned = {picture.tobytes() for picture in arrays.learned}
    assert not learned & {picture.tobytes() for picture in arrays.held_out}


def test_checkpoint_of_another_architecture_is_refused_with_what_differs(
    data: PictureData,
) -> None:
    run(data, steps=2)
    with pytest.raises(InvalidOption, match=r"another architecture \(size mismatch"):
        run(data, dataclasses.replace(TINY, at_most=8))


@pytest.mark.parametrize(
    "fields", [{"resolution": 48}, {"resolution": 64}, {"at_most": 0}, {"generator": "other"}]
)
def test_recipe_of_impossible_networks_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"resolution must be|leaves no channel|skip or resnet"):
        dataclasses.replace(TINY, **fields)


def half_on_a_processor(device: str) -> torch.autocast:
    """What a GPU is asked for, of whichever device."""
    return torch.autocast("cpu", torch.bfloat16)


def test_step_in_half_precision_learns_what_a_whole_one_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = as_tensor(np.stack([coloured(str(index)) for index in range(4)]))
    figures = []
    for half in (False, True):
        if half:
            monkeypatch.setattr(training, "in_half_precision", half_on_a_processor)
        task, rng = StyleTask(TINY, 0), torch.Generator().manual_seed(1)
        figures.append([task.learn(real, 4 * step, rng) for step in range(6)])
        assert {p.dtype for p in task.generator.parameters()} == {torch.float32}
    for loss in ("discriminator", "generator"):
        whole, halved = ([step[loss] for step in run] for run in figures)
        assert halved == pytest.approx(whole, rel=0.1)
    assert figures[0] != figures[1]


@pytest.mark.parametrize(
    ("device", "told"), [("cpu", [("group", "gloo")]), ("cuda", [("gpu", 1), ("group", "nccl")])]
)
def test_each_process_takes_the_gpu_of_its_number(
    device: str, told: list[tuple[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, object]] = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "set_device", lambda index: heard.append(("gpu", index)))
    monkeypatch.setattr(
        torch.distributed, "init_process_group", lambda name: heard.append(("group", name))
    )
    join_others(device)
    assert heard == told


def test_one_gpu_for_several_processes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InvalidOption, match="device=cuda"):
        join_others("cuda:0")


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(state: object, path: Path) -> None:
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", fails)


def test_full_disk_leaves_the_last_good_checkpoint(
    data: PictureData, request: pytest.FixtureRequest
) -> None:
    run(data, steps=4)
    before = (data.folder / "checkpoint.pt").read_bytes()
    request.getfixturevalue("full_disk")
    with pytest.raises(OutputFailed, match="No space left"):
        run(data)
    assert (data.folder / "checkpoint.pt").read_bytes() == before
    assert not list(data.folder.glob("*.part"))


@pytest.mark.slow
def test_two_processes_keep_the_same_weights(tmp_path: Path) -> None:
    for index in range(6):
        Pillow.effect_noise((8, 8), 90).convert("RGB").save(tmp_path / f"{index}.png")
    recipe = [f"{k}={v}" for k, v in dataclasses.asdict(TINY).items() if k != "compare"]
    told = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
        "-m", "forensics.cli", "train", "stylegan2", "--data", str(tmp_path),
        "--out", str(tmp_path / "run"), "--recipe", *recipe,
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(told, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len((tmp_path / "run" / "log.csv").read_text().splitlines()) == 1 + 12
    assert weights(tmp_path / "run")
