"""Networks at examination time: onnxruntime on a CPU.

Crops run one at a time, so that no score depends on its neighbours.
"""

import os
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from forensics.plugins import backbones
from forensics.schema import Floats, Image
from forensics.traces.crops import crop_areas, fitting_side, padded
from forensics.weights import file_named, verified_path

CLIP_MEAN = np.asarray([0.48145466, 0.4578275, 0.40821073], np.float32)
CLIP_STD = np.asarray([0.26862954, 0.26130258, 0.27577711], np.float32)
CLIP_PATCH = 16
CLIP_SIDE = 224
"""The largest side of a crop; smaller ones are multiples of 16 px."""
CLIP_WIDTH = 3 * 768
KEPT = 16
"""Crops whose patch tokens stay in memory: a map costs nothing after a score, and whatever else
reads the same crops of a picture nothing either."""


@cache
def session(path: Path, threads: int = 0) -> Any:
    """Open an ONNX file, already verified, once a process.

    `threads` 0 takes as many as `$FORENSICS_THREADS` says, else all cores.
    """
    return session_of(path.read_bytes(), threads)


def session_of(model: bytes, threads: int = 0) -> Any:
    """Open an ONNX model from its bytes; `threads` as in `session`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or int(os.environ.get("FORENSICS_THREADS", "0"))
    options.log_severity_level = 3
    # Threads that spin while they wait take the processor from whatever else runs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run_each(path: Path, crops: Sequence[Image], mean: Floats, std: Floats) -> Floats:
    """Run a network on crops one by one; its only input takes (1, 3, H, W) float32.

    Args:
        path: the ONNX file, already verified.
        crops: N crops, each (H, W, 3) uint8 RGB.
        mean: (3,) float32 in [0, 1], subtracted from the pixels in [0, 1].
        std: (3,) float32, divides the difference.

    Returns:
        (N, ...) float32, the network's first output.
    """
    network = session(path)
    name = network.get_inputs()[0].name
    return np.concatenate(
        [network.run(None, {name: normalised(crop, mean, std)})[0] for crop in crops]
    )


def clip_patches(crop: Image) -> Floats:
    """Patch tokens of blocks 5 to 7 of CLIP ViT-B/16, side by side: (h, w, 2304) float32.

    Args:
        crop: (16 h, 16 w, 3) uint8 RGB, sides from 16 to 224 px.

    Raises:
        WeightsUnavailable: the backbone has not been pulled; the message has the command.
    """
    rows, columns = crop.shape[0] // CLIP_PATCH, crop.shape[1] // CLIP_PATCH
    if crop.shape != (rows * CLIP_PATCH, columns * CLIP_PATCH, 3) or max(crop.shape) > CLIP_SIDE:
        raise ValueError(f"a crop's sides must be multiples of 16 up to 224, got {crop.shape}")
    card = backbones()["clip_vit_b16"]
    path = verified_path(card, file_named(card, ".onnx"))
    return run_each(path, [crop], CLIP_MEAN, CLIP_STD).reshape(rows, columns, CLIP_WIDTH)


def clip_tokens(crop: Image) -> Floats:
    """As `clip_patches`; the latest `KEPT` crops are computed once. Not to be written to."""
    return _kept_tokens(crop.tobytes(), crop.shape)


@lru_cache(KEPT)
def _kept_tokens(pixels: bytes, shape: tuple[int, ...]) -> Floats:
    tokens = clip_patches(np.frombuffer(pixels, np.uint8).reshape(shape))
    tokens.setflags(write=False)
    return tokens


def clip_areas(image: Image, at_most: int) -> list[tuple[slice, slice]]:
    """Where CLIP looks in a picture: at most so many native crops of whole patches."""
    side = fitting_side(image, CLIP_SIDE, CLIP_PATCH)
    return crop_areas(image.shape[:2], side, at_most)


def clip_means(image: Image, at_most: int) -> Floats:
    """Mean patch tokens of at most so many native crops of a picture, (k, 2304) float32."""
    crops = [padded(image[area], CLIP_PATCH) for area in clip_areas(image, at_most)]
    return np.stack([clip_tokens(crop).mean(axis=(0, 1)) for crop in crops])


def normalised(crop: Image, mean: Floats, std: Floats) -> Floats:
    """Turn (H, W, 3) uint8 RGB into a batch of one, (1, 3, H, W) float32, less mean over std."""
    values = (crop.astype(np.float32) / 255 - mean) / std
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])
