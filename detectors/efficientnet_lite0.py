"""EfficientNet-Lite0, fine-tuned on native crops: what a small network sees in the pixels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from forensics.augmentation import Chain
from forensics.batches import Batch, BatchPlan
from forensics.detector import CropDetector, Trainable
from forensics.network_training import export
from forensics.neural import run_each, session
from forensics.plugins import backbones
from forensics.schema import Floats, Image, Step
from forensics.traces.crops import native_crops
from forensics.training import Checkpoint, TrainingData
from forensics.weights import file_named, load_tensors, verified_path

if TYPE_CHECKING:
    import torch

SIDE = 224
"""Side of the crops at examination; training crops are smaller, at the same native scale."""
HALF = np.full(3, 0.5, np.float32)


@dataclass(frozen=True)
class EfficientnetLite0Options:
    """`crops`: the largest number of native crops a picture."""

    crops: int = 6


@dataclass(frozen=True)
class EfficientnetLite0Recipe:
    """How the network is trained.

    Attributes:
        crops: the budget of a run.
        ema: the memory of the running average of the weights.
        pairs: weight of the loss inside pairs.
        pressure: reweights real sources by their running error, 0 not at all.
        twins: the share of real pictures that come in pairs.
        matched: whether a third of a batch are fakes and reals of one pipeline each.
        blend: whether half of the twins are blended back into their pictures.
        manipulated: whether manipulated pictures have an output of their own.
    """

    crops: int = 7_200
    side: int = 128
    batch: int = 48
    rate: float = 6e-4
    decay: float = 0.02
    ema: float = 0.99
    pairs: float = 0.5
    pressure: float = 0.5
    twins: float = 0.25
    matched: bool = True
    blend: bool = True
    manipulated: bool = True
    chain: Chain = field(default_factory=Chain)
    save_every: int = 40
    device: str = "cpu"


class EfficientnetLite0(CropDetector, Trainable):
    """timm's `tf_efficientnet_lite0` with three outputs; ONNX on a CPU."""

    Options = EfficientnetLite0Options
    Recipe = EfficientnetLite0Recipe

    def prepare(self) -> None:
        """Open the network."""
        session(self._path)

    def class_logits(self, images: Sequence[Image]) -> list[Floats]:
        """Return for each image (k, 3) float32 class logits of its native crops."""
        return [self.logits_with(self._path, image) for image in images]

    @property
    def _path(self) -> Path:
        return verified_path(self.card, file_named(self.card, ".onnx"))

    def logits_with(self, path: Path, image: Image) -> Floats:
        """Class logits of one picture by the ONNX file at `path`, (k, 3) float32."""
        return run_each(path, native_crops(image, SIDE, self.options.crops), HALF, HALF)

    def train(
        self, data: TrainingData, recipe: EfficientnetLite0Recipe, seed: int
    ) -> Iterator[Step]:
        """Fine-tune from ImageNet weights; goes on from its last checkpoint; saves EMA weights."""
        import torch

        torch.manual_seed(seed)
        plan = BatchPlan(
            data,
            recipe.batch,
            recipe.side,
            recipe.chain,
            recipe.twins,
            matched=recipe.matched,
            blend=recipe.blend,
        )
        total = recipe.crops // recipe.batch
        run = _Run(recipe, total)
        checkpoint = Checkpoint(data.folder / "checkpoint.pt")
        start = run.restore(checkpoint.load())
        for step in range(start, total):
            # Dropout too depends on the step alone, so that a resumed run sees the same.
            torch.manual_seed((seed << 32) + step)
            figures = run.learn(plan.batch(seed, step))
            if (step + 1) % recipe.save_every == 0 or step + 1 == total:
                checkpoint.save(run.state(step + 1))
            yield Step(step + 1, total, figures)
        export(run.average, data.folder / self.card.name, SIDE)


class _Run:
    """Network, running average and optimiser of one training run."""

    def __init__(self, recipe: EfficientnetLite0Recipe, total: int) -> None:
        import timm
        import torch

        self.recipe = recipe
        tensors = load_tensors(backbones()["efficientnet_lite0_imagenet"])
        network: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False, drop_rate=0.2)
        network.load_state_dict({k: torch.from_numpy(v) for k, v in tensors.items()})
        network.reset_classifier(3)
        torch.nn.init.normal_(network.classifier.weight, std=0.01)
        torch.nn.init.zeros_(network.classifier.bias)
        self.network = network.to(recipe.device, memory_format=torch.channels_last).train()
        average = torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.ema)
        self.averaged = torch.optim.swa_utils.AveragedModel(
            self.network, multi_avg_fn=average, use_buffers=True
        )
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.rate, weight_decay=recipe.decay
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, recipe.rate, total_steps=total, pct_start=0.1
        )
        self.errors: dict[str, float] = {}

    @property
    def average(self) -> "torch.nn.Module":
        """The network with the exponential moving average of the weights."""
        module: torch.nn.Module = self.averaged.module
        return module

    def learn(self, batch: Batch) -> dict[str, float]:
        """Take one optimiser step; returns the figures to log."""
        import torch
        from torch.nn.functional import cross_entropy, softplus

        pixels = torch.from_numpy(batch.crops).to(self.recipe.device).permute(0, 3, 1, 2)
        logits = self.network(pixels.float().div(127.5).sub(1)).float()
        kinds = torch.from_numpy(batch.kinds).to(logits.device)
        if not self.recipe.manipulated:
            kinds = kinds.clamp(max=1)
        losses = cross_entropy(logits, kinds, reduction="none")
        weights = torch.tensor(self._pressures(batch), device=logits.device)
        fakeness = torch.logsumexp(logits[:, 1:], 1) - logits[:, 0]
        gaps = fakeness[batch.pairs[:, 0]] - fakeness[batch.pairs[:, 1]]
        loss = (losses * weights).sum() / weights.sum()
        if len(gaps):
            loss = loss + self.recipe.pairs * softplus(gaps).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.optimizer.step()
        self.schedule.step()
        self.averaged.update_parameters(self.network)
        self._note(batch, losses.detach().cpu().numpy())
        right = ((fakeness > 0) == (kinds > 0)).float().mean()
        return {
            "loss": loss.item(),
            "accuracy": right.item(),
            "pairs": (gaps < 0).float().mean().item() if len(gaps) else 1.0,
        }

    def _pressures(self, batch: Batch) -> list[float]:
        """Weight of each row: real sources with more than the mean running error count more."""
        mean = float(np.mean(list(self.errors.values()))) if self.errors else 1.0
        return [
            float(np.clip(self.errors.get(source, mean) / mean, 0.25, 4)) ** self.recipe.pressure
            if kind == 0
            else 1.0
            for kind, source in zip(batch.kinds, batch.sources, strict=True)
        ]

    def _note(self, batch: Batch, losses: Floats) -> None:
        for kind, source, loss in zip(batch.kinds, batch.sources, losses, strict=True):
            if kind == 0:
                self.errors[source] = 0.95 * self.errors.get(source, float(loss)) + 0.05 * float(
                    loss
                )

    def state(self, step: int) -> dict[str, Any]:
        """Everything a resumed run needs."""
        return {
            "step": step,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "errors": self.errors,
        }

    def restore(self, state: dict[str, Any] | None) -> int:
        """Go on from a checkpoint; returns the step to start at."""
        if state is None:
            return 0
        for name in ("network", "averaged", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        self.errors = dict(state["errors"])
        return int(state["step"])
