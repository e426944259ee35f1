"""Neighbouring pixel relations and a small ResNet (Tan et al. 2024), as we re-implement it.

C. Tan et al., "Rethinking the Up-Sampling Operations in CNN-based Generative Network for
Generalizable Deepfake Detection", CVPR 2024.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from forensics.augmentation import Chain
from forensics.batches import BatchPlan
from forensics.detector import CropDetector, Trainable
from forensics.network_training import Learning, NetworkRecipe, train_network
from forensics.neural import run_each
from forensics.schema import Floats, Image, Step
from forensics.traces.crops import native_crops
from forensics.training import TrainingData
from forensics.weights import file_named, verified_path

if TYPE_CHECKING:
    import torch

SIDE = 224
"""Side of the crops at examination, in px."""
HALF = np.full(3, 0.5, np.float32)
GAIN = 4 / 3
"""The paper's 2/3 on pixels divided by ImageNet's deviations, about 0.225; ours span [-1, 1]."""
WIDTHS = (64, 256, 512)
BLOCKS = (3, 4)


@dataclass(frozen=True)
class NprOptions:
    """`crops`: the largest number of native crops a picture."""

    crops: int = 4


@dataclass(frozen=True)
class NprRecipe(NetworkRecipe):
    """As `NetworkRecipe`; the network starts from nothing, and therefore faster."""

    rate: float = 1e-3
    chain: Chain = field(default_factory=Chain)


class Npr(CropDetector, Trainable):
    """ResNet-50's first two stages on what nearest neighbours do not explain; ONNX on a CPU."""

    Options = NprOptions
    Recipe = NprRecipe

    def class_logits(self, images: Sequence[Image]) -> list[Floats]:
        """Return for each image (k, 3) float32 class logits of its native crops."""
        path = verified_path(self.card, file_named(self.card, ".onnx"))
        crops = self.options.crops
        return [run_each(path, native_crops(image, SIDE, crops), HALF, HALF) for image in images]

    def train(self, data: TrainingData, recipe: NprRecipe, seed: int) -> Iterator[Step]:
        """Train from nothing on crops, half fakes, half real; goes on from its last checkpoint."""
        plan = BatchPlan(data, recipe.batch, recipe.side, recipe.chain, twins=0.0)

        def batch(step: int) -> Learning:
            drawn = plan.unpaired(seed, step)
            return Learning(drawn.crops, drawn.kinds)

        network = npr_network(seed)
        yield from train_network(network, recipe, batch, data.folder / self.card.name, seed)


def relations(pixels: "torch.Tensor") -> "torch.Tensor":
    """A picture less its half-size copy enlarged again, both by nearest neighbours.

    In each 2 x 2 cell that is every pixel less the first one.

    Args:
        pixels: (N, C, H, W) floats, H and W even.
    """
    first = pixels[:, :, ::2, ::2]
    return pixels - first.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


def npr_network(seed: int) -> "torch.nn.Module":
    """The relations, a 3 x 3 convolution, and ResNet-50's stages of 3 and 4 bottlenecks."""
    import timm.models.resnet as parts
    import torch

    torch.manual_seed(seed)

    def stage(before: int, after: int, count: int, stride: int) -> Any:
        blocks = []
        for index in range(count):
            size, step = (before, stride) if index == 0 else (after, 1)
            shortcut = parts.downsample_conv(size, after, 1, step) if index == 0 else None
            blocks.append(parts.Bottleneck(size, after // 4, step, shortcut))
        return torch.nn.Sequential(*blocks)

    class Relations(torch.nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return relations(pixels) * GAIN

    stem, middle, top = WIDTHS
    return torch.nn.Sequential(
        Relations(),
        torch.nn.Conv2d(3, stem, 3, stride=2, padding=1, bias=False),
        torch.nn.BatchNorm2d(stem),
        torch.nn.ReLU(inplace=True),
        torch.nn.MaxPool2d(3, stride=2, padding=1),
        stage(stem, middle, BLOCKS[0], 1),
        stage(middle, top, BLOCKS[1], 2),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(top, 3),
    )
