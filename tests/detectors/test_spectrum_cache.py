"""Keeping features changes no score."""

from pathlib import Path

import numpy as np

from detectors.spectrum import SpectrumOptions
from forensics.plugins import load


def test_scores_with_kept_features_are_those_without(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    keeping = load("detector", "spectrum", SpectrumOptions(crops=2, cache=str(tmp_path)))
    alone = load("detector", "spectrum", SpectrumOptions(crops=2))
    first, again = keeping.class_logits([picture])[0], keeping.class_logits([picture])[0]
    assert (first == alone.class_logits([picture])[0]).all()
    assert (again == first).all()
