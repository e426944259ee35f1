"""Networks at examination time: onnxruntime on a CPU.

Crops run one at a time, so that no score depends on its neighbours.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from forensics.keeping import once
from forensics.plugins import backbones
from forensics.schema import Floats, Image
from forensics.traces.crops import crop_areas, fitting_side, padded
from forensics.weights import file_named, load_tensors, verified_path

CLIP_MEAN = np.asarray([0.48145466, 0.4578275, 0.40821073], np.float32)
CLIP_STD = np.asarray([0.26862954, 0.26130258, 0.27577711], np.float32)
CLIP_PATCH = 16
CLIP_SIDE = 224
"""The largest side of a crop; smaller ones are multiples of 16 px."""
CLIP_WIDTH = 3 * 768
EXACT = 255 * 127 * 2
"""What CLIP's graph says where sums of 8-bit products are not saturated."""
KEPT = 16
"""Crops whose patch tokens stay in memory: whatever reads the crops of a score again, as a map and
other analyses do, costs nothing."""


@once
def session(path: Path, threads: int = 0) -> Any:
    """Open an ONNX file, already verified, once a process, whichever threads ask for it.

    `threads` 0 takes as many as `$FORENSICS_THREADS` says, else all cores.
    """
    return session_of(path, threads)


def session_of(model: bytes | Path, threads: int = 0) -> Any:
    """Open an ONNX model from its bytes or its file; `threads` as in `session`."""
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


@dataclass(frozen=True, eq=False)
class ClipReading:
    """What CLIP ViT-B/16 says of a crop of h x w patches; not to be written to.

    `patches`: (h, w, 2304) float32, patch tokens of blocks 5 to 7, side by side; `whole`: (768,)
    float32, the class token of block 9, which has looked at all of them.
    """

    patches: Floats
    whole: Floats


def clip_reading(crop: Image) -> ClipReading:
    """Read a crop, (16 h, 16 w, 3) uint8 RGB, sides from 16 to 224 px.

    The latest `KEPT` crops are computed once, whoever asks.

    Raises:
        WeightsUnavailable: the backbone has not been pulled; the message has the command.
    """
    cells = crop.shape[0] // CLIP_PATCH, crop.shape[1] // CLIP_PATCH
    wanted = (cells[0] * CLIP_PATCH, cells[1] * CLIP_PATCH, 3)
    if crop.shape != wanted or not all(cells) or max(crop.shape) > CLIP_SIDE:
        raise ValueError(f"a crop's sides must be multiples of 16 up to 224, got {crop.shape}")
    return _kept_reading(crop.tobytes(), crop.shape)


def clip_readings(crops: Sequence[Image]) -> list[ClipReading]:
    """Read crops as `clip_reading` does: one on each core, or all cores on one after the other."""
    with ThreadPoolExecutor(max(1, min(len(crops), _cores())) if _crop_a_core() else 1) as pool:
        return list(pool.map(clip_reading, crops))


def prepare_clip() -> None:
    """Open CLIP in a process that examines: every core is to read a crop of its own.

    That takes an eighth less of the processor than cores that share out each product of one crop
    and wait for each other; a single crop takes longer. The first use of CLIP decides.
    """
    _EXAMINING.set()
    clip_network()


_EXAMINING = Event()


@once
def _crop_a_core() -> bool:
    return _EXAMINING.is_set()


@once
def clip_network() -> Any:
    """The session of CLIP; raises what `clip_reading` raises."""
    return open_clip(1 if _crop_a_core() else 0)


def open_clip(threads: int) -> Any:
    """Open CLIP; `threads` as in `session`; raises what `clip_reading` raises.

    Where the processor saturates sums of 8-bit products, the same weights are multiplied in
    float32: features then differ by half a thousandth, and take longer.
    """
    card = backbones()["clip_vit_b16"]
    network = session(verified_path(card, file_named(card, ".onnx")), threads)
    return network if multiplies_exactly(network) else float_network(threads)


def multiplies_exactly(network: Any) -> bool:
    """Whether CLIP's graph finds this processor's sums of 8-bit products to be right."""
    smallest = np.zeros((1, 3, CLIP_PATCH, CLIP_PATCH), np.float32)
    return bool((network.run(["exact"], {"crops": smallest})[0] == EXACT).all())


def float_network(threads: int) -> Any:
    """CLIP as it runs on processors without exact 8-bit products."""
    # Building a graph takes onnx, which nothing else here needs.
    from forensics.clip_graph import build_graph
    from forensics.clip_products import in_floats

    model = build_graph(load_tensors(backbones()["clip_vit_b16"]), in_floats)
    return session_of(model.SerializeToString(), threads)


def _cores() -> int:
    """What `$FORENSICS_THREADS` says, else the cores that this process may use."""
    if chosen := int(os.environ.get("FORENSICS_THREADS", "0")):
        return chosen
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(KEPT)
def _kept_reading(pixels: bytes, shape: tuple[int, ...]) -> ClipReading:
    crop = np.frombuffer(pixels, np.uint8).reshape(shape)
    batch = normalised(crop, CLIP_MEAN, CLIP_STD)
    patches, whole = clip_network().run(["patches", "whole"], {"crops": batch})
    grid = patches.reshape(shape[0] // CLIP_PATCH, shape[1] // CLIP_PATCH, CLIP_WIDTH)
    for array in (grid, whole):
        array.setflags(write=False)
    return ClipReading(grid, whole.reshape(-1))


def clip_patches(crop: Image) -> Floats:
    """The `patches` of `clip_reading`."""
    return clip_reading(crop).patches


def clip_areas(image: Image, at_most: int) -> list[tuple[slice, slice]]:
    """Where CLIP looks in a picture: at most so many native crops of whole patches."""
    side = fitting_side(image, CLIP_SIDE, CLIP_PATCH)
    return crop_areas(image.shape[:2], side, at_most)


def clip_means(image: Image, at_most: int) -> Floats:
    """Mean patch tokens of at most so many native crops of a picture, (k, 2304) float32."""
    crops = [padded(image[area], CLIP_PATCH) for area in clip_areas(image, at_most)]
    return np.stack([reading.patches.mean(axis=(0, 1)) for reading in clip_readings(crops)])


def normalised(crop: Image, mean: Floats, std: Floats) -> Floats:
    """Turn (H, W, 3) uint8 RGB into a batch of one, (1, 3, H, W) float32, less mean over std."""
    values = (crop.astype(np.float32) / 255 - mean) / std
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])
