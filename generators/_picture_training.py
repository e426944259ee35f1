"""How generators of pictures from nothing learn: batches, running means, checkpoints, snapshots.

Every random draw of a step depends on the seed, the step and the process alone, so that a run that
was stopped goes on exactly as one that never was.
"""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

import forensics
from forensics.errors import InvalidOption
from forensics.schema import Image, Step
from forensics.sheets import tiled
from forensics.training import Checkpoint, Distance, PictureData, logged, whole_output
from forensics.writing import Provenance, made_folder, write_picture
from generators._gan_data import PictureArrays, load_arrays
from generators._processes import join_others, rank_and_world, share_gradients
from generators._recipe import PictureRecipe
from generators._sampling import header_of

GRID = 8
"""Pictures in a row and in a column of a snapshot."""


class PictureTask(ABC):
    """Networks that learn to make pictures.

    Attributes:
        networks: everything that has weights, by name.
        average: the generator's running mean, which is what ships.
        optimizers: by the names of their networks.
        recipe: how all of it learns.
        ramp: early on, the running mean looks back over this share of what was seen.
    """

    ramp: ClassVar[float] = 0.05

    networks: dict[str, nn.Module]
    average: nn.Module
    optimizers: dict[str, torch.optim.Optimizer]
    recipe: PictureRecipe

    @abstractmethod
    def learn(self, real: Tensor, seen: int, rng: torch.Generator) -> dict[str, float]:
        """Take one step on (N, 3, R, R) in [-1, 1] after `seen` pictures; return figures."""

    @abstractmethod
    def drawn(self, count: int, seed: int) -> Tensor:
        """Pictures of the running mean, (N, 3, R, R); picture i depends on seed and i alone."""

    def take(self, name: str, loss: Tensor, *, longest: float = math.inf) -> None:
        """Step a network down its loss; gradients longer than `longest` are shortened."""
        optimizer, network = self.optimizers[name], self.networks[name]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        share_gradients(network)
        if longest < math.inf:
            nn.utils.clip_grad_norm_(network.parameters(), longest)
        optimizer.step()

    def follow(self, name: str, seen: int) -> None:
        """Move the running mean of weights towards a network, after `seen` pictures."""
        half_life = min(self.recipe.half_life, max(seen, 1) * self.ramp)
        follow(self.average, self.networks[name], decay_of(half_life, self.recipe.batch))

    def numbers(self) -> dict[str, float]:
        """Numbers a resumed run needs beside weights; `remember` takes them back."""
        return {}

    def remember(self, numbers: dict[str, float]) -> None:  # noqa: B027 - most have none
        """Take back what `numbers` gave."""


def trained(
    task: PictureTask, data: PictureData, recipe: PictureRecipe, seed: int, name: str
) -> Iterator[Step]:
    """Train a task; checkpoints, weights and snapshots go into the run's folder.

    Weights (`NAME.safetensors`, the running mean in half precision) are written with every
    checkpoint, so that a run can be used before it ends.

    Raises:
        InvalidManifest: too few pictures to learn from.
        InvalidOption: the folder holds a checkpoint of another architecture.
        OutputFailed: a checkpoint cannot be written; the last good one stays.
    """
    join_others(recipe.device)
    arrays = load_arrays(data, recipe.resolution)
    facts = {"learned": len(arrays.names), "held_out": len(arrays.held_out)}
    listed = json.dumps(facts | {"skipped": arrays.skipped}, indent=2)
    if rank_and_world()[0] == 0:
        with whole_output(data.folder / "pictures.json") as part:
            part.write_text(listed, encoding="utf-8")
    weights = data.folder / f"{name}.safetensors"
    run = _Run(task, arrays, recipe, seed=seed, weights=weights, distance=data.distance)
    yield from run.steps()


