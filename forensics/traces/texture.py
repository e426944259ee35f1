"""High-frequency energy: measured, and given back to a picture that lost or gained some."""

import cv2
import numpy as np

from forensics.schema import Floats, Image

WINDOW = 33
"""Side of the window, in px, in which energies are compared."""
GAIN = (0.5, 2.0)
"""How much one round may change a frequency's amplitude."""
ROUNDS = 5
"""The filter passes part of what it is scaled by, so that one round falls short."""


def high_frequencies(picture: Floats) -> Floats:
    """What a 3 x 3 mean leaves of (H, W, 3) float32, same shape."""
    mean = cv2.blur(picture, (3, 3), borderType=cv2.BORDER_REPLICATE).reshape(picture.shape)
    return np.asarray(picture - mean, np.float32)


def high_frequency_energy(image: Image) -> float:
    """Mean square of a picture's high frequencies, in levels of 255 squared.

    image: (H, W, 3) uint8 RGB.
    """
    return float(np.square(high_frequencies(image.astype(np.float32))).mean())


def with_texture_of(image: Image, made: Floats) -> Image:
    """Scale the high frequencies of `made` so that their local energy is that of `image`.

    Blur or sharpness alone then tells nothing of the decoder that a picture went through; what its
    high frequencies look like stays the decoder's.

    Args:
        image: (H, W, 3) uint8 RGB, the parent.
        made: (H, W, 3) float, levels of 255, the decoder's output.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    result = np.ascontiguousarray(made, np.float32)
    wanted = _local_energy(high_frequencies(image.astype(np.float32)))
    for _ in range(ROUNDS):
        detail = high_frequencies(result)
        gain = np.clip(np.sqrt((wanted + 1e-2) / (_local_energy(detail) + 1e-2)), *GAIN)
        result = np.asarray(result + (gain[..., None] - 1) * detail, np.float32)
    return np.clip(np.rint(result), 0, 255).astype(np.uint8)


def _local_energy(detail: Floats) -> Floats:
    energy = np.square(detail).mean(axis=2)
    window = (WINDOW, WINDOW)
    return np.asarray(cv2.blur(energy, window, borderType=cv2.BORDER_REFLECT_101), np.float32)
