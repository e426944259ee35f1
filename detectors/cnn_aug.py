"""A pretrained CNN trained under blur and JPEG (Wang et al. 2020), as we re-implement it.

S.-Y. Wang et al., "CNN-Generated Images Are Surprisingly Easy to Spot... for Now", CVPR 2020.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from forensics.augmentation import Chain
from forensics.batches import BatchPlan
from forensics.detector import CropDetector, Trainable
from forensics.network_training import Learning, NetworkRecipe, imagenet_network, train_network
from forensics.neural import run_each
from forensics.schema import Floats, Image, Step
from forensics.traces.crops import native_crops
from forensics.training import TrainingData
from forensics.weights import file_named, verified_path

SIDE = 224
"""Side of the crops at examination, in px, as published."""
HALF = np.full(3, 0.5, np.float32)
PUBLISHED = Chain(
    earlier_jpeg=0.0,
    resizing=0.0,
    camera=0.0,
    blurring=0.5,
    blur=3.0,
    noising=0.0,
    quality=(30, 100),
    webp=0.0,
    uncompressed=0.5,
)
"""The paper's "Blur+JPEG (0.5)": each half of the time, up to 3 px and down to quality 30."""


@dataclass(frozen=True)
class CnnAugOptions:
    """`crops`: the largest number of native crops a picture."""

    crops: int = 4


@dataclass(frozen=True)
class CnnAugRecipe(NetworkRecipe):
    """As `NetworkRecipe`, under the paper's augmentation."""

    chain: Chain = PUBLISHED


class CnnAug(CropDetector, Trainable):
    """EfficientNet-Lite0 from ImageNet weights; ONNX on a CPU."""

    Options = CnnAugOptions
    Recipe = CnnAugRecipe

    def class_logits(self, images: Sequence[Image]) -> list[Floats]:
        """Return for each image (k, 3) float32 class logits of its native crops."""
        path = verified_path(self.card, file_named(self.card, ".onnx"))
        crops = self.options.crops
        return [run_each(path, native_crops(image, SIDE, crops), HALF, HALF) for image in images]

    def train(self, data: TrainingData, recipe: CnnAugRecipe, seed: int) -> Iterator[Step]:
        """Fine-tune on crops, half fakes, half real; goes on from its last checkpoint."""
        plan = BatchPlan(data, recipe.batch, recipe.side, recipe.chain, twins=0.0)

        def batch(step: int) -> Learning:
            drawn = plan.unpaired(seed, step)
            return Learning(drawn.crops, drawn.kinds)

        network = imagenet_network(seed)
        yield from train_network(network, recipe, batch, data.folder / self.card.name, seed)
