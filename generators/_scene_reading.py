"""Reads a drawn scene back from its pixels: what measures whether a picture obeys its text.

It knows nothing of the network: connected pixels that differ from the background, the nearest
colour of the palette, the share of its box that a shape fills.
"""

from dataclasses import dataclass
from itertools import permutations

import cv2
import numpy as np

from forensics.schema import Image
from generators._scenes import (
    COLOURS,
    RELATION,
    RELATIONS,
    SHAPES,
    SIDE,
    Slots,
)

APART = 60
"""Grey levels, of any colour, by which an object differs from the background."""
FEWEST = 14
"""Px of the smallest object."""
LARGE = 10.5
"""Px of the longer side from which on an object is large."""
FILLED = {"square": 0.87, "circle": 0.66, "triangle": 0.0}
"""The share of its box that a shape fills at least."""
ATTRIBUTES = ("count", "size", "colour", "shape", "relation", "everything")


@dataclass(frozen=True)
class Seen:
    """An object as its pixels show it; `what` has the places of its words, from 1."""

    what: tuple[int, int, int]
    x: float
    y: float


def seen(picture: Image) -> list[Seen]:
    """Find the objects of (R, R, 3) uint8 RGB, `SIDE` px or other sizes scaled to it."""
    if picture.shape[0] != SIDE:
        picture = np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    levels = picture.astype(np.int16)
    background = np.median(levels.reshape(-1, 3), axis=0)
    apart = (np.abs(levels - background).max(axis=2) > APART).astype(np.uint8)
    count, labels, boxes, centres = cv2.connectedComponentsWithStats(apart, connectivity=4)
    return [
        Seen(_what(levels[labels == i], boxes[i]), *(float(each) for each in centres[i]))
        for i in range(1, count)
        if boxes[i, cv2.CC_STAT_AREA] >= FEWEST
    ]


def _what(
    pixels: "np.ndarray[tuple[int, ...], np.dtype[np.int16]]", box: Image
) -> tuple[int, int, int]:
    width, height, area = (int(each) for each in box[2:5])
    size = 1 + int(max(width, height) >= LARGE)
    palette = np.asarray(list(COLOURS.values()))
    colour = 1 + int(np.square(palette - np.median(pixels, axis=0)).sum(axis=1).argmin())
    shape = next(name for name, share in FILLED.items() if area / (width * height) >= share)
    return size, colour, 1 + SHAPES.index(shape)


def obeyed(slots: Slots, picture: Image) -> dict[str, tuple[int, int]]:
    """How many statements of a scene are true of a picture, and how many there are.

    Returns:
        By attribute: right and said. An object that is missing has everything wrong that was said
        of it; with as many objects as said, they are matched in the way that fits best.
    """
    said = [slots[:RELATION]] + ([slots[RELATION + 1 :]] if slots[RELATION] else [])
    found = seen(picture)
    orders = permutations(found, min(len(found), len(said)))
    best = max((_compared(said, list(order), slots[RELATION]) for order in orders), key=_total)
    best["count"] = (int(len(found) == len(said)), 1)
    best["everything"] = (int(all(right == of for right, of in best.values())), 1)
    return {name: best[name] for name in ATTRIBUTES}


def _compared(said: list[Slots], found: list[Seen], relation: int) -> dict[str, tuple[int, int]]:
    tally = {}
    for place, name in enumerate(("size", "colour", "shape")):
        pairs = [(s[place], f.what[place]) for s, f in zip(said, found, strict=False) if s[place]]
        total = sum(1 for s in said if s[place])
        tally[name] = (sum(a == b for a, b in pairs), total)
    right = len(found) == len(said) and bool(relation) and _stands(relation, *found)
    tally["relation"] = (int(right), int(bool(relation)))
    return tally


def _stands(relation: int, first: Seen, second: Seen) -> bool:
    word = RELATIONS[relation - 1]
    down, across = second.y - first.y, second.x - first.x
    return {"above": down, "below": -down, "left": across, "right": -across}[word] > 0


def _total(tally: dict[str, tuple[int, int]]) -> int:
    return sum(right for right, _ in tally.values())
