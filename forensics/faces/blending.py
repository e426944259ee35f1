"""Lays a face into a picture: colours matched, edges blended. Arrays in, arrays out."""

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.faces.warping import Warped
from forensics.schema import Floats, Image, Map

SOLVED = 128
"""Longer side in px of the copy on which Poisson's equation is solved."""
EDGE = 0.4
_LEAST = 1e-6


def matched_colours(face: Image, target: Image, mask: Map) -> Image:
    """Give a face the target's mean and spread of lightness and colour within a mask.

    Reinhard et al. 2001, "Color Transfer between Images", in CIE Lab.

    Args:
        face: (h, w, 3) uint8 RGB.
        target: (h, w, 3) uint8 RGB.
        mask: (h, w) weights of the pixels that count; where it is empty, the face stays as it is.
    """
    if mask.max() <= 0:
        return face
    ours, theirs = (_lab(image) for image in (face, target))
    mean, spread = _moments(ours, mask)
    wanted_mean, wanted_spread = _moments(theirs, mask)
    # Shadows and highlights of one side only would stretch the other's contrast without end.
    gain = np.clip(wanted_spread / np.maximum(spread, _LEAST), 0.5, 2)
    return _rgb((ours - mean) * gain + wanted_mean)


def lay_into(
    image: Image, mask: Map, bent: Warped, share: Map, *, poisson: bool, recolour: bool = True
) -> None:
    """Lay a bent face into a picture and note in its mask where; both are changed in place.

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) float32 of what came from a generator so far.
        bent: the face and the region it fills.
        share: (h, w) float32, how much of each pixel of the region becomes the face's.
        poisson: clone gradients, or mix pixels.
        recolour: match colours first.
    """
    rows, columns = bent.region
    under = image[rows, columns]
    face = matched_colours(bent.image, under, share) if recolour else bent.image
    image[rows, columns] = (poisson_blended if poisson else mixed)(under, face, share)
    mask[rows, columns] = np.maximum(mask[rows, columns], share)


def mixed(target: Image, face: Image, mask: Map) -> Image:
    """Blend by a mask: (h, w, 3) uint8, the target's own bytes wherever the mask is 0."""
    share = mask[..., None]
    values = target.astype(np.float32) * (1 - share) + face.astype(np.float32) * share
    return np.rint(values).astype(np.uint8)


def poisson_blended(target: Image, face: Image, mask: Map) -> Image:
    """Lay a face into a target so that gradients stay and no edge shows.

    Pérez et al. 2003, "Poisson Image Editing", as OpenCV solves it. What it adds to the face is
    smooth, so it is solved on a copy of at most `SOLVED` px and enlarged.

    Args:
        target: (h, w, 3) uint8 RGB.
        face: (h, w, 3) uint8 RGB, already of the target's colours.
        mask: (h, w) float32, soft; the face's edge is where it is `EDGE`, within the skin, for hair
            and background around it would bleed in.
    """
    height, width = mask.shape
    scale = min(1.0, SOLVED / max(height, width))
    size = max(3, round(width * scale)), max(3, round(height * scale))
    small_target, small_face = (_resized(image, size) for image in (target, face))
    inside = (cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > EDGE).astype(np.uint8)
    added = _membrane(small_target, small_face, inside)
    moved = face + cv2.resize(added, (width, height), interpolation=cv2.INTER_LINEAR)
    return mixed(target, np.rint(np.clip(moved, 0, 255)).astype(np.uint8), mask)


def _membrane(target: Image, face: Image, inside: Image) -> Floats:
    """What Poisson's equation adds to a face where `inside` is 1: (h, w, 3) float32."""
    # The solver needs a border of known pixels on every side.
    inside[[0, -1]] = 0
    inside[:, [0, -1]] = 0
    rows, columns = np.nonzero(inside)
    if not rows.size:
        return np.zeros(face.shape, np.float32)
    # OpenCV centres the mask's rectangle on this point.
    middle = [int(side.min() + side.max() + 1) // 2 for side in (columns, rows)]
    cloned = cv2.seamlessClone(face, target, inside * 255, middle, cv2.NORMAL_CLONE)
    added = np.where(inside[..., None] > 0, cloned.astype(np.float32) - face, 0)
    # Beyond the edge as at it: enlarged, nothing of the zeros outside must leak in.
    known = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 3)[..., None]
    spread = cv2.GaussianBlur(added, (0, 0), 3) / np.maximum(known, _LEAST)
    return np.asarray(np.where(inside[..., None] > 0, added, spread * (known > _LEAST)), np.float32)


def _resized(image: Image, size: tuple[int, int]) -> Image:
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _moments(values: Floats, mask: Map) -> tuple[Floats, Floats]:
    weights = (mask / mask.sum())[..., None]
    mean = (values * weights).sum(axis=(0, 1))
    variance = ((values - mean) ** 2 * weights).sum(axis=(0, 1))
    return np.asarray(mean, np.float32), np.asarray(np.sqrt(variance), np.float32)


def _lab(image: Image) -> Floats:
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def _rgb(values: NDArray[np.floating]) -> Image:
    colours = cv2.cvtColor(np.ascontiguousarray(values, np.float32), cv2.COLOR_LAB2RGB)
    return np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8)
