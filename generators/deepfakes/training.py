"""Trains a pair: each decoder rebuilds its own person from chips that were bent a little."""

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
from forensics.training import Checkpoint
from generators.deepfakes import BORDER, TEMPLATE, DeepfakesRecipe
from generators.deepfakes.network import Pair, write_onnx

_GRID = 5
"""Points along a side of the grid that bends a chip."""


def train_pair(data: SwapData, recipe: DeepfakesRecipe, seed: int) -> Iterator[Step]:
    """Train, and write `pair.onnx` and `pair.safetensors` into the run's folder at the end.

    A run that was stopped goes on from its last report, drawing what it would have drawn.
    """
    torch.manual_seed(seed)
    pair = Pair(recipe.side, recipe.width).to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(pair.parameters(), lr=recipe.rate, betas=(0.5, 0.999))
    checkpoint = Checkpoint(data.folder / "checkpoint.pt")
    start = _resumed(checkpoint, pair, optimiser, recipe)
    people = {
        "source": kept_chips(data.source, data.folder / "source.npy", recipe.side),
        "target": kept_chips(data.target, data.folder / "target.npy", recipe.side),
    }
    for step in range(start, recipe.steps):
        rng = np.random.default_rng([seed, step])
        losses = {
            f"{name}_error": _step_error(pair, name, faces, recipe, rng)
            for name, faces in people.items()
        }
        optimiser.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
        done = step + 1
        if done % recipe.every == 0 or done == recipe.steps:
            checkpoint.save(_state(pair, optimiser, done, recipe))
            yield Step(done, recipe.steps, {name: float(loss) for name, loss in losses.items()})
    _write(pair, data.folder)


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
    part = path.with_suffix(".part.npy")
    np.save(part, np.stack(cuts))
    part.replace(path)
    return np.stack(cuts)


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


def _step_error(
    pair: Pair, name: str, faces: Image, recipe: DeepfakesRecipe, rng: np.random.Generator
) -> Tensor:
    chosen = faces[rng.integers(0, len(faces), recipe.batch)]
    inputs, wanted = (_tensor(part) for part in bent(chosen, recipe.side, recipe.bend, rng))
    made = getattr(pair, name)(pair.encoder(inputs))
    return torch.mean(torch.abs(made - wanted))


def _tensor(faces: Image) -> Tensor:
    return torch.from_numpy(faces).permute(0, 3, 1, 2).float().div_(255)


def _state(
    pair: Pair, optimiser: torch.optim.Optimizer, step: int, recipe: DeepfakesRecipe
) -> dict[str, Any]:
    return {
        "step": step,
        "side": recipe.side,
        "width": recipe.width,
        "pair": pair.state_dict(),
        "optimiser": optimiser.state_dict(),
    }


def _resumed(
    checkpoint: Checkpoint, pair: Pair, optimiser: torch.optim.Optimizer, recipe: DeepfakesRecipe
) -> int:
    state = checkpoint.load()
    if state is None:
        return 0
    if (state["side"], state["width"]) != (recipe.side, recipe.width):
        raise InvalidOption(
            f"the run in this folder has side {state['side']} and width {state['width']}; "
            "go on with these, or give another --out"
        )
    pair.load_state_dict(state["pair"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def _write(pair: Pair, folder: Path) -> None:
    from safetensors.torch import save_file

    tensors = {name: value.contiguous() for name, value in pair.state_dict().items()}
    save_file(tensors, folder / "pair.safetensors")
    write_onnx(pair, folder / "pair.onnx")
