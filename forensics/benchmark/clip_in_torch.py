"""CLIP's blocks in torch, so that gradients reach the pixels.

The same numbers as the graph of `forensics.clip_recovery`, which a CPU runs at examination; used
where a detector is attacked, nowhere else.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from forensics.clip_recovery import GRID, HEADS, PATCH, PATCH_BLOCKS, WHOLE_BLOCK, WIDTH
from forensics.neural import CLIP_MEAN, CLIP_STD

EPSILON = 1e-5
GATE = 1.702
"""CLIP's "quick" GELU is x * sigmoid(1.702 x)."""


class ClipInTorch:
    """Tokens of CLIP's blocks as a differentiable function of pixels."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Widen the stored weights: int8 matrices `NAME.weight` times their `NAME.scale`."""
        self._tensors = {
            name: torch.from_numpy(_widened(tensors, name))
            for name in tensors
            if not name.endswith(".scale")
        }

    def reading(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Patch tokens of blocks 5 to 7, and the class token of block 9.

        Args:
            pixels: (3, 16 h, 16 w) float32 RGB in [0, 255], sides up to 224 px.

        Returns:
            (h * w, 2304) float32 in reading order, and (768,) float32.
        """
        streams = list(self.streams(pixels, WHOLE_BLOCK))
        patches = torch.cat([streams[block - 1][1:] for block in PATCH_BLOCKS], dim=1)
        return patches, streams[WHOLE_BLOCK - 1][0]

    def streams(self, pixels: Tensor, last: int) -> Iterator[Tensor]:
        """Yield what each block up to `last` gives: the class token, then the patch tokens.

        Args:
            pixels: as for `reading`.
            last: number of the last block, counted from 1.
        """
        stream = self._embedded(pixels)
        for block in range(last):
            stream = self._block(f"encoder.layers.{block}", stream)
            yield stream

    def _embedded(self, pixels: Tensor) -> Tensor:
        """The tokens that the first block gets, (1 + h * w, 768); the class token comes first."""
        mean, deviation = (torch.from_numpy(each)[:, None, None] for each in (CLIP_MEAN, CLIP_STD))
        kernel = self._tensors["embeddings.patch_embedding.weight"]
        cells = functional.conv2d(((pixels / 255 - mean) / deviation)[None], kernel, stride=PATCH)
        rows, columns = cells.shape[2:]
        stored = self._tensors["embeddings.position_embedding.weight"]
        # A smaller crop sits in the middle of the grid of positions.
        top, left = (GRID - rows) // 2, (GRID - columns) // 2
        grid = stored[1:].reshape(GRID, GRID, WIDTH)[top : top + rows, left : left + columns]
        first = stored[:1] + self._tensors["embeddings.class_embedding"]
        tokens = cells[0].flatten(1).T + grid.reshape(-1, WIDTH)
        return self._normalised("pre_layrnorm", torch.cat([first, tokens]))

    def _block(self, name: str, stream: Tensor) -> Tensor:
        rows = self._normalised(f"{name}.layer_norm1", stream)
        stream = stream + self._attention(f"{name}.self_attn", rows)
        hidden = self._linear(f"{name}.mlp.fc1", self._normalised(f"{name}.layer_norm2", stream))
        return stream + self._linear(f"{name}.mlp.fc2", hidden * torch.sigmoid(GATE * hidden))

    def _attention(self, name: str, rows: Tensor) -> Tensor:
        query, key, value = (
            self._linear(f"{name}.{part}_proj", rows)
            .reshape(len(rows), HEADS, WIDTH // HEADS)
            .transpose(0, 1)
            for part in "qkv"
        )
        mixed = functional.scaled_dot_product_attention(query[None], key[None], value[None])[0]
        return self._linear(f"{name}.out_proj", mixed.transpose(0, 1).reshape(len(rows), WIDTH))

    def _normalised(self, name: str, rows: Tensor) -> Tensor:
        scale, shift = self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"]
        return functional.layer_norm(rows, (WIDTH,), scale, shift, EPSILON)

    def _linear(self, name: str, rows: Tensor) -> Tensor:
        return rows @ self._tensors[f"{name}.weight"] + self._tensors[f"{name}.bias"]


def _widened(tensors: Mapping[str, NDArray[Any]], name: str) -> NDArray[np.float32]:
    scale = tensors.get(name.removesuffix("weight") + "scale", np.float32(1))
    return np.asarray(tensors[name].astype(np.float32) * scale, np.float32)
