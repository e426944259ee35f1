"""The 68 landmarks of a face (iBUG's scheme), found by the network of `@vladmandic/face-api`.

Counted as Sagonas et al. 2013, "300 Faces in-the-Wild Challenge", count them, from 0: 0-16 the
jaw, 17-26 the brows, 27-35 the nose, 36-47 the eyes, 48-59 the outer and 60-67 the inner lips.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forensics.faces.align import Matrix, warped_chip
from forensics.plugins import backbones
from forensics.schema import Face, Floats, Image
from forensics.weights import file_named, verified_path

COUNT = 68
SIDE = 112
"""Side in px of the crops that the network sees."""
FIRST_LOOK, SECOND_LOOK = 1.15, 1.4
"""Side of a crop, in longer sides of the detector's box, then of the landmarks' own extent.
Measured on 50 portraits: mean distance to MTCNN's points .053 of the eyes' distance with one look,
.043 with the mirrored crop averaged, .038 with a second look."""
JAW, EYES, MOUTH = slice(0, 17), slice(36, 48), slice(48, 68)
_PARTS = (
    *(range(16, -1, -1), range(26, 16, -1), range(27, 31), range(35, 30, -1)),
    *(range(45, 41, -1), range(47, 45, -1), range(39, 35, -1), range(41, 39, -1)),
    *(range(54, 47, -1), range(59, 54, -1), range(64, 59, -1), range(67, 64, -1)),
)
_MIRRORED = np.concatenate(_PARTS)
"""Which landmark each one becomes in a mirror."""


def find_landmarks(image: Image, faces: Sequence[Face]) -> Floats:
    """Find the landmarks of faces: (N, 68, 2) float32 x y in px of `image`.

    Each face is looked at twice, turned upright by its eyes, and each time beside its mirror image.

    Args:
        image: (H, W, 3) uint8 RGB.
        faces: N faces of it, found by `find_faces`.

    Raises:
        WeightsUnavailable, WeightsCorrupt: the network's file.
    """
    found = [_landmarks(image, face) for face in faces]
    return np.stack(found) if found else np.zeros((0, COUNT, 2), np.float32)


def five_points(landmarks: Floats) -> Floats:
    """MTCNN's five points, (..., 5, 2), read off (..., 68, 2) landmarks."""
    eyes = [landmarks[..., start : start + 6, :].mean(axis=-2) for start in (36, 42)]
    others = [landmarks[..., index, :] for index in (30, 48, 54)]
    return np.stack([*eyes, *others], axis=-2)


def disagreement(landmarks: Floats, face: Face) -> float:
    """Mean distance between a face's (68, 2) landmarks and its five points, in eyes' distances.

    Two networks that never met place the same points; where they part, one of them is wrong.
    """
    apart = np.linalg.norm(five_points(landmarks) - face.landmarks, axis=1).mean()
    eyes = float(np.linalg.norm(face.landmarks[1] - face.landmarks[0]))
    return float(apart / max(eyes, 1e-6))


def mirrored(landmarks: Floats, width: float) -> Floats:
    """Landmarks of a mirrored picture `width` px wide: moved and renamed, (..., 68, 2)."""
    flipped = landmarks * np.asarray([-1, 1], np.float32) + np.asarray([width, 0], np.float32)
    return np.asarray(flipped[..., _MIRRORED, :], np.float32)


def _landmarks(image: Image, face: Face) -> Floats:
    eyes = face.landmarks[1] - face.landmarks[0]
    angle = float(np.arctan2(eyes[1], eyes[0]))
    longer = float((face.box[2:] - face.box[:2]).max())
    centre = (face.box[:2] + face.box[2:]) / 2
    found = _look(image, _square(centre, longer * FIRST_LOOK, angle))
    upright = found @ _turn(angle).T
    low, high = upright.min(axis=0), upright.max(axis=0)
    centre = (low + high) / 2 @ _turn(angle)
    side = max(float((high - low).max()), 1.0) * SECOND_LOOK
    return _look(image, _square(centre, side, angle))


def _look(image: Image, matrix: Matrix) -> Floats:
    """Landmarks (68, 2) in px of `image`; `matrix` takes these to px of the crop."""
    chip = warped_chip(image, matrix, SIDE)
    pair = np.stack([chip, chip[:, ::-1]])
    straight, flipped = _session().run(None, {"crops": pair})[0]
    points = (straight + mirrored(flipped, 1.0)) / 2 * SIDE
    back = np.linalg.inv(matrix[:, :2])
    return np.asarray((points - matrix[:, 2]) @ back.T, np.float32)


def _square(centre: NDArray[np.floating], side: float, angle: float) -> Matrix:
    """The matrix that cuts a square, turned by `angle` (radians), into a crop."""
    matrix = np.zeros((2, 3))
    matrix[:, :2] = _turn(angle) * (SIDE / side)
    matrix[:, 2] = SIDE / 2 - matrix[:, :2] @ centre
    return matrix


def _turn(angle: float) -> NDArray[np.float64]:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.asarray([[cosine, sine], [-sine, cosine]])


@cache
def _session() -> Any:
    import onnxruntime

    card = backbones()["face_landmarks_68"]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Waiting threads that spin double the processor time of runs as short as these.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        verified_path(card, file_named(card, ".onnx")), options, providers=["CPUExecutionProvider"]
    )
