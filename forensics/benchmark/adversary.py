"""Pictures changed so little that nobody sees it, on purpose against a detector: PGD.

Projected gradient descent (Madry et al. 2018) within a largest change of every value. What comes
back is a picture of whole levels, so that it can be saved and examined like any other.
"""

import numpy as np
import torch

from forensics.benchmark.gradients import Logit, pixels_of
from forensics.schema import Image

STEPS = 10
STRIDE = 2.5
"""Strides add up to so many times the largest change: far enough to reach any corner of it."""
TO_REAL, TO_FAKE = -1, 1
"""Which way a picture is pushed."""


def attacked(image: Image, logit: Logit, *, most: int, towards: int, seed: int) -> Image:
    """Push a picture's logit as far as possible while no value changes by more than `most` levels.

    Args:
        image: (H, W, 3) uint8 RGB, of a size that `logit` takes.
        logit: what is climbed.
        most: the largest change of a value, in levels of 255.
        towards: `TO_FAKE` raises the logit, `TO_REAL` lowers it.
        seed: draws where the climb starts.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    given = pixels_of(image)
    low, high = (given - most).clamp(0, 255), (given + most).clamp(0, 255)
    start = np.random.default_rng(seed).uniform(-most, most, tuple(given.shape))
    pixels = (given + torch.from_numpy(start.astype(np.float32))).clamp(low, high)
    for _ in range(STEPS):
        pixels.requires_grad_()
        (slope,) = torch.autograd.grad(logit(pixels), pixels)
        stride = towards * STRIDE * most / STEPS
        pixels = (pixels.detach() + stride * slope.sign()).clamp(low, high)
    return np.ascontiguousarray(np.rint(pixels.numpy()).astype(np.uint8).transpose(1, 2, 0))
