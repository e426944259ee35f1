"""Writes onto a picture, for everybody to see, that it is a fake."""

import cv2
import numpy as np

from forensics.schema import Image

WORDS = "SYNTHETIC"
_SHARE = 0.035
"""Height of the letters, in shorter sides of the picture."""
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_HEIGHT = 22.0
"""Px of a capital letter at scale 1."""


def marked(image: Image) -> Image:
    """Return a copy with white words on a dark strip in the lower left corner.

    Args:
        image: (H, W, 3) uint8 RGB of any size; very small ones are filled by the strip.
    """
    made = np.ascontiguousarray(image.copy())
    height, width = made.shape[:2]
    scale = max(min(height, width) * _SHARE, 6.0) / _FONT_HEIGHT
    thickness = max(1, round(2 * scale))
    (across, up), below = cv2.getTextSize(WORDS, _FONT, scale, thickness)
    margin = max(2, round(up * 0.6))
    top = max(0, height - up - below - 2 * margin)
    right = min(width, across + 2 * margin)
    strip = made[top:, :right]
    made[top:, :right] = (strip * 0.35).astype(np.uint8)
    place = (margin, height - margin - below)
    return cv2.putText(
        made, WORDS, place, _FONT, scale, (255, 255, 255), thickness, cv2.LINE_AA
    ).astype(np.uint8, copy=False)
