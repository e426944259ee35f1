"""The loop that trains a small network on crops: running average, checkpoints, export.

A network gives (N, 3) logits of real, synthetic, manipulated for (N, 3, S, S) pixels in [-1, 1].
What a batch holds is the caller's; it depends on the number of the step alone, so that a resumed
run sees what an uninterrupted one would have seen.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forensics.network_export import export
from forensics.plugins import backbones
from forensics.schema import Step
from forensics.training import Checkpoint
from forensics.weights import load_tensors

if TYPE_CHECKING:
    import torch

LONGEST_GRADIENT = 2.0


@dataclass(frozen=True)
class NetworkRecipe:
    """`crops` is the budget of a run; `ema` the longest memory of the running average."""

    crops: int = 3_600
    side: int = 128
    batch: int = 48
    rate: float = 6e-4
    decay: float = 0.02
    ema: float = 0.99
    save_every: int = 40
    device: str = "cpu"


@dataclass(frozen=True, eq=False)
class Learning:
    """What a step learns from. `crops`: (N, S, S, 3) uint8 RGB; `kinds`: (N,) ints, 0 is real."""

    crops: NDArray[np.uint8]
    kinds: NDArray[np.intp]


def train_network(
    network: "torch.nn.Module",
    recipe: NetworkRecipe,
    batch: Callable[[int], Learning],
    path: Path,
    seed: int,
) -> Iterator[Step]:
    """Train a network, going on from its last checkpoint; writes `path`.safetensors and .onnx.

    Args:
        network: with the weights that it starts from.
        recipe: how long and how fast.
        batch: what the step of a number learns from.
        path: the two files without their suffixes; `checkpoint.pt` lies beside.
        seed: draws what the network itself draws.
    """
    import torch

    run = NetworkRun(network, recipe)

    def learn(step: int) -> dict[str, float]:
        drawn = batch(step)
        logits = run.logits(drawn.crops)
        kinds = torch.from_numpy(drawn.kinds).to(logits.device)
        loss = torch.nn.functional.cross_entropy(logits, kinds)
        run.descend(loss)
        return {"loss": loss.item(), "accuracy": accuracy(logits, kinds)}

    yield from run.go(learn, path, seed, recipe.side)


def fakeness(logits: "torch.Tensor") -> "torch.Tensor":
    """How much more a row's logits speak for synthetic or manipulated than for real: (N,)."""
    import torch

    return torch.logsumexp(logits[:, 1:], 1) - logits[:, 0]


def accuracy(logits: "torch.Tensor", kinds: "torch.Tensor") -> float:
    """The share of rows on the right side."""
    return ((fakeness(logits) > 0) == (kinds > 0)).float().mean().item()


def running_average(
    network: "torch.nn.Module", memory: float
) -> "torch.optim.swa_utils.AveragedModel":
    """The exponential moving average of a network's weights; its memory grows with the steps.

    After step t it keeps min(memory, (1 + t) / (10 + t)) of itself, as TensorFlow's
    `ExponentialMovingAverage(num_updates=t)` does: it looks back over the last ninth of a short
    run, where a constant .99 would still hold half of the start weights after 75 steps.
    """
    import torch

    def follow(averages: Any, weights: Any, steps: Any) -> None:
        kept = min(memory, (1 + int(steps)) / (10 + int(steps)))
        for average, weight in zip(averages, weights, strict=True):
            if average.is_floating_point():
                average.lerp_(weight, 1 - kept)
            else:
                average.copy_(weight)

    return torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=follow, use_buffers=True)


def imagenet_network(seed: int) -> "torch.nn.Module":
    """EfficientNet-Lite0 with ImageNet weights and three new outputs.

    Raises:
        WeightsUnavailable: the start weights have not been pulled; the message has the command.
    """
    import timm
    import torch

    torch.manual_seed(seed)
    tensors = load_tensors(backbones()["efficientnet_lite0_imagenet"])
    network: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False, drop_rate=0.2)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
    network.reset_classifier(3)
    torch.nn.init.normal_(network.classifier.weight, std=0.01)
    torch.nn.init.zeros_(network.classifier.bias)
    made: torch.nn.Module = network
    return made


class NetworkRun:
    """Network, running average and optimiser of one training run.

    Attributes:
        errors: running numbers of the caller that a resumed run needs too.
    """

    def __init__(self, network: "torch.nn.Module", recipe: NetworkRecipe) -> None:
        import torch

        self.recipe = recipe
        self.total = recipe.crops // recipe.batch
        self.network: Any = network.to(recipe.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.averaged = running_average(self.network, recipe.ema)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.rate, weight_decay=recipe.decay
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, recipe.rate, total_steps=self.total, pct_start=0.1
        )
        self.errors: dict[str, float] = {}

    def go(
        self, learn: Callable[[int], dict[str, float]], path: Path, seed: int, side: int
    ) -> Iterator[Step]:
        """Take the steps that are left, keep checkpoints, and write the running average.

        Args:
            learn: takes the step of a number; returns the figures to log.
            path: the two files without their suffixes; `checkpoint.pt` lies beside.
            seed: draws what the network itself draws.
            side: of a crop that the network can take, in px.
        """
        import torch

        checkpoint = Checkpoint(path.with_name("checkpoint.pt"))
        for step in range(self.restore(checkpoint.load()), self.total):
            # Dropout too depends on the step alone, so that a resumed run sees the same.
            torch.manual_seed((seed << 32) + step)
            figures = learn(step)
            if (step + 1) % self.recipe.save_every == 0 or step + 1 == self.total:
                checkpoint.save(self.state(step + 1))
            yield Step(step + 1, self.total, figures)
        export(self.averaged.module, path, side)

    def logits(self, crops: NDArray[np.uint8]) -> "torch.Tensor":
        """(N, 3) logits of (N, S, S, 3) uint8 RGB, on the device of the run."""
        import torch

        pixels = torch.from_numpy(crops).to(self.recipe.device).permute(0, 3, 1, 2)
        made: torch.Tensor = self.network(pixels.float().div(127.5).sub(1)).float()
        return made

    def descend(self, loss: "torch.Tensor") -> None:
        """Take one optimiser step down a loss; the running average follows."""
        import torch

        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), LONGEST_GRADIENT)
        self.optimizer.step()
        self.schedule.step()
        self.averaged.update_parameters(self.network)

    def state(self, step: int) -> dict[str, Any]:
        """Everything a resumed run needs."""
        parts = ("network", "averaged", "optimizer", "schedule")
        states = {name: getattr(self, name).state_dict() for name in parts}
        return {"step": step, **states, "errors": self.errors}

    def restore(self, state: dict[str, Any] | None) -> int:
        """Go on from a checkpoint; returns the step to start at."""
        if state is None:
            return 0
        for name in ("network", "averaged", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        self.errors = dict(state["errors"])
        return int(state["step"])
