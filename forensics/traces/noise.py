"""The noise residual: what is left of a picture when its content is taken away."""

import cv2
import numpy as np

from forensics.schema import Floats, Image


def luma(image: Image) -> Floats:
    """BT.601 luma of (H, W, 3) uint8 RGB: (H, W) float32 in grey levels, 0 to 255."""
    weights = np.array([[0.299, 0.587, 0.114]], dtype=np.float32)
    gray = cv2.transform(image.astype(np.float32), weights)
    return np.asarray(gray, dtype=np.float32).reshape(image.shape[:2])


def residual(gray: Floats) -> Floats:
    """(H, W) float32 grey levels minus their 3x3 median, which keeps edges out of the residual."""
    return np.asarray(gray - cv2.medianBlur(gray, 3).reshape(gray.shape), dtype=np.float32)


def normalised(values: Floats, window: int = 9) -> Floats:
    """Divide a residual by its local standard deviation, so that no texture outweighs the rest.

    Args:
        values: (H, W) float32 in grey levels, mean near 0.
        window: side in px of the square over which the deviation is taken.
    """
    power = cv2.boxFilter(values * values, -1, (window, window))
    # Half a grey level: below it there is only the rounding to 8 bits.
    return np.asarray(values / np.sqrt(power + 0.25), dtype=np.float32)
