"""Swaps faces with an identity-swap network that the user owns, as an ONNX file.

Made for networks of inswapper's kind: an aligned 128 px crop of the target and a vector of 512
numbers that names the source's identity in, the changed crop out. No such file ships here, for the
known ones allow non-commercial use only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from forensics.errors import NoFace, WeightsCorrupt
from forensics.faces import blending, chips, masks
from forensics.faces.align import TEMPLATE, Matrix, aligned_crop
from forensics.faces.portrait import Portrait
from forensics.generator import Swapper
from forensics.schema import Floats, Frame, Image, Map
from forensics.user_networks import constants, open_network, takes
from forensics.weights import file_sha256

SIDE, IDENTITY, IDENTITY_SIDE = 128, 512, 112
# InsightFace widens ArcFace's 112 px to 128 by 8 px on the left and the right, none above.
_TEMPLATE: Matrix = (TEMPLATE * IDENTITY_SIDE + np.asarray([8, 0])) / SIDE
_SWAPPER = "an identity-swap network (target 128 px crop, source 512 numbers)"
_NAMER = "an identity network of ArcFace's kind (112 px crop to 512 numbers)"


@dataclass(frozen=True)
class OnnxSwapperOptions:
    """`weights`: the swap network. `identity_weights`: the network that names identities.

    `feather`: see `landmark_swap`.
    """

    weights: str = ""
    identity_weights: str = ""
    feather: float = 0.12

    def __post_init__(self) -> None:
        if not 0 <= self.feather <= 1:
            raise ValueError(f"feather must lie between 0 and 1, got {self.feather}")


class OnnxSwapper(Swapper):
    """Averages the identity over all sources."""

    Options = OnnxSwapperOptions

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the swap network."""
        self._networks()
        return file_sha256(Path(self.options.weights))

    def swap(
        self, target: Frame, sources: Sequence[Portrait], *, faces: Floats
    ) -> tuple[Frame, Map]:
        """As `Swapper.swap`."""
        if not sources:
            raise NoFace("onnx_swapper needs a picture of the face to put in")
        network, namer = self._networks()
        identity = self._identity(namer, sources)
        image, mask = target.image.copy(), np.zeros(target.image.shape[:2], np.float32)
        for landmarks in faces:
            matrix = chips.chip_matrix(landmarks, SIDE, template=_TEMPLATE)
            chip = chips.cut(image, matrix, SIDE)
            pixels = chip.astype(np.float32).transpose(2, 0, 1)[None] / np.float32(255)
            (made,) = network.run(None, {"target": pixels, "source": identity})
            painted = np.rint(np.clip(made[0].transpose(1, 2, 0), 0, 1) * 255).astype(np.uint8)
            self._lay(image, mask, painted, matrix, landmarks)
        return Frame(image, target.index, target.time), mask

    def _identity(self, namer: Any, sources: Sequence[Portrait]) -> Floats:
        """The sources' mean identity as the swap network takes it: (1, 512) of length 1."""
        name = namer.get_inputs()[0].name
        rows = []
        for source in sources:
            chip = aligned_crop(source.image, source.face, IDENTITY_SIDE).astype(np.float32)
            pixels = (chip.transpose(2, 0, 1)[None] - np.float32(127.5)) / np.float32(127.5)
            rows.append(_unit(namer.run(None, {name: pixels})[0].reshape(-1)))
        mean = _unit(np.mean(rows, axis=0))
        # inswapper keeps a matrix that no node uses: it takes ArcFace's identity to its own.
        matrices = [m for m in constants(self.options.weights) if m.shape == (IDENTITY, IDENTITY)]
        return _unit(mean @ matrices[-1] if matrices else mean)[None]

    def _lay(
        self, image: Image, mask: Map, painted: Image, matrix: Matrix, landmarks: Floats
    ) -> None:
        bent = chips.laid_back(painted, matrix, image.shape)
        corner = np.asarray([bent.region[1].start, bent.region[0].start], np.float32)
        hull = masks.hull_mask(masks.with_forehead(landmarks, 0.1) - corner, bent.image.shape)
        inside = np.minimum(hull, chips.coverage(painted, matrix, image.shape))
        share = masks.softened(inside, self.options.feather * masks.face_width(landmarks))
        # The network keeps the target's own light and colours.
        blending.lay_into(image, mask, bent, share, poisson=False, recolour=False)

    def _networks(self) -> tuple[Any, Any]:
        network = open_network(self.options.weights, option="--weights", what=_SWAPPER)
        crop, vector = (None, 3, SIDE, SIDE), (None, IDENTITY)
        if not takes(network, {"target": crop, "source": vector}):
            raise WeightsCorrupt(f"{Path(self.options.weights).name} is not {_SWAPPER}")
        option = "--identity-weights"
        namer = open_network(self.options.identity_weights, option=option, what=_NAMER)
        (first, *others) = namer.get_inputs()
        wanted: dict[str, tuple[int | None, ...]] = {
            str(first.name): (None, 3, IDENTITY_SIDE, IDENTITY_SIDE)
        }
        if others or not takes(namer, wanted):
            raise WeightsCorrupt(f"{Path(self.options.identity_weights).name} is not {_NAMER}")
        return network, namer


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)
