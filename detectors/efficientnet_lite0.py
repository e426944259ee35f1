"""EfficientNet-Lite0, fine-tuned on native crops: what a small network sees in the pixels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from forensics.augmentation import Chain
from forensics.batches import Batch, BatchPlan
from forensics.detector import CropDetector, Trainable, fake_logit
from forensics.lessons import Teacher, softened_loss
from forensics.network_training import (
    NetworkRecipe,
    NetworkRun,
    accuracy,
    fakeness,
    imagenet_network,
)
from forensics.neural import run_each, session
from forensics.schema import Floats, Image, Step
from forensics.traces.crops import native_crops
from forensics.training import TrainingData
from forensics.weights import file_named, verified_path

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
class EfficientnetLite0Recipe(NetworkRecipe):
    """How the network is trained, beside what `NetworkRecipe` says.

    Attributes:
        pairs: weight of the loss inside pairs.
        pressure: reweights real sources by their running error, 0 not at all.
        twins: the share of real pictures that come in pairs.
        matched: whether a third of a batch are fakes and reals of one pipeline each.
        blend: whether half of the twins are blended back into their pictures.
        manipulated: whether manipulated pictures have an output of their own.
        teacher: a folder with a run of `clip_pairs` without the same fold, whose answers take the
            place of labels and of the losses that need them; "" is none.
    """

    crops: int = 7_200
    pairs: float = 0.5
    pressure: float = 0.5
    twins: float = 0.25
    matched: bool = True
    blend: bool = True
    manipulated: bool = True
    teacher: str = ""
    chain: Chain = field(default_factory=Chain)


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

    def start(self, seed: int) -> "torch.nn.Module":
        """The network that training begins with."""
        return imagenet_network(seed)

    def train(
        self, data: TrainingData, recipe: EfficientnetLite0Recipe, seed: int
    ) -> Iterator[Step]:
        """Fine-tune from ImageNet weights; goes on from its last checkpoint; saves EMA weights.

        Raises:
            InvalidOption: there is no teacher where the recipe says, or not for crops of this size.
        """
        plan = BatchPlan(
            data,
            recipe.batch,
            recipe.side,
            recipe.chain,
            recipe.twins,
            matched=recipe.matched,
            blend=recipe.blend,
        )
        run = _Run(self.start(seed), recipe)
        teacher = Teacher(Path(recipe.teacher), recipe.side) if recipe.teacher else None

        def learn(step: int) -> dict[str, float]:
            batch = plan.batch(seed, step)
            return run.learn(batch) if teacher is None else run.follow(batch, teacher)

        yield from run.go(learn, data.folder / self.card.name, seed, SIDE)


class _Run(NetworkRun):
    """A run whose loss looks inside pairs and at which real sources are hard."""

    recipe: EfficientnetLite0Recipe

    def learn(self, batch: Batch) -> dict[str, float]:
        """Take one optimiser step; returns the figures to log."""
        import torch
        from torch.nn.functional import cross_entropy, softplus

        logits = self.logits(batch.crops)
        kinds = torch.from_numpy(batch.kinds).to(logits.device)
        if not self.recipe.manipulated:
            kinds = kinds.clamp(max=1)
        losses = cross_entropy(logits, kinds, reduction="none")
        weights = torch.tensor(self._pressures(batch), device=logits.device)
        scores = fakeness(logits)
        gaps = scores[batch.pairs[:, 0]] - scores[batch.pairs[:, 1]]
        loss = (losses * weights).sum() / weights.sum()
        if len(gaps):
            loss = loss + self.recipe.pairs * softplus(gaps).mean()
        self.descend(loss)
        self._note(batch, losses.detach().cpu().numpy())
        return {
            "loss": loss.item(),
            "accuracy": accuracy(logits, kinds),
            "pairs": (gaps < 0).float().mean().item() if len(gaps) else 1.0,
        }

    def follow(self, batch: Batch, teacher: Teacher) -> dict[str, float]:
        """Take one optimiser step towards a teacher; returns the figures to log."""
        told = teacher.told(list(batch.crops))
        logits = self.logits(batch.crops)
        loss = softened_loss(logits, told)
        self.descend(loss)
        agreed = (fakeness(logits).detach().cpu().numpy() > 0) == (fake_logit(told) > 0)
        return {"loss": loss.item(), "agreement": float(agreed.mean())}

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