class _Run:
    def __init__(
        self,
        task: PictureTask,
        arrays: PictureArrays,
        recipe: PictureRecipe,
        *,
        seed: int,
        weights: Path,
        distance: Distance | None,
    ) -> None:
        self.task, self.arrays, self.recipe, self.seed = task, arrays, recipe, seed
        self.weights, self.distance = weights, distance
        self.checkpoint = Checkpoint(weights.with_name("checkpoint.pt"))
        for network in [*task.networks.values(), task.average]:
            network.to(recipe.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def steps(self) -> Iterator[Step]:
        batch, last = self.recipe.batch, self.recipe.images // self.recipe.batch
        first = self._restore(self.checkpoint.load())
        for step in range(first, last):
            figures = self._learn(step)
            done = step + 1
            if _due(done, batch, self.recipe.save_every) or done == last:
                self._save(done)
            if _due(done, batch, self.recipe.snapshot_every) or done == last:
                self._snapshot(done * batch)
            if done % self.recipe.log_every == 0 or done == last:
                yield Step(done, last, {"images": float(done * batch), **figures})

    def _learn(self, step: int) -> dict[str, float]:
        rank, world = rank_and_world()
        drawing = np.random.default_rng([self.seed, step, rank])
        rng = torch.Generator().manual_seed(int(drawing.integers(2**62)))
        count = max(2, self.recipe.batch // world)
        chosen = drawing.integers(len(self.arrays.learned), size=count)
        real = as_tensor(self.arrays.learned[chosen])
        if self.recipe.mirror:
            flipped = torch.rand(count, generator=rng) < 1 / 2
            real = torch.where(flipped[:, None, None, None], real.flip(3), real)
        real = real.to(self.recipe.device, memory_format=torch.channels_last)
        figures = self.task.learn(real, step * self.recipe.batch, rng)
        if not all(np.isfinite(list(figures.values()))):
            raise InvalidOption(
                f"the run diverged at step {step}: {figures}; go on from {self.checkpoint.path}"
                " with a smaller rate"
            )
        return figures

    def _save(self, step: int) -> None:
        if rank_and_world()[0] > 0:
            return
        write_weights(self.weights, self.task.average, self.recipe)
        networks = {name: network.state_dict() for name, network in self.task.networks.items()}
        optimizers = {name: each.state_dict() for name, each in self.task.optimizers.items()}
        self.checkpoint.save(
            {
                "step": step,
                "networks": networks,
                "average": self.task.average.state_dict(),
                "optimizers": optimizers,
                "numbers": self.task.numbers(),
            }
        )

    def _restore(self, state: dict[str, Any] | None) -> int:
        if state is None:
            return 0
        try:
            for name, network in self.task.networks.items():
                network.load_state_dict(state["networks"][name])
            self.task.average.load_state_dict(state["average"])
            for name, optimizer in self.task.optimizers.items():
                optimizer.load_state_dict(state["optimizers"][name])
        except (KeyError, RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[-1].strip()
            raise InvalidOption(
                f"{self.checkpoint.path} is the checkpoint of another architecture ({reason});"
                " choose another --out or the same recipe"
            ) from error
        self.task.remember(state["numbers"])
        return int(state["step"])

    def _snapshot(self, images: int) -> None:
        if rank_and_world()[0] > 0:
            return
        pictures = as_images(self.task.drawn(GRID**2, self.seed))
        path = self.weights.parent / "snapshots" / f"{images:09d}.png"
        made_folder(path.parent)
        mark = Provenance(self.weights.stem, forensics.__version__, self.seed, weights_sha256="")
        write_picture(path, tiled(pictures, GRID), mark)
        held_out, compared = self.arrays.held_out, self.recipe.compare
        if self.distance is not None and compared and len(held_out):
            made = as_images(self.task.drawn(compared, self.seed + 1))
            found = Step(images, images, {"distance": self.distance(list(held_out), made)})
            for _ in logged(iter([found]), self.weights.with_name("distance.csv")):
                pass


def _due(step: int, batch: int, every: int) -> bool:
    """Whether `every` pictures more were passed with this step."""
    return every > 0 and (step * batch) // every > ((step - 1) * batch) // every


def in_half_precision(device: str) -> AbstractContextManager[Any]:
    """Mixed precision on a GPU; nothing on a CPU, where it is slower."""
    if device.startswith("cuda"):
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()


def decay_of(half_life: float, batch: int) -> float:
    """What a running mean keeps at each step, so that half is gone after `half_life` pictures."""
    return math.pow(0.5, batch / max(half_life, 1e-8))


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, keep: float) -> None:
    """Move a running mean of weights a little towards `network`; buffers are copied."""
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - keep)
    for mean, buffer in zip(average.buffers(), network.buffers(), strict=True):
        mean.copy_(buffer)


def write_weights(path: Path, network: nn.Module, recipe: PictureRecipe) -> None:
    """Write weights in half precision, and in the header how to build their network.

    Raises:
        OutputFailed: the disk is full or may not be written; what was there stays.
    """
    state = network.state_dict()
    halves = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    save_whole(path, halves, recipe)


def save_whole(path: Path, tensors: Mapping[str, Tensor], recipe: PictureRecipe) -> None:
    """Write tensors as they are, and in the header how to build their network.

    Raises:
        OutputFailed: the disk is full or may not be written; what was there stays.
    """
    with whole_output(path) as part:
        save_file({k: v.contiguous() for k, v in tensors.items()}, part, header_of(recipe))


def as_tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """(N, H, W, 3) uint8 RGB to (N, 3, H, W) float32 in [-1, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div(127.5).sub(1)


def as_images(pictures: Tensor) -> list[Image]:
    """(N, 3, H, W) in [-1, 1] to pictures of (H, W, 3) uint8 RGB."""
    levels = pictures.detach().float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return list(levels.permute(0, 2, 3, 1).contiguous().cpu().numpy())
