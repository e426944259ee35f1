"""The plugins that an examination runs, each with its options and its calibration."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from forensics.analysis import Analysis
from forensics.detector import Detector
from forensics.errors import NotCalibrated
from forensics.plugins import backbones, cards, entries, load, plugin_class
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


def analyses_by_default(camera: str, detectors: Iterable[str]) -> list[str]:
    """All analyses but those that would say nothing, or cost what nobody asked for.

    Args:
        camera: without one, the analysis that compares with a camera says nothing.
        detectors: names of detectors; an analysis that stands on a backbone comes with a detector
            on the same one, for it then costs nothing.
    """
    known = cards("detector")
    shared = {need for name in detectors if name in known for need in known[name].requires}
    return [
        name
        for name, entry in entries("analysis").items()
        if (camera or name != FINGERPRINT) and shared.issuperset(entry.card.requires)
    ]


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
