"""What heads on CLIP read of crops: mean patch tokens, a class token; and where it is kept."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from forensics.feature_store import FeatureStore, stored_features
from forensics.neural import CLIP_WIDTH, clip_readings
from forensics.plugins import backbones, fingerprint
from forensics.schema import Floats, Image

WHOLE_WIDTH = 768
WIDTH = CLIP_WIDTH + WHOLE_WIDTH
"""Mean patch tokens of three blocks, and one class token."""


def crop_features(crops: Sequence[Image], store: FeatureStore | None = None) -> Floats:
    """What a head reads of k crops, each (16 h, 16 w, 3) uint8 RGB: (k, 3072) float32.

    Raises:
        WeightsUnavailable: the backbone has not been pulled; the message has the command.
    """
    return _read(crops) if store is None else stored_features(store, crops, _read)


def crop_store(cache: str) -> FeatureStore | None:
    """Where features are kept by the crops' pixels, for training and benchmarks.

    Args:
        cache: a folder; "" keeps nothing.
    """
    if not cache:
        return None
    backbone = fingerprint(backbones()["clip_vit_b16"])
    return FeatureStore(Path(cache) / f"clip-crops-{backbone[:12]}", WIDTH)


def _read(crops: Sequence[Image]) -> Floats:
    readings = clip_readings(crops)
    return np.stack([np.append(each.patches.mean(axis=(0, 1)), each.whole) for each in readings])
