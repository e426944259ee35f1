"""Masks of faces from their landmarks. Arrays in, arrays out; (68, 2) landmarks in px."""

import cv2
import numpy as np

from forensics.faces.landmarks import JAW
from forensics.schema import Floats, Map

BROWS, INNER_LIPS = slice(17, 27), slice(60, 68)
_FIXED_POINT = 4
"""Bits behind the point with which cv2 draws corners."""


def with_forehead(landmarks: Floats, rise: float) -> Floats:
    """The 68 landmarks, the brows moved up by `rise` heights from chin to brows: (68, 2)."""
    raised = landmarks.astype(np.float32)
    up = raised[BROWS].mean(axis=0) - raised[8]
    raised[BROWS] += rise * up
    return raised


def hull_mask(points: Floats, shape: tuple[int, ...]) -> Map:
    """Fill the convex hull of (N, 2) points in a picture of `shape`: (H, W) float32, 0 or 1."""
    hull = cv2.convexHull(np.ascontiguousarray(points, np.float32))
    return polygon_mask(np.asarray(hull.reshape(-1, 2), np.float32), shape)


def polygon_mask(points: Floats, shape: tuple[int, ...]) -> Map:
    """Fill a polygon of (N, 2) corners: (H, W) float32, soft over the pixels of its edge."""
    mask = np.zeros(shape[:2], np.uint8)
    # cv2 puts pixel centres on integers, landmarks count from the outer corner.
    corners = np.rint((points - 0.5) * 2**_FIXED_POINT).astype(np.int32)
    cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA, _FIXED_POINT)
    return np.asarray(mask / np.float32(255), np.float32)


def face_width(landmarks: Floats) -> float:
    """The distance between both ends of the jaw, in px; never below 1."""
    jaw = landmarks[JAW]
    return max(float(np.linalg.norm(jaw[-1] - jaw[0])), 1.0)


def softened(mask: Map, width: float) -> Map:
    """Let a mask rise from 0 at its edge to 1 within `width` px inwards; it stays 0 where it was.

    The picture's border counts as an edge.
    """
    inside = cv2.copyMakeBorder((mask > 0).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    share = np.clip(depth / max(width, 1.0), 0, 1)
    # No corner at either end (smoothstep).
    return np.asarray(np.minimum(share * share * (3 - 2 * share), mask), np.float32)


def mouth_opening(landmarks: Floats) -> float:
    """How far the lips are apart, in widths of the mouth."""
    inner = landmarks[INNER_LIPS]
    gaps = np.linalg.norm(inner[[1, 2, 3]] - inner[[7, 6, 5]], axis=1)
    return float(gaps.mean() / max(float(np.linalg.norm(inner[4] - inner[0])), 1e-6))
