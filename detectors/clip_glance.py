"""One look at the middle of a picture with the head of `clip_pairs`: for sifting many pictures.

CLIP's cost grows with the pixels it sees. One crop of 144 px costs a tenth of the four and more
crops of 224 px at which `clip_pairs` looks, and shows the head less: the logits are not the same,
so this has a name, a calibration and left-out figures of its own. It learns nothing itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from forensics.detector import CropDetector
from forensics.feature_store import FeatureStore, stored_features
from forensics.linear_head import LinearHead
from forensics.neural import CLIP_PATCH, CLIP_WIDTH, clip_reading, prepare_clip
from forensics.plugins import backbones, fingerprint
from forensics.schema import Floats, Image
from forensics.traces.crops import crop_areas, fitting_side, padded
from forensics.weights import load_tensors

SIDE = 144
"""Of the crop, in px: whole patches of CLIP."""
WIDTH = CLIP_WIDTH + 768
"""Mean patch tokens of three blocks, and one class token, as `clip_pairs` reads them."""


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
        return _read([crop]) if self.store is None else stored_features(self.store, [crop], _read)

    @cached_property
    def store(self) -> FeatureStore | None:
        """Where features are kept by the crops' pixels, beside those of `clip_pairs`."""
        if not self.options.cache:
            return None
        backbone = fingerprint(backbones()["clip_vit_b16"])
        return FeatureStore(Path(self.options.cache) / f"clip-crops-{backbone[:12]}", WIDTH)

    @cached_property
    def head(self) -> LinearHead:
        """The trained head, read at first use."""
        return LinearHead.read(load_tensors(self.card))


def _read(crops: Sequence[Image]) -> Floats:
    """Features of crops, (k, 3072) float32."""
    readings = [clip_reading(crop) for crop in crops]
    return np.stack([np.append(one.patches.mean(axis=(0, 1)), one.whole) for one in readings])
