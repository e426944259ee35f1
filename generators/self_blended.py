"""Self-blended images: a face pasted onto itself, a little changed, so that only the seam is fake.

Shiohara and Yamasaki 2022, "Detecting Deepfakes with Self-Blended Images".
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from forensics.faces import blending, masks
from forensics.faces.landmarks import JAW
from forensics.faces.portrait import plain_faces
from forensics.faces.warping import region_around
from forensics.generator import Manipulator
from forensics.schema import Floats, Image, Map

Random = np.random.Generator
_RATIOS = (0.25, 0.5, 0.75, 1, 1, 1)
"""How much of the changed face comes through, as published: whole in half of the cases."""


@dataclass(frozen=True)
class SelfBlendedOptions:
    """`move`: most that the pasted face is moved, in its own widths; published .03 and .015.

    `scale`: most by which it is enlarged or shrunk. `elastic`: how far the mask's edge wanders, in
    widths of the face.
    """

    move: float = 0.03
    scale: float = 0.05
    elastic: float = 0.06

    def __post_init__(self) -> None:
        if min(self.move, self.scale, self.elastic) < 0 or max(self.move, self.scale) >= 1:
            raise ValueError("move, scale and elastic must be 0 or more, move and scale below 1")


class SelfBlended(Manipulator):
    """Changes every face of 48 px or more that is seen from the front, each by its own draw."""

    Options = SelfBlendedOptions
    family = "swap"

    def apply(self, images: Sequence[Image], seed: int) -> tuple[list[Image], list[Map]]:
        """As `Manipulator.apply`; what is drawn depends on `seed` and the picture alone."""
        made = [self._blended(image, seed) for image in images]
        return [image for image, _ in made], [mask for _, mask in made]

    def _blended(self, image: Image, seed: int) -> tuple[Image, Map]:
        rng = np.random.default_rng([seed, zlib.crc32(image.tobytes())])
        made, mask = image.copy(), np.zeros(image.shape[:2], np.float32)
        for landmarks in plain_faces(image)[1]:
            width = masks.face_width(landmarks)
            rows, columns = region_around(landmarks, image.shape, 0.4 * width)
            points = landmarks - np.asarray([columns.start, rows.start], np.float32)
            share = self._mask(points, (rows.stop - rows.start, columns.stop - columns.start), rng)
            made[rows, columns] = self._pasted(made[rows, columns], share, width, rng)
            mask[rows, columns] = np.maximum(mask[rows, columns], share)
        return made, mask

    def _mask(self, points: Floats, size: tuple[int, int], rng: Random) -> Map:
        """Draw which part of the face is pasted, how its edge runs and how soft it is."""
        hull = masks.hull_mask(_part(points, rng), size)
        hull = _wandered(hull, self.options.elastic * masks.face_width(points), rng)
        soft = masks.softened(hull, rng.uniform(0.02, 0.2) * masks.face_width(points))
        return np.asarray(soft * rng.choice(_RATIOS), np.float32)

    def _pasted(self, face: Image, share: Map, width: float, rng: Random) -> Image:
        """Paste a copy, changed and moved.

        The paper changes the whole picture under it in half of the cases instead; only the
        difference between the two shows, and here the picture keeps its own bytes.
        """
        return blending.mixed(face, self._moved(changed(face, rng), width, rng), share)

    def _moved(self, face: Image, width: float, rng: Random) -> Image:
        move = rng.uniform(-self.options.move, self.options.move, 2) * width * (1, 0.5)
        scale = 1 + rng.uniform(-self.options.scale, self.options.scale)
        height, across = face.shape[:2]
        matrix = cv2.getRotationMatrix2D((across / 2, height / 2), 0, scale)
        matrix = matrix + np.asarray([[0, 0, move[0]], [0, 0, move[1]]])
        moved = cv2.warpAffine(
            face,
            matrix,
            (across, height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        return moved.astype(np.uint8, copy=False)


def changed(image: Image, rng: Random) -> Image:
    """Shift colours, lightness and contrast, then blur by a smaller copy, or sharpen.

    Args:
        image: (H, W, 3) uint8 RGB.
        rng: draws everything.
    """
    values = image.astype(np.float32) + rng.uniform(-20, 20, 3).astype(np.float32)
    hue, saturation, lightness = rng.uniform((-3, -0.1, -0.1), (3, 0.1, 0.1))
    hsv = np.asarray(cv2.cvtColor(np.clip(values, 0, 255) / np.float32(255), cv2.COLOR_RGB2HSV))
    hsv[..., 0] = (hsv[..., 0] + hue) % 360
    hsv[..., 1:] = np.clip(hsv[..., 1:] * (1 + saturation, 1 + lightness), 0, 1)
    values = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.float32) * 255
    gain, shift = rng.uniform((0.9, -25), (1.1, 25))
    values = (values - 127.5) * np.float32(gain) + np.float32(127.5 + shift)
    return _resharpened(np.rint(np.clip(values, 0, 255)).astype(np.uint8), rng)


def _resharpened(image: Image, rng: Random) -> Image:
    height, width = image.shape[:2]
    if rng.random() < 1 / 2:
        factor = rng.choice([2, 4])
        small = cv2.resize(
            image, (max(1, width // factor), max(1, height // factor)), interpolation=cv2.INTER_AREA
        )
        made = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        return made.astype(np.uint8, copy=False)
    share = rng.uniform(0.2, 0.5)
    blurred = cv2.GaussianBlur(image, (0, 0), 1.5)
    made = cv2.addWeighted(image, 1 + share, blurred, -share, 0)
    return made.astype(np.uint8, copy=False)


def _part(points: Floats, rng: Random) -> Floats:
    """The landmarks whose hull is pasted: whole face, face with forehead, lower face, or inner."""
    inner = np.concatenate([points[17:], points[JAW][[4, 12]]])
    lower = np.concatenate([points[2:15], points[29:36]])
    parts = (points, masks.with_forehead(points, 0.25), lower, inner)
    return parts[int(rng.integers(len(parts)))]


def _wandered(mask: Map, reach: float, rng: Random) -> Map:
    """Bend a mask by smooth random moves of about `reach` px (Simard et al. 2003)."""
    height, width = mask.shape
    moves = rng.normal(0, reach, (2, 7, 7)).astype(np.float32)
    across, down = (
        cv2.resize(move, (width, height), interpolation=cv2.INTER_CUBIC) for move in moves
    )
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    bent = cv2.remap(mask, columns + across, rows + down, cv2.INTER_LINEAR)
    return np.asarray(np.clip(bent, 0, 1), np.float32)
