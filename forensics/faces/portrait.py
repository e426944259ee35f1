"""A face with the picture that shows it: what a swap takes from, and what it may put in."""

from dataclasses import dataclass

import numpy as np

from forensics.errors import NoFace
from forensics.faces.detect import find_faces
from forensics.faces.landmarks import COUNT, disagreement, find_landmarks
from forensics.schema import Face, Floats, Image

SMALLEST = 48
"""Shorter side in px of a face below which there is too little to see."""
SECOND_FACE = 0.5
"""A face this large, in sizes of the largest, is no bystander."""
MOST_DISAGREEMENT = 0.2
"""Of landmarks with the detector's points, in eyes' distances; 1 of 114 portraits is beyond it."""
MOST_TURN = 0.75
"""See `turn`; about 50 degrees."""


@dataclass(frozen=True, eq=False)
class Portrait:
    """`face` of `image`, (H, W, 3) uint8 RGB, and its (68, 2) landmarks in px of it."""

    image: Image
    face: Face
    landmarks: Floats

    def __post_init__(self) -> None:
        if self.landmarks.shape != (COUNT, 2):
            raise ValueError(f"landmarks must be (68, 2), got {self.landmarks.shape}")


def turn(landmarks: Floats) -> float:
    """How far a head is turned aside: 0 from the front, 1 where the nose covers a cheek.

    The nose tip's place between both ends of the jaw, along the line through them.

    Args:
        landmarks: (68, 2) x y.
    """
    left, right, nose = landmarks[0], landmarks[16], landmarks[30]
    across = right - left
    share = float((nose - left) @ across / max(float(across @ across), 1e-6))
    return abs(2 * share - 1)


def is_plain(landmarks: Floats, face: Face) -> bool:
    """Whether a face's (68, 2) landmarks can be trusted: seen from the front, points agree."""
    return turn(landmarks) <= MOST_TURN and disagreement(landmarks, face) <= MOST_DISAGREEMENT


def only_portrait(image: Image, name: str) -> Portrait:
    """The one face of a picture; much smaller ones beside it are bystanders.

    Args:
        image: (H, W, 3) uint8 RGB.
        name: what to call the picture in an error.

    Raises:
        NoFace: there is none, it is too small or turned too far, or there are several.
    """
    faces = sorted(find_faces(image, at_least=SMALLEST // 2), key=lambda face: -face.size)
    if not faces:
        raise NoFace(f"{name} shows no face; give a picture of one face, seen from the front")
    largest = faces[0]
    if largest.size < SMALLEST:
        raise NoFace(
            f"the face in {name} is {largest.size:.0f} px wide; "
            f"at least {SMALLEST} px are needed, so give a larger picture"
        )
    rivals = sum(face.size >= SECOND_FACE * largest.size for face in faces)
    if rivals > 1:
        raise NoFace(f"{name} shows {rivals} faces; cut it to the one that is wanted")
    landmarks = find_landmarks(image, [largest])[0]
    if not is_plain(landmarks, largest):
        raise NoFace(
            f"the face in {name} is turned or covered too far to place its landmarks; "
            "give a picture from the front"
        )
    return Portrait(image, largest, landmarks)


def plain_faces(image: Image, *, turns: bool = True) -> tuple[list[Face], Floats]:
    """Faces large and plain enough to be changed, with their (K, 68, 2) landmarks.

    Args:
        image: (H, W, 3) uint8 RGB.
        turns: whether to look for turned faces where none stands upright.
    """
    faces = find_faces(image, at_least=SMALLEST, turns=turns)
    landmarks = find_landmarks(image, faces)
    rows = [row for row, face in enumerate(faces) if is_plain(landmarks[row], face)]
    return [faces[row] for row in rows], landmarks[np.asarray(rows, np.intp)]
