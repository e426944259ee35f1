"""Drawn scenes of one or two shapes, and the closed vocabulary that tells of them.

A scene is seven numbers (`SLOTS`), each the place of a word in its list, 0 where nothing is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forensics.schema import Image

SIZES = ("small", "large")
COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 180, 60),
    "blue": (50, 80, 230),
    "yellow": (235, 215, 50),
    "pink": (240, 120, 200),
    "white": (240, 240, 240),
}
SHAPES = ("circle", "square", "triangle")
RELATIONS = ("above", "below", "left", "right")
FILLERS = ("a", "an", "the", "to", "of", "is")
OBJECT = (SIZES, tuple(COLOURS), SHAPES)
SLOTS: tuple[tuple[str, ...], ...] = (*OBJECT, RELATIONS, *OBJECT)
"""What can be said: of the first object, of how it stands to the second, of the second."""
RELATION, SHAPE, SECOND_SHAPE = 3, 2, 6
RADII = ((3.5, 4.4), (6.0, 7.0))
"""Half the side of small and of large objects, in px of a picture of 32."""
SIDE = 32
GAP = 2.0
"""Px between two objects along the direction of their relation."""
ALONE = 0.3
"""Share of scenes with one object."""
JITTER = 12
NUMBERS = 8
"""Numbers that `any_scene` takes."""

Slots = tuple[int, ...]


@dataclass(frozen=True)
class Thing:
    """One shape: its centre and half its side in px of a picture of `SIDE`, colour, kind."""

    x: float
    y: float
    radius: float
    colour: tuple[float, ...]
    shape: str


def scene_of(text: str) -> Slots:
    """Read a text.

    Raises:
        ValueError: a word is unknown or stands where it says nothing; the message lists all words.
    """
    slots = [0] * len(SLOTS)
    place = 0
    for word in text.lower().replace(",", " ").replace(".", " ").split():
        if word in FILLERS:
            continue
        found = [i for i in range(place, len(SLOTS)) if word in SLOTS[i]]
        if not any(word in words for words in SLOTS):
            raise ValueError(f"unknown word {word!r}; {vocabulary()}")
        if not found or (found[0] > RELATION and not slots[RELATION]) or _early(found[0], slots):
            raise ValueError(f"{word!r} cannot be read at its place in {text!r}; {vocabulary()}")
        slots[found[0]] = 1 + SLOTS[found[0]].index(word)
        place = found[0] + 1
    if not slots[SHAPE] or (slots[RELATION] and not slots[SECOND_SHAPE]):
        raise ValueError(f"{text!r} lacks a shape; {vocabulary()}")
    return tuple(slots)


def _early(place: int, slots: Sequence[int]) -> bool:
    return place == RELATION and not slots[SHAPE]


def vocabulary() -> str:
    """What can be said, in one sentence."""
    sizes, colours, shapes = (", ".join(words) for words in OBJECT)
    return (
        f"say: a SIZE ({sizes}) COLOUR ({colours}) SHAPE ({shapes}), and if you like where it is"
        " (above, below, left of, right of) and a second one; size and colour may be left out"
    )


def text_of(slots: Slots) -> str:
    """Tell a scene: what `scene_of` reads back."""
    first, relation, second = slots[:RELATION], slots[RELATION], slots[RELATION + 1 :]
    if not relation:
        return _told(first)
    word = RELATIONS[relation - 1]
    return f"{_told(first)} {word}{' of' if word in {'left', 'right'} else ''} {_told(second)}"


def _told(part: Sequence[int]) -> str:
    words = [words[slot - 1] for words, slot in zip(OBJECT, part, strict=True) if slot]
    return " ".join(["a", *words])


def any_scene(numbers: Sequence[float]) -> Slots:
    """The scene that `NUMBERS` numbers in [0, 1) name; every word of a list is as likely."""
    alone, *rest = numbers
    slots = [
        1 + min(int(x * len(words)), len(words) - 1) for x, words in zip(rest, SLOTS, strict=True)
    ]
    if alone < ALONE:
        slots[RELATION:] = [0] * (len(SLOTS) - RELATION)
    return tuple(slots)


def drawn(slots: Slots, rng: np.random.Generator, side: int = SIDE) -> Image:
    """Draw a scene on grey, (side, side, 3) uint8; what is not said is drawn at random."""
    things = placed(slots, rng)
    picture = np.full((side, side, 3), rng.uniform(20, 90))
    for thing in things:
        cover = covered(thing, side)[:, :, None]
        picture = picture * (1 - cover) + np.asarray(thing.colour) * cover
    return np.asarray(np.rint(picture.clip(0, 255)), np.uint8)


def placed(slots: Slots, rng: np.random.Generator) -> list[Thing]:
    """Put a scene's objects into a picture of `SIDE` px so that they stand as said."""
    first, second = slots[:RELATION], slots[RELATION + 1 :]
    if not slots[RELATION]:
        size = _radius(first, rng)
        x, y = rng.uniform(size, SIDE - size, 2)
        return [_thing(first, x, y, size, rng)]
    sizes = [_radius(part, rng) for part in (first, second)]
    relation = RELATIONS[slots[RELATION] - 1]
    turned = relation in {"below", "right"}
    near, far = sizes[::-1] if turned else sizes
    along = rng.uniform(near, SIDE - near - 2 * far - GAP)
    beyond = rng.uniform(along + near + far + GAP, SIDE - far)
    line = [beyond, along] if turned else [along, beyond]
    across = [rng.uniform(size, SIDE - size) for size in sizes]
    upright = relation in {"above", "below"}
    xs, ys = (across, line) if upright else (line, across)
    return [
        _thing(part, x, y, size, rng)
        for part, x, y, size in zip((first, second), xs, ys, sizes, strict=True)
    ]


def covered(thing: Thing, side: int) -> NDArray[np.float64]:
    """How much of each pixel an object covers, (side, side) in [0, 1]."""
    scale = SIDE / side
    centres = (np.arange(side) + 0.5) * scale
    x, y = centres[None, :] - thing.x, centres[:, None] - thing.y
    if thing.shape == "circle":
        outside = np.hypot(x, y) - thing.radius
    elif thing.shape == "square":
        outside = np.maximum(np.abs(x), np.abs(y)) - thing.radius
    else:
        slope = (2 * np.abs(x) - y - thing.radius) / np.sqrt(5)
        outside = np.maximum(slope, y - thing.radius)
    return np.asarray(np.clip(0.5 - outside / scale, 0, 1))


def _radius(part: Sequence[int], rng: np.random.Generator) -> float:
    size = part[0] or int(rng.integers(1, 3))
    return float(rng.uniform(*RADII[size - 1]))


def _thing(
    part: Sequence[int], x: float, y: float, radius: float, rng: np.random.Generator
) -> Thing:
    colours = list(COLOURS.values())
    colour = colours[(part[1] or int(rng.integers(1, 1 + len(colours)))) - 1]
    shape = SHAPES[(part[2] or int(rng.integers(1, 1 + len(SHAPES)))) - 1]
    shade = np.asarray(colour) + rng.uniform(-JITTER, JITTER, 3)
    return Thing(x, y, radius, tuple(shade), shape)
