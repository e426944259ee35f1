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

from forensics.plugins import backbones
from forensics.schema import Step
from forensics.training import Checkpoint
from forensics.weights import load_tensors

if TYPE_CHECKING:
    import torch

LONGEST_GRADIENT = 2.0


@dataclass(frozen=True)
class NetworkRecipe:
    """`crops` is the budget of a run; `ema` the memory of the running average of the weights."""

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

    total = recipe.crops // recipe.batch
    run = _Run(network, recipe, total)
    checkpoint = Checkpoint(path.with_name("checkpoint.pt"))
    for step in range(run.restore(checkpoint.load()), total):
        # Dropout too depends on the step alone.
        torch.manual_seed((seed << 32) + step)
        figures = run.learn(batch(step))
        if (step + 1) % recipe.save_every == 0 or step + 1 == total:
            checkpoint.save(run.state(step + 1))
        yield Step(step + 1, total, figures)
    export(run.averaged.module, path, recipe.side)


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


class _Run:
    """Network, running average and optimiser of one training run."""

    def __init__(self, network: "torch.nn.Module", recipe: NetworkRecipe, total: int) -> None:
        import torch

        self.device = recipe.device
        self.network: Any = network.to(recipe.device).train()
        self.averaged = torch.optim.swa_utils.AveragedModel(
            self.network,
            multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.ema),
            use_buffers=True,
        )
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.rate, weight_decay=recipe.decay
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, recipe.rate, total_steps=total, pct_start=0.1
        )

    def learn(self, batch: Learning) -> dict[str, float]:
        """Take one optimiser step; returns the figures to log."""
        import torch

        pixels = torch.from_numpy(batch.crops).to(self.device).permute(0, 3, 1, 2)
        logits = self.network(pixels.float().div(127.5).sub(1)).float()
        kinds = torch.from_numpy(batch.kinds).to(logits.device)
        loss = torch.nn.functional.cross_entropy(logits, kinds)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), LONGEST_GRADIENT)
        self.optimizer.step()
        self.schedule.step()
        self.averaged.update_parameters(self.network)
        fakeness = torch.logsumexp(logits[:, 1:], 1) - logits[:, 0]
        right = ((fakeness > 0) == (kinds > 0)).float().mean()
        return {"loss": loss.item(), "accuracy": right.item()}

    def state(self, step: int) -> dict[str, Any]:
        """Everything a resumed run needs."""
        parts = ("network", "averaged", "optimizer", "schedule")
        return {"step": step, **{name: getattr(self, name).state_dict() for name in parts}}

    def restore(self, state: dict[str, Any] | None) -> int:
        """Go on from a checkpoint; returns the step to start at."""
        if state is None:
            return 0
        for name in ("network", "averaged", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        return int(state["step"])


def export(network: "torch.nn.Module", path: Path, side: int) -> None:
    """Write the network as safetensors and as ONNX with free batch, height and width.

    Kernels are rounded to half precision first, and both files store them so: they hold the same
    numbers. onnxruntime widens them, and folds the normalisation into them, when it loads.

    Args:
        network: takes (N, 3, H, W) float32.
        path: the two files without their suffixes.
        side: of a crop that the network can take, in px.
    """
    import torch
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    network = network.eval().cpu().to(memory_format=torch.contiguous_format)
    tensors = {name: _rounded(tensor) for name, tensor in network.state_dict().items()}
    save_file(tensors, path.with_suffix(".safetensors"))
    network.load_state_dict(tensors)
    axes = {0: "N", 2: "H", 3: "W"}
    torch.onnx.export(
        network,
        (torch.zeros(1, 3, side, side),),
        path.with_suffix(".onnx"),
        input_names=["crops"],
        output_names=["logits"],
        dynamic_axes={"crops": axes, "logits": {0: "N"}},
        opset_version=17,
        dynamo=False,
        # Normalisation folded here would leave kernels that half precision cannot hold.
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
    )
    store_halves(path.with_suffix(".onnx"))


def store_halves(path: Path) -> None:
    """Store the kernels of an ONNX file, all of them numbers of half precision, as such."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(path)
    kernels = [each for each in model.graph.initializer if len(each.dims) > 1]
    for kernel in kernels:
        name, wide = kernel.name, numpy_helper.to_array(kernel)
        narrow = numpy_helper.from_array(wide.astype(np.float16), f"{name}.half")
        model.graph.initializer.remove(kernel)
        model.graph.initializer.append(narrow)
        cast = helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT)
        model.graph.node.insert(0, cast)
    onnx.save(model, path)


def _rounded(tensor: "torch.Tensor") -> "torch.Tensor":
    """Half precision for kernels; statistics of the normalisation keep their range."""
    import torch

    tensor = tensor.contiguous().clone()
    return tensor.to(torch.float16) if tensor.ndim > 1 else tensor
