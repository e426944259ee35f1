"""What a generator leaves in the spectrum: mean power of noise residuals, as a picture."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from forensics.benchmark.fuel import public_photograph
from forensics.errors import ForensicsError
from forensics.generator import Manipulator, Swapper
from forensics.schema import Floats, Image
from forensics.traces.noise import luma, residual

LARGEST = 256
"""Px of the tile that larger pictures are cut to, around their middle."""
EXAMPLE = 192
"""Px of an example's sides, at native resolution."""
FLOOR = 1e-6
"""Power a pixel below which a spectrum is not followed."""


@dataclass(frozen=True, eq=False)
class Trace:
    """A mean spectrum and what it was taken of.

    `power`: (S, S) float32 in dB, 0 dB white noise of one grey level, frequency 0 in the middle;
    None where there is none, and `of` says why. `example`: (H, W, 3) uint8, the middle of a
    photograph beside what became of it; None for those that need none.
    """

    power: Floats | None
    of: str
    example: Image | None = None


def mean_power(fields: Iterable[Floats]) -> Floats:
    """Mean power spectrum in dB of (H, W) float32 fields of one size, in grey levels.

    Raises:
        ValueError: no field was given.
    """
    total: Any = 0.0
    count = 0
    for field in fields:
        tile = _middle(field)
        taper = np.hanning(len(tile) + 1)[:-1]
        window = np.outer(taper, taper)
        total = total + np.abs(np.fft.fft2(tile * window)) ** 2 / np.square(window).sum()
        count += 1
    if not count:
        raise ValueError("a spectrum needs pictures; there are none")
    return np.asarray(10 * np.log10(np.fft.fftshift(total / count) + FLOOR), np.float32)


def _middle(field: Floats) -> Floats:
    side = min(*field.shape, LARGEST) // 8 * 8 or min(field.shape)
    top, left = ((size - side) // 2 for size in field.shape)
    return field[top : top + side, left : left + side]


def spectrum_of(pictures: Sequence[Image]) -> Floats:
    """Mean residual power of pictures of one size."""
    return mean_power(residual(luma(picture)) for picture in pictures)


def trace_of(plugin: Any, made: Sequence[Image], photographs: Sequence[Image] = ()) -> Trace:
    """The trace of a generator: of pictures it made, or of what it changes in photographs.

    Args:
        plugin: the generator.
        made: its samples; empty for one that changes photographs.
        photographs: what such a one changes; without any, a public-domain portrait.
    """
    if isinstance(plugin, Swapper):
        return Trace(None, "swaps need two people's pictures: see docs/results/fuel-swaps.md")
    if not isinstance(plugin, Manipulator):
        return Trace(spectrum_of(made), f"noise residuals of {len(made)} samples")
    try:
        given = photographs or [public_photograph()]
        changed, masks = plugin.apply(given, seed=0)
    except ForensicsError as error:
        return Trace(None, str(error))
    apart = [
        luma(after) - luma(before)
        for after, before, mask in zip(changed, given, masks, strict=True)
        if mask.any()
    ]
    if not apart:
        return Trace(None, "nothing to change was found in the given photographs")
    side = min(min(field.shape) for field in apart)
    power = mean_power(field[:side, :side] for field in apart)
    counted = f"{len(apart)} photograph{'s' if len(apart) > 1 else ''}"
    example = np.concatenate([_shown(given[0]), _shown(changed[0])], axis=1)
    return Trace(power, f"changes made to {counted}", example)


def _shown(image: Image) -> Image:
    top, left = (max(0, size - EXAMPLE) // 2 for size in image.shape[:2])
    return image[top : top + EXAMPLE, left : left + EXAMPLE]


def draw_spectrum(path: Path, trace: Trace) -> None:
    """Draw a trace, frequency 0 in the middle, from its 1st to its 99.5th percentile."""
    from matplotlib.figure import Figure as Canvas

    assert trace.power is not None
    canvas = Canvas(figsize=(3.2, 2.7), layout="constrained")
    axes = canvas.subplots()
    low, high = np.percentile(trace.power, [1, 99.5])
    shown = axes.imshow(
        trace.power, vmin=low, vmax=high, cmap="magma", extent=(-0.5, 0.5, -0.5, 0.5)
    )
    axes.set(xlabel="cycles a pixel", xticks=[-0.5, 0, 0.5], yticks=[-0.5, 0, 0.5])
    canvas.colorbar(shown, label="dB")
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.savefig(path, dpi=90)
