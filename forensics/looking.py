"""What the detectors of an examination look at: the picture, and faces of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from forensics.faces.align import face_crop
from forensics.schema import Face, Image
from forensics.verdict import fills

MOST_FACES = 16
"""A picture of a crowd is scored on its largest faces only, so that its cost stays bounded."""


@dataclass(frozen=True, eq=False)
class Views:
    """The pictures that detectors are given, and what each shows.

    `images`: the whole picture, then crops of faces. `places`: which image stands for the whole
    picture, and for each of the `faces`; a face that fills the picture shares its image.
    """

    faces: list[Face]
    images: list[Image]
    places: list[int]


def views_of(image: Image, faces: Sequence[Face]) -> Views:
    """Cut the largest `MOST_FACES` faces out of a picture.

    A face that fills the picture is not cut out: it is no view of its own in a verdict, and what
    is said of the picture is said of it.

    Args:
        image: (H, W, 3) uint8 RGB.
        faces: all that were found.
    """
    kept, images, places = _largest(faces), [image], [0]
    for face in kept:
        places.append(0 if fills(face, image.shape) else len(images))
        images += [face_crop(image, face)] if places[-1] else []
    return Views(kept, images, places)


def _largest(faces: Sequence[Face]) -> list[Face]:
    """The largest `MOST_FACES` of the faces, in their own order."""
    kept = sorted(range(len(faces)), key=lambda i: -faces[i].size)[:MOST_FACES]
    return [faces[i] for i in sorted(kept)]
