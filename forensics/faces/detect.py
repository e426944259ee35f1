"""Finds faces: the MTCNN cascade on a reduced copy, turned copies where nothing stands upright."""

import numpy as np

from forensics.faces import cascade
from forensics.faces.mtcnn import Found, search
from forensics.schema import Face, Floats, Image

LONGEST = 768
"""Longest side in px of the copy that is searched."""
SMALLEST = 20
"""Smallest face in px of the searched copy."""
CONFIDENT = 0.9
"""Where no upright face reaches it, turned copies are searched; what is found there must."""
TURNED_LARGER = 2
"""A turned face must be this much larger than an upright one, which makes turns four times faster.
"""


def find_faces(image: Image, *, at_least: int = 20, turns: bool = True) -> list[Face]:
    """Find the faces of a picture, most confident first.

    A picture longer than `LONGEST` px is searched in a reduced copy, where the smallest face
    found is `SMALLEST` px of that copy. Faces turned by 90, 180 or 270 degrees are looked for only
    where no upright one is found with confidence, because each turn costs a whole search.

    Args:
        image: (H, W, 3) uint8 RGB, from 1 x 1 px up.
        at_least: shorter side in px of the smallest face wanted, 12 or more.
        turns: whether to look for turned faces.

    Returns:
        Faces with boxes and landmarks in px of `image`, boxes clipped to it.

    Raises:
        ValueError: `image` is not (H, W, 3) uint8 or is empty, or `at_least` is below 12.
        WeightsUnavailable: the networks' files are missing.
        WeightsCorrupt: they are not what their card promises.
    """
    _check(image, at_least)
    height, width = image.shape[:2]
    shrink = min(1.0, LONGEST / max(height, width))
    copy = np.ascontiguousarray(image)
    if shrink < 1:
        copy = cascade.resized(copy, round(width * shrink), round(height * shrink))
    found = _search_turns(copy, max(at_least * shrink, min(at_least, SMALLEST)), turns)
    scale = np.asarray([width / copy.shape[1], height / copy.shape[0]], dtype=np.float32)
    limits = np.asarray([width, height] * 2, dtype=np.float32)
    boxes = np.clip(found.boxes * np.tile(scale, 2), 0, limits)
    return [
        face
        for box, points, confidence in zip(boxes, found.landmarks, found.confidence, strict=True)
        if (face := Face(box, points * scale, float(confidence))).size >= at_least
    ]


def _check(image: Image, at_least: int) -> None:
    if image.shape[2:] != (3,) or image.dtype != np.uint8 or not image.size:
        raise ValueError(
            f"a picture must be (H, W, 3) uint8 with at least one pixel, "
            f"got {image.shape} {image.dtype}"
        )
    if at_least < cascade.WINDOW:
        raise ValueError(f"at_least must be {cascade.WINDOW} px or more, got {at_least}")


def _search_turns(image: Image, smallest: float, turns: bool) -> Found:
    upright = search(image, smallest)
    if not turns or (upright.confidence >= CONFIDENT).any():
        return upright
    searches = [upright, *(_search_turned(image, smallest, quarters) for quarters in (1, 2, 3))]
    merged = Found(*(np.concatenate(parts) for parts in zip(*searches, strict=True)))
    best = cascade.without_doubles(merged.boxes, merged.confidence, 0.4)
    return merged.chosen(best)


def _search_turned(image: Image, smallest: float, quarters: int) -> Found:
    turned = np.ascontiguousarray(np.rot90(image, quarters))
    found = search(turned, smallest * TURNED_LARGER)
    found = found.chosen(found.confidence >= CONFIDENT)
    corners = turned_back(found.boxes.reshape(-1, 2, 2), image.shape[:2], quarters)
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    landmarks = turned_back(found.landmarks, image.shape[:2], quarters)
    return Found(boxes, landmarks, found.confidence)


def turned_back(points: Floats, shape: tuple[int, ...], quarters: int) -> Floats:
    """Take points of a turned copy back to the picture it was turned from.

    Args:
        points: (..., 2) x y in px of `np.rot90(image, quarters)`.
        shape: height and width of `image`.
        quarters: counter-clockwise quarter turns.
    """
    height, width = shape
    x, y = points[..., 0], points[..., 1]
    back = [(x, y), (width - y, x), (width - x, height - y), (y, height - x)]
    return np.stack(back[quarters % 4], axis=-1)
