"""One look at the middle of a picture with the head of `clip_pairs`: for sifting many pictures.

CLIP's cost grows with the pixels it sees. One crop of 144 px costs a tenth of the four and more
crops of 224 px at which `clip_pairs` looks, and shows the head less: the logits are not the same,
so this has a name, a calibration and left-out figures of its own. It learns nothing itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forensics.clip_features import crop_features, crop_store
from forensics.detector import CropDetector
from forensics.feature_store import FeatureStore
from forensics.linear_head import LinearHead
from forensics.neural import CLIP_PATCH, prepare_clip
from forensics.schema import Floats, Image
from forensics.traces.crops import crop_areas, fitting_side, padded
from forensics.weights import load_tensors

SIDE = 144
"""Of the crop, in px: whole patches of CLIP."""


@dataclass(frozen=True)
class ClipGlanceOptions:
    """`cache`: a folder that keeps features, for calibration and benchmarks."""

    cache: str = ""


class ClipGlance(CropDetector):
    """The linear head of `clip_pairs` on the native middle crop of `SIDE` px."""

    Options = ClipGlanceOptions

    def prepare(self) -> None:
        """Open CLIP."""
        prepare_clip()

    def class_logits(self, images: Sequence[Image]) -> list[Floats]:
        """Return for each image (1, 3) float32 class logits of its middle crop."""
        return [self.head.class_logits(self.features(image)) for image in images]

    def features(self, image: Image) -> Floats:
        """What the head reads of a picture, (1, 3072) float32."""
        [area] = crop_areas(image.shape[:2], fitting_side(image, SIDE, CLIP_PATCH), 1)
        crop = np.ascontiguousarray(padded(image[area], CLIP_PATCH))
        return crop_features([crop], self.store)

    @cached_property
    def store(self) -> FeatureStore | None:
        """Where features are kept by the crops' pixels, beside those of `clip_pairs`."""
        return crop_store(self.options.cache)

    @cached_property
    def head(self) -> LinearHead:
        """The trained head, read at first use."""
        return LinearHead.read(load_tensors(self.card))
