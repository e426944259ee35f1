"""CLIP's blocks in torch: for gradients, and for the features of many crops at once.

The same numbers as the graph of `forensics.clip_graph`, which a CPU runs at examination: never
for verdicts, but where a detector is attacked, where CLIP itself is trained further, and where
stores of features are filled. In bfloat16, on a processor that multiplies it, twelve blocks cost
what the graph takes for nine (.34 s of processor time a crop); logits of `clip_pairs`, spread by
4.1, then differ by .036 on average and .096 at most from those of the graph (40 crops;
benchmarks/clip_stores.py says it for any run).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from forensics.clip_graph import BLOCKS, GRID, HEADS, PATCH, PATCH_BLOCKS, WHOLE_BLOCK, WIDTH
from forensics.neural import CLIP_MEAN, CLIP_STD
from forensics.schema import Floats, Image

EPSILON = 1e-5
GATE = 1.702
"""CLIP's "quick" GELU is x * sigmoid(1.702 x)."""

Addition = Callable[[str, Tensor], Tensor | None]
"""Name of a matrix product and its (N, T, D) rows, of its kind -> what is added, or None."""


def nothing(_name: str, _rows: Tensor) -> None:
    """The addition that adds nothing: CLIP as it was published."""


@dataclass(frozen=True, eq=False)
class ClipFeatures:
    """What detectors read of N crops.

    Attributes:
        classes: (N, 12 * 768) float32, the class tokens of all blocks.
        readings: (N, 4 * 768) float32, the mean patch tokens of blocks 5 to 7 and the class token
            of block 9, as `clip_pairs` reads them.
    """

    classes: Floats
    readings: Floats


class ClipInTorch:
    """CLIP ViT-B/16 on batches of crops of one size, differentiable.

    Attributes:
        plain: by name, what is no matrix of a product: embeddings, biases, and the scales and
            shifts of the normalisations, float32.
    """

    def __init__(
        self,
        tensors: Mapping[str, NDArray[Any]],
        device: str = "cpu",
        kind: torch.dtype = torch.float32,
        added: Addition = nothing,
    ) -> None:
        """Take the weights as recovered: int8 matrices `NAME.weight` times their `NAME.scale`.

        Args:
            tensors: by name.
            device: where products are computed.
            kind: of the factors of matrix products; all else is float32.
            added: what training has put beside the products.
        """
        self._device, self._kind, self._added = device, kind, added
        self.plain: dict[str, Tensor] = {}
        self._products: dict[str, Tensor] = {}
        for name, stored in tensors.items():
            stem = name.removesuffix(".weight")
            if f"{stem}.scale" in tensors and name != f"{stem}.scale":
                matrix = stored.astype(np.float32) * tensors[f"{stem}.scale"].astype(np.float32)
                # Contiguous rows of the output: the layout that the product reads fastest.
                turned = torch.from_numpy(np.ascontiguousarray(matrix.T))
                self._products[stem] = turned.to(device, kind)
            elif not name.endswith(".scale"):
                self.plain[name] = torch.from_numpy(stored.astype(np.float32)).to(device)

    def streams(self, pixels: Tensor, last: int) -> Iterator[Tensor]:
        """Yield what each block up to `last` gives: the class token, then the patch tokens.

        Args:
            pixels: (N, 3, 16 h, 16 w) float32 RGB in [0, 255], sides up to 224 px.
            last: number of the last block, counted from 1.

        Yields:
            (N, 1 + h * w, 768) float32, patches in reading order.
        """
        stream = self._embedded(pixels.to(self._device))
        for block in range(last):
            stream = self._block(f"encoder.layers.{block}", stream)
            yield stream

    def reading(self, pixels: Tensor) -> Tensor:
        """What `clip_pairs` reads of crops: (N, 3, 16 h, 16 w) as above -> (N, 4 * 768)."""
        return _reading_of(list(self.streams(pixels, WHOLE_BLOCK)))

    @torch.inference_mode()
    def features(self, crops: Sequence[Image]) -> ClipFeatures:
        """Read N crops, all (16 h, 16 w, 3) uint8 RGB of one size up to 224 px."""
        streams = list(self.streams(pixels_of(crops), BLOCKS))
        classes = torch.cat([stream[:, 0] for stream in streams], dim=1)
        return ClipFeatures(*(part.cpu().numpy() for part in (classes, _reading_of(streams))))

    def _embedded(self, pixels: Tensor) -> Tensor:
        """The tokens that the first block gets, (N, 1 + h * w, 768), the class token first."""
        mean, deviation = (
            torch.from_numpy(each)[:, None, None].to(self._device) for each in (CLIP_MEAN, CLIP_STD)
        )
        kernel = self.plain["embeddings.patch_embedding.weight"]
        cells = functional.conv2d((pixels / 255 - mean) / deviation, kernel, stride=PATCH)
        rows, columns = cells.shape[2:]
        stored = self.plain["embeddings.position_embedding.weight"]
        # A smaller crop sits in the middle of the grid of positions.
        top, left = (GRID - rows) // 2, (GRID - columns) // 2
        grid = stored[1:].reshape(GRID, GRID, WIDTH)[top : top + rows, left : left + columns]
        first = stored[:1] + self.plain["embeddings.class_embedding"]
        tokens = cells.flatten(2).transpose(1, 2) + grid.reshape(-1, WIDTH)
        stream = torch.cat([first.expand(len(tokens), 1, WIDTH), tokens], dim=1)
        return self._normalised("pre_layrnorm", stream)

    def _block(self, name: str, stream: Tensor) -> Tensor:
        rows = self._normalised(f"{name}.layer_norm1", stream)
        stream = stream + self._attention(f"{name}.self_attn", rows)
        hidden = self._product(f"{name}.mlp.fc1", self._normalised(f"{name}.layer_norm2", stream))
        return stream + self._product(f"{name}.mlp.fc2", hidden * torch.sigmoid(GATE * hidden))

    def _attention(self, name: str, rows: Tensor) -> Tensor:
        query, key, value = (
            self._product(f"{name}.{part}_proj", rows)
            .unflatten(2, (HEADS, WIDTH // HEADS))
            .transpose(1, 2)
            .to(self._kind)
            for part in "qkv"
        )
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self._product(f"{name}.out_proj", mixed.transpose(1, 2).flatten(2))

    def _normalised(self, name: str, rows: Tensor) -> Tensor:
        scale, shift = self.plain[f"{name}.weight"], self.plain[f"{name}.bias"]
        return functional.layer_norm(rows, (WIDTH,), scale, shift, EPSILON)

    def _product(self, name: str, rows: Tensor) -> Tensor:
        """Rows times a matrix plus its bias and what training added, (N, T, D) float32."""
        factor = rows.to(self._kind)
        found = functional.linear(factor, self._products[name])
        result = found.float() + self.plain[f"{name}.bias"]
        extra = self._added(name, factor)
        return result if extra is None else result + extra


def _reading_of(streams: Sequence[Tensor]) -> Tensor:
    """Mean patch tokens and the class token, (N, 4 * 768), of the blocks' streams."""
    means = [streams[block - 1][:, 1:].mean(dim=1) for block in PATCH_BLOCKS]
    return torch.cat([*means, streams[WHOLE_BLOCK - 1][:, 0]], dim=1)


def pixels_of(crops: Sequence[Image]) -> Tensor:
    """N crops, (H, W, 3) uint8 RGB of one size -> (N, 3, H, W) float32 in [0, 255]."""
    stacked = np.stack(crops).transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(stacked, np.float32))
