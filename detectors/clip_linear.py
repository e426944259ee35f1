"""A linear classifier on CLIP's embedding of a picture (Ojha et al. 2023), as we re-implement it.

U. Ojha, Y. Li and Y. J. Lee, "Towards Universal Fake Image Detectors that Generalize Across
Generative Models", CVPR 2023.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from forensics.class_tokens import TokenReader, image_embedding
from forensics.detector import CropDetector, Trainable
from forensics.head_training import LinearRecipe, fitted, read_head, save_head, views_alone
from forensics.linear_head import LinearHead
from forensics.schema import Floats, Image, Step
from forensics.training import TrainingData
from forensics.weights import load_tensors


@dataclass(frozen=True)
class ClipLinearOptions:
    """`crops`: the largest number of native crops; `cache`: a folder that keeps class tokens."""

    crops: int = 1
    cache: str = ""


class ClipLinear(CropDetector, Trainable):
    """Linear head on the image embedding of CLIP ViT-B/16 (512 numbers of unit length)."""

    Options = ClipLinearOptions
    Recipe = LinearRecipe

    def class_logits(self, images: Sequence[Image]) -> list[Floats]:
        """Return for each image (k, 3) float32 class logits of its native crops."""
        return [self.head.class_logits(self.features(image)) for image in images]

    def features(self, image: Image) -> Floats:
        """Embeddings of a picture's native crops, (k, 512) float32."""
        tokens = self._tokens.of_picture(image, self.options.crops)
        return image_embedding(tokens[:, -1])

    @cached_property
    def head(self) -> LinearHead:
        """The trained head, read at first use."""
        return read_head(load_tensors(self.card))

    def train(self, data: TrainingData, recipe: LinearRecipe, seed: int) -> Iterator[Step]:
        """Compute class tokens not yet in the cache, then fit the head and save it.

        Resumable: a killed run loses at most one batch of tokens. `seed` decides nothing: the views
        depend on the pictures alone, and the fit is convex.
        """
        views = views_alone(data, recipe.strong)
        for left in self._tokens.fill(data, views, recipe.chain):
            yield Step(len(views) - left, len(views) + 1, {})
        last = self._tokens.of_views(data, views, recipe.chain)[:, -1]
        head = fitted(image_embedding(last), views, recipe)
        save_head(head, data.folder / f"{self.card.name}.safetensors")
        yield Step(len(views) + 1, len(views) + 1, {"rows": float(len(views))})

    @cached_property
    def _tokens(self) -> TokenReader:
        return TokenReader(self.options.cache)
