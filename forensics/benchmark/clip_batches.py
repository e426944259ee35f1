"""CLIP's features of many crops at once, through torch: for filling stores, never for verdicts.

onnxruntime computes one crop at a time in single precision, and for each detector anew. Here one
pass serves all; in bfloat16 on a processor that multiplies it, twelve blocks cost what the graph
takes for nine (.34 s of processor time a crop). Logits of `clip_pairs`, spread by 4.1, then differ
by .036 on average and .096 at most from those of the graph (40 crops; benchmarks/clip_stores.py
says it for any run).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from forensics.clip_recovery import BLOCKS, GRID, HEADS, PATCH, PATCH_BLOCKS, WHOLE_BLOCK, WIDTH
from forensics.neural import CLIP_MEAN, CLIP_STD
from forensics.schema import Floats, Image

EPSILON = 1e-5
GATE = 1.702
"""CLIP's "quick" GELU is x * sigmoid(1.702 x)."""


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


class ClipBatches:
    """CLIP ViT-B/16 on batches of crops of one size."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]], device: str, kind: torch.dtype) -> None:
        """Take the weights as recovered; products are computed on `device` in `kind`."""
        self._device, self._kind = device, kind
        self._plain: dict[str, Tensor] = {}
        self._products: dict[str, Tensor] = {}
        for name, stored in tensors.items():
            stem = name.removesuffix(".weight")
            if f"{stem}.scale" in tensors and name != f"{stem}.scale":
                matrix = stored.astype(np.float32) * tensors[f"{stem}.scale"].astype(np.float32)
                # Contiguous rows of the output: the layout that the product reads fastest.
                turned = torch.from_numpy(np.ascontiguousarray(matrix.T))
                self._products[stem] = turned.to(device, kind)
            elif not name.endswith(".scale"):
                self._plain[name] = torch.from_numpy(stored.astype(np.float32)).to(device)

    @torch.inference_mode()
    def features(self, crops: Sequence[Image]) -> ClipFeatures:
        """Read N crops, all (16 h, 16 w, 3) uint8 RGB of one size up to 224 px."""
        stream = self._embedded(np.stack(crops))
        classes, means = [], []
        for block in range(BLOCKS):
            stream = self._block(f"encoder.layers.{block}", stream)
            classes.append(stream[:, 0])
            if block + 1 in PATCH_BLOCKS:
                means.append(stream[:, 1:].mean(dim=1))
        readings = [*means, classes[WHOLE_BLOCK - 1]]
        both = (torch.cat(parts, dim=1).cpu().numpy() for parts in (classes, readings))
        return ClipFeatures(*both)

    def _embedded(self, crops: NDArray[np.uint8]) -> Tensor:
        """What the first block gets, (N, 1 + h * w, 768); the class token comes first."""
        pixels = (crops.astype(np.float32) / 255 - CLIP_MEAN) / CLIP_STD
        batch = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
        kernel = self._plain["embeddings.patch_embedding.weight"]
        cells = functional.conv2d(batch.to(self._device), kernel, stride=PATCH)
        rows, columns = cells.shape[2:]
        stored = self._plain["embeddings.position_embedding.weight"]
        # A smaller crop sits in the middle of the grid of positions.
        top, left = (GRID - rows) // 2, (GRID - columns) // 2
        grid = stored[1:].reshape(GRID, GRID, WIDTH)[top : top + rows, left : left + columns]
        first = stored[:1] + self._plain["embeddings.class_embedding"]
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
        scale, shift = self._plain[f"{name}.weight"], self._plain[f"{name}.bias"]
        return functional.layer_norm(rows, (WIDTH,), scale, shift, EPSILON)

    def _product(self, name: str, rows: Tensor) -> Tensor:
        """Rows times a matrix plus its bias, (..., D) float32."""
        found = functional.linear(rows.to(self._kind), self._products[name])
        return found.float() + self._plain[f"{name}.bias"]
