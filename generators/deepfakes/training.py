"""Trains a pair: each decoder rebuilds its own person from chips that were bent a little."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forensics.errors import InvalidOption
from forensics.face_pairs import SwapData
from forensics.faces import chips
from forensics.faces.portrait import Portrait
from forensics.schema import Image, Step
from forensics.training import Checkpoint, whole_output
from generators.deepfakes import BORDER, TEMPLATE, DeepfakesRecipe
from generators.deepfakes.network import Pair, write_onnx

_GRID = 5
"""Points along a side of the grid that bends a chip."""


def train_pair(data: SwapData, recipe: DeepfakesRecipe, seed: int) -> Iterator[Step]:
    """Train, and write `pair.onnx` and `pair.safetensors` into the run's folder at the end.

    A run that was stopped goes on from its last report, drawing what it would have drawn.
    """
    torch.manual_seed(seed)
    pair = Pair(recipe.side, recipe.width, recipe.code).to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(pair.parameters(), lr=recipe.rate, betas=(0.5, 0.999))
    checkpoint = Checkpoint(data.folder / "checkpoint.pt")
    start = _resumed(checkpoint, pair, optimiser, recipe)
    sources = kept_chips(data.source, data.folder / "source.npy", recipe.side)
    targets = kept_chips(data.target, data.folder / "target.npy", recipe.side)
    people = recoloured(sources, targets), targets
    for step in range(start, recipe.steps):
        rng = np.random.default_rng([seed, step])
        errors = _errors(pair, people, recipe, rng)
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * _share_of_rate(step / recipe.steps)
        optimiser.zero_grad(set_to_none=True)
        errors.sum().backward()
        optimiser.step()
        done = step + 1
        if done % recipe.every == 0 or done == recipe.steps:
            checkpoint.save(_state(pair, optimiser, done, recipe))
            of_source, of_target = errors.tolist()
            yield Step(done, recipe.steps, {"source_error": of_source, "target_error": of_target})
    _write(pair, data.folder)


def recoloured(faces: Image, others: Image) -> Image:
    """Give faces the mean and the spread of others in each channel, as the program of 2017 did.

    Else the light of a clip tells the encoder who is shown, and a target's expression reaches the
    source's decoder as a code that it has never met.

    Args:
        faces: (N, S, S, 3) uint8 RGB.
        others: (M, S, S, 3) uint8 RGB.
    """
    mean, spread = faces.mean(axis=(0, 1, 2)), faces.std(axis=(0, 1, 2))
    # A clip of one flat colour has no spread to divide by.
    gain = np.clip(others.std(axis=(0, 1, 2)) / np.maximum(spread, 1), 0.5, 2)
    moved = (faces - mean) * gain + others.mean(axis=(0, 1, 2))
    made: Image = np.rint(np.clip(moved, 0, 255)).astype(np.uint8)
    return made


def kept_chips(portraits: Callable[[], Iterator[Portrait]], path: Path, side: int) -> Image:
    """Cut a person's faces, or read those that an earlier run cut.

    Args:
        portraits: gives them.
        path: where they are kept, as NumPy keeps arrays.
        side: of the network's chips in px.

    Returns:
        (N, S, S, 3) uint8 RGB, wider than chips by `BORDER` on each side.
    """
    size = outer_side(side)
    if path.is_file():
        kept: Image = np.load(path, allow_pickle=False)
        if kept.shape[1:] == (size, size, 3):
            return kept
    template = (TEMPLATE + BORDER) / (1 + 2 * BORDER)
    cuts = [
        chips.cut(one.image, chips.chip_matrix(one.landmarks, size, template=template), size)
        for one in portraits()
    ]
    made: Image = np.stack(cuts)
    with whole_output(path) as part, part.open("wb") as file:
        np.save(file, made)
    return made


def outer_side(side: int) -> int:
    """Side in px of what a chip of `side` px is drawn from."""
    return round(side * (1 + 2 * BORDER))


def bent(faces: Image, side: int, bend: float, rng: np.random.Generator) -> tuple[Image, Image]:
    """Turn, scale, move and mirror faces a little, then bend a copy of each.

    Args:
        faces: (N, S, S, 3) uint8 RGB of `kept_chips`.
        side: px of the results.
        bend: how far the points of a 5 x 5 grid wander, in sides.
        rng: draws everything.

    Returns:
        Bent chips and the same unbent, both (N, side, side, 3) uint8 RGB.
    """
    pairs = [_bent(face, side, bend, rng) for face in faces]
    first, second = zip(*pairs, strict=True)
    return np.stack(first), np.stack(second)


def _bent(face: Image, side: int, bend: float, rng: np.random.Generator) -> tuple[Image, Image]:
    angle, scale = np.deg2rad(rng.uniform(-8, 8)), rng.uniform(0.95, 1.05)
    shift = rng.uniform(-0.03, 0.03, 2) * side + face.shape[0] / 2
    rows, columns = np.mgrid[:side, :side] + 0.5 - side / 2
    if rng.random() < 1 / 2:
        columns = -columns
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    across = columns * cosine - rows * sine + shift[0] - 0.5
    down = columns * sine + rows * cosine + shift[1] - 0.5
    wander = rng.normal(0, bend * side / 2, (2, _GRID, _GRID)).astype(np.float32)
    moves = [cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC) for grid in wander]
    straight = _sampled(face, across, down)
    return _sampled(face, across + moves[0], down + moves[1]), straight


def _sampled(face: Image, across: NDArray[np.floating], down: NDArray[np.floating]) -> Image:
    made = cv2.remap(
        face,
        np.asarray(across, np.float32),
        np.asarray(down, np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return made.astype(np.uint8, copy=False)


def _errors(
    pair: Pair, people: tuple[Image, Image], recipe: DeepfakesRecipe, rng: np.random.Generator
) -> Tensor:
    """Mean absolute errors of the source's and the target's chips, rebuilt from bent ones: (2,)."""
    drawn = [
        bent(faces[rng.integers(0, len(faces), recipe.batch)], recipe.side, recipe.bend, rng)
        for faces in people
    ]
    (sources, wanted_sources), (targets, wanted_targets) = [
        (_tensor(crooked), _tensor(straight)) for crooked, straight in drawn
    ]
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
        of_source, of_target = pair(sources, targets)
    return torch.stack(
        [
            torch.mean(torch.abs(of_source.float() - wanted_sources)),
            torch.mean(torch.abs(of_target.float() - wanted_targets)),
        ]
    )


def _share_of_rate(passed: float) -> float:
    """From 1 to a tenth along half a cosine, `passed` from 0 to 1."""
    return 0.1 + 0.9 * (1 + math.cos(math.pi * passed)) / 2


def _tensor(faces: Image) -> Tensor:
    # Permuted alone, the chips lie in memory as channels_last wants them.
    return torch.from_numpy(faces).permute(0, 3, 1, 2).float().div_(255)


def _state(
    pair: Pair, optimiser: torch.optim.Optimizer, step: int, recipe: DeepfakesRecipe
) -> dict[str, Any]:
    return {
        "step": step,
        "shape": [recipe.side, recipe.width, recipe.code],
        "pair": pair.state_dict(),
        "optimiser": optimiser.state_dict(),
    }


def _resumed(
    checkpoint: Checkpoint, pair: Pair, optimiser: torch.optim.Optimizer, recipe: DeepfakesRecipe
) -> int:
    state = checkpoint.load()
    if state is None:
        return 0
    side, width, code = state["shape"]
    if (side, width, code) != (recipe.side, recipe.width, recipe.code):
        raise InvalidOption(
            f"the run in this folder has side {side}, width {width} and code {code}; "
            "go on with these, or give another --out"
        )
    pair.load_state_dict(state["pair"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def _write(pair: Pair, folder: Path) -> None:
    from safetensors.torch import save_file

    # Rounded before both files are written, so that they say the same.
    halves = {name: value.half().contiguous() for name, value in pair.state_dict().items()}
    pair.load_state_dict(halves)
    with whole_output(folder / "pair.safetensors") as part:
        save_file(halves, part)
    write_onnx(pair, folder / "pair.onnx")
