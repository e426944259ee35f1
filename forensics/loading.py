"""The plugins that an examination runs, each with its options and its calibration."""

from collections.abc import Sequence
from pathlib import Path

from forensics.analysis import Analysis
from forensics.detector import Detector
from forensics.errors import NotCalibrated
from forensics.plugins import backbones, entries, load, plugin_class
from forensics.verdict import Fusion, load_fusion
from forensics.weights import find_file, verified_path

FINGERPRINT = "prnu"
"""The analysis that compares with a camera, and says nothing without one."""


def load_detector(name: str) -> Detector:
    """Load a detector all of whose files are there; which of them it opens, it decides later."""
    detector: Detector = load("detector", name)
    needed = [detector.card, *(backbones()[other] for other in detector.card.requires)]
    for card in needed:
        for file in card.weights:
            if find_file(card, file) is None:
                verified_path(card, file)
    return detector


def analyses_by_default(camera: str) -> list[str]:
    """All analyses; the one that compares with a camera only where one is named."""
    return [name for name in entries("analysis") if camera or name != FINGERPRINT]


def load_analysis(name: str, options: dict[str, str]) -> Analysis:
    """Load an analysis with those options that are not empty."""
    given = {key: value for key, value in options.items() if value}
    chosen = plugin_class("analysis", name).Options(**given) if given else None
    analysis: Analysis = load("analysis", name, chosen)
    return analysis


def load_lookup(gallery: Path) -> Analysis:
    """The analysis that looks faces up; imported here, so that it costs others nothing."""
    from forensics.gallery_lookup import GalleryLookup

    return GalleryLookup(gallery)


def fusion_of(names: Sequence[str]) -> Fusion | None:
    """The calibration of a set of detectors, None where the set was never calibrated."""
    try:
        return load_fusion(names)
    except NotCalibrated:
        return None
