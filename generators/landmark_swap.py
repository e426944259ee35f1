"""A face swap without training: bend a face onto another's landmarks, match colours, blend.

After FaceSwap (Marek Kowalski 2016) and Pérez et al. 2003, "Poisson Image Editing".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forensics.errors import NoFace
from forensics.faces import blending, masks, warping
from forensics.faces.portrait import Portrait
from forensics.generator import Swapper
from forensics.schema import Floats, Frame, Image, Map

OPENED = 0.08
"""How much wider than the source's the target's lips must be apart for its own mouth to stay."""


@dataclass(frozen=True)
class LandmarkSwapOptions:
    """`forehead`: how far above the brows the new face reaches, in heights from chin to brows.

    `feather`: over what width its edge is blended, in widths of the face. `poisson`: whether
    gradients are cloned, or pixels mixed.
    """

    forehead: float = 0.12
    feather: float = 0.12
    poisson: bool = True

    def __post_init__(self) -> None:
        if not (0 <= self.forehead <= 1 and 0 <= self.feather <= 1):
            raise ValueError(
                "forehead and feather must lie between 0 and 1, "
                f"got {self.forehead} and {self.feather}"
            )


class LandmarkSwap(Swapper):
    """Takes the source whose head is turned most like the target's; nothing is drawn at random."""

    Options = LandmarkSwapOptions

    def swap(
        self, target: Frame, sources: Sequence[Portrait], *, faces: Floats
    ) -> tuple[Frame, Map]:
        """As `Swapper.swap`."""
        if not sources:
            raise NoFace("landmark_swap needs a picture of the face to put in")
        image, mask = target.image.copy(), np.zeros(target.image.shape[:2], np.float32)
        for landmarks in faces:
            self._replace(image, mask, nearest_pose(sources, landmarks), landmarks)
        return Frame(image, target.index, target.time), mask

    def _replace(self, image: Image, mask: Map, source: Portrait, landmarks: Floats) -> None:
        """Put one face into `image` and `mask`, in place."""
        shape = image.shape
        start = masks.with_forehead(source.landmarks, self.options.forehead)
        end = masks.with_forehead(landmarks, self.options.forehead)
        bent = warping.warp_onto(source.image, start, end, warping.triangulated(end), shape)
        rows, columns = bent.region
        local = np.asarray(end - (columns.start, rows.start), np.float32)
        hull = masks.hull_mask(local, bent.image.shape)
        share = masks.softened(hull, self.options.feather * masks.face_width(landmarks))
        share *= 1 - _kept_mouth(source.landmarks, local, share.shape)
        blending.lay_into(image, mask, bent, share, poisson=self.options.poisson)


def nearest_pose(sources: Sequence[Portrait], landmarks: Floats) -> Portrait:
    """The source whose landmarks lie most like (68, 2) others once both are moved and scaled."""
    wanted = _normalised(landmarks)
    return min(sources, key=lambda s: float(np.linalg.norm(_normalised(s.landmarks) - wanted)))


def _normalised(landmarks: Floats) -> Floats:
    centred = landmarks - landmarks.mean(axis=0)
    return np.asarray(centred / max(float(np.linalg.norm(centred)), 1e-6), np.float32)


def _kept_mouth(source: Floats, target: Floats, shape: tuple[int, ...]) -> Map:
    """Where the target's own mouth shows through: inside its lips, when they are open wider.

    A closed mouth has no teeth that could be bent into an open one.
    """
    wider = masks.mouth_opening(target) - masks.mouth_opening(source)
    inside = masks.polygon_mask(target[masks.INNER_LIPS], shape)
    return np.asarray(inside * np.clip(wider / OPENED, 0, 1), np.float32)
