"""Class tokens of all CLIP blocks, weighed by a trained importance (RINE), as we re-implement it.

C. Koutlis and S. Papadopoulos, "Leveraging Representations from Intermediate Encoder-Blocks for
Synthetic Image Detection", ECCV 2024; P. Khosla et al., "Supervised Contrastive Learning",
NeurIPS 2020, for the second half of its loss.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from forensics.augmentation import Chain
from forensics.class_tokens import BLOCKS, WIDTH, TokenReader
from forensics.detector import CropDetector, Trainable
from forensics.head_training import views_alone
from forensics.schema import Floats, Image, Step
from forensics.training import TrainingData
from forensics.views import View, kinds_of, weights_of
from forensics.weights import load_tensors

if TYPE_CHECKING:
    import torch

Arrays = dict[str, NDArray[Any]]
LAYERS = ("projection", "second", "hidden", "classes")


@dataclass(frozen=True)
class ClipBlocksOptions:
    """`crops`: the largest number of native crops; `cache`: a folder that keeps class tokens."""

    crops: int = 1
    cache: str = ""


@dataclass(frozen=True)
class ClipBlocksRecipe:
    """What the network learns from, and how.

    `strong`, `power` as in `forensics.head_training`; `width` of the projections; `steps` of
    `batch` rows; `contrast`: weight of the contrastive loss, at `temperature`.
    """

    strong: float = 0.4
    chain: Chain = field(default_factory=Chain)
    power: float = 0.5
    width: int = 128
    steps: int = 300
    batch: int = 128
    rate: float = 1e-3
    dropout: float = 0.5
    contrast: float = 0.2
    temperature: float = 0.07


class ClipBlocks(CropDetector, Trainable):
    """Projected class tokens of the 12 blocks of CLIP ViT-B/16, summed by importance."""

    Options = ClipBlocksOptions
    Recipe = ClipBlocksRecipe

    def class_logits(self, images: Sequence[Image]) -> list[Floats]:
        """Return for each image (k, 3) float32 class logits of its native crops."""
        crops = self.options.crops
        return [
            class_logits(self.arrays, self._tokens.of_picture(image, crops)) for image in images
        ]

    @cached_property
    def arrays(self) -> Arrays:
        """The trained weights in single precision, read at first use."""
        stored = load_tensors(self.card)
        return {name: array.astype(np.float32) for name, array in stored.items()}

    def train(self, data: TrainingData, recipe: ClipBlocksRecipe, seed: int) -> Iterator[Step]:
        """Compute class tokens not yet in the cache, then train the network and save it.

        Resumable as far as tokens go; the network itself takes seconds.
        """
        views = views_alone(data, recipe.strong)
        total = len(views) + recipe.steps
        for left in self._tokens.fill(data, views, recipe.chain):
            yield Step(len(views) - left, total, {})
        rows = self._tokens.of_views(data, views, recipe.chain)
        run = _Run(recipe, seed)
        for step in run.learn(rows, views):
            yield Step(len(views) + step.step, total, step.figures)
        data.folder.mkdir(parents=True, exist_ok=True)
        save_file(run.arrays(), data.folder / f"{self.card.name}.safetensors")

    @cached_property
    def _tokens(self) -> TokenReader:
        return TokenReader(self.options.cache)


def class_logits(arrays: Arrays, tokens: Floats) -> Floats:
    """Evaluate the network in NumPy: (N, 12, 768) float32 tokens -> (N, 3) float32 logits."""
    rows = _rectified(arrays, "projection", standardised(tokens))
    share = np.exp(arrays["importance"] - arrays["importance"].max(axis=0))
    mixed = (rows * (share / share.sum(axis=0))).sum(axis=1)
    hidden = _rectified(arrays, "hidden", _rectified(arrays, "second", mixed))
    logits = hidden @ arrays["classes.weight"].T + arrays["classes.bias"]
    return np.asarray(logits, np.float32)


def standardised(tokens: Floats) -> Floats:
    """Give every token mean 0 and variance 1 over its own numbers."""
    centred = tokens - tokens.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    return np.asarray(centred / spread, np.float32)


def _rectified(arrays: Arrays, layer: str, rows: Floats) -> Floats:
    product = rows @ arrays[f"{layer}.weight"].T + arrays[f"{layer}.bias"]
    return np.asarray(np.maximum(product, 0), np.float32)


class _Run:
    """Network and optimiser of one training run."""

    def __init__(self, recipe: ClipBlocksRecipe, seed: int) -> None:
        import torch

        torch.manual_seed(seed)
        width = recipe.width
        sizes = ((WIDTH, width), (width, width), (width, width), (width, 3))
        self.recipe, self.seed = recipe, seed
        self.layers = {
            name: torch.nn.Linear(*size) for name, size in zip(LAYERS, sizes, strict=True)
        }
        self.importance = torch.randn(BLOCKS, width, requires_grad=True)
        weights = [each for layer in self.layers.values() for each in layer.parameters()]
        self.optimizer = torch.optim.Adam([*weights, self.importance], lr=recipe.rate)

    def learn(self, rows: Floats, views: Sequence[View]) -> Iterator[Step]:
        """Take all steps on (N, 12, 768) tokens; rows are drawn by the weights of their sources."""
        import torch

        tokens, kinds = standardised(rows), kinds_of(views)
        chances, rng = weights_of(views, self.recipe.power), np.random.default_rng(self.seed)
        for step in range(self.recipe.steps):
            drawn = rng.choice(len(views), self.recipe.batch, p=chances / chances.sum())
            batch, labels = torch.from_numpy(tokens[drawn]), torch.from_numpy(kinds[drawn])
            loss, right = self._loss(batch, labels)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            yield Step(step + 1, self.recipe.steps, {"loss": loss.item(), "accuracy": right})

    def forward(self, tokens: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
        """(N, 12, 768) standardised tokens -> (N, width) what is contrasted, (N, 3) logits."""
        from torch.nn.functional import dropout

        rows = dropout(self.layers["projection"](tokens).relu(), self.recipe.dropout)
        mixed = (rows * self.importance.softmax(dim=0)).sum(dim=1)
        second = self.layers["second"](mixed).relu()
        hidden = self.layers["hidden"](dropout(second, self.recipe.dropout)).relu()
        return second, self.layers["classes"](hidden)

    def _loss(self, tokens: "torch.Tensor", kinds: "torch.Tensor") -> "tuple[torch.Tensor, float]":
        from torch.nn.functional import cross_entropy

        second, logits = self.forward(tokens)
        contrast = contrastive_loss(second, (kinds > 0).long(), self.recipe.temperature)
        right = ((logits[:, 1:].logsumexp(1) > logits[:, 0]) == (kinds > 0)).float().mean()
        return cross_entropy(logits, kinds) + self.recipe.contrast * contrast, right.item()

    def arrays(self) -> Arrays:
        """All weights in half precision, by name."""
        named = {"importance": self.importance}
        for name, layer in self.layers.items():
            named |= {f"{name}.{part}": value for part, value in layer.named_parameters()}
        return {name: value.detach().numpy().astype(np.float16) for name, value in named.items()}


def contrastive_loss(
    rows: "torch.Tensor", labels: "torch.Tensor", temperature: float
) -> "torch.Tensor":
    """Mean over rows of -log P(another row of the same label), by cosine (Khosla et al. 2020).

    Args:
        rows: (N, D) float32.
        labels: (N,) ints; a row whose label is alone does not count.
        temperature: divides the cosines.
    """
    import torch

    unit = torch.nn.functional.normalize(rows, dim=1, eps=1e-6)
    own = torch.eye(len(rows), dtype=torch.bool)
    similar = (unit @ unit.T / temperature).masked_fill(own, -torch.inf)
    logs = (similar - similar.logsumexp(dim=1, keepdim=True)).masked_fill(own, 0)
    same = (labels[:, None] == labels) & ~own
    counts = same.sum(dim=1)
    means = (logs * same).sum(dim=1)[counts > 0] / counts[counts > 0]
    return -means.mean()
