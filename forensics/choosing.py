"""Which plugins an examination runs: all, the quick ones, or those asked for; what it leaves out.

Quick is what sifts a large folder: one look of one detector at the picture and at each face that
does not fill it, the analyses that read the file rather than its pixels, and the one whose
measurement a label may depend on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from forensics.loading import FINGERPRINT, analyses_by_default

FAST_DETECTORS = ("clip_glance",)
"""Small detectors without CLIP would be as fast, and tell fakes of generators they never saw no
better than chance (docs/results/first-light.md)."""
FAST_ANALYSES = ("error_level", "jpeg_structure", "metadata", "provenance")
"""`error_level` is here for the JPEG quality, below which no verdict is given."""
SMALLEST = 20
"""Shorter side in px of the smallest face that is looked for."""
FAST_SMALLEST = 48
"""The same for a quick look: smaller faces have no part in a verdict, and cost half of the search.
"""
SMALL_FACES = f"faces_under_{FAST_SMALLEST}_px"


@dataclass(frozen=True)
class Choice:
    """Names of the detectors and analyses to run, and of what a full examination has beside them.

    `smallest_face`: shorter side in px of the smallest face that is looked for.
    """

    detectors: tuple[str, ...]
    analyses: tuple[str, ...]
    left_out: tuple[str, ...]
    smallest_face: int = SMALLEST


def choose(
    full: Sequence[str],
    detectors: Sequence[str] | None,
    analyses: Sequence[str] | None,
    *,
    fast: bool,
    camera: str,
) -> Choice:
    """Choose what to run.

    Args:
        full: the detectors of a full examination.
        detectors: those that are asked for; None for the usual ones.
        analyses: those that are asked for; None for the usual ones.
        fast: the usual ones are the quick ones; not together with `detectors`.
        camera: name of a camera that is looked for, "" for none.
    """
    if fast and detectors is not None:
        raise ValueError("give either fast or detectors: fast is a choice of detectors")
    usual = FAST_DETECTORS if fast else tuple(full)
    voting = usual if detectors is None else tuple(detectors)
    if analyses is not None:
        observing = tuple(analyses)
    elif fast:
        observing = (*FAST_ANALYSES, FINGERPRINT) if camera else FAST_ANALYSES
    else:
        observing = tuple(analyses_by_default(camera, voting))
    everything = (*full, *analyses_by_default(camera, full))
    left_out = [name for name in everything if name not in {*voting, *observing}]
    if not fast:
        return Choice(voting, observing, tuple(left_out))
    return Choice(voting, observing, (*left_out, SMALL_FACES), FAST_SMALLEST)
