"""What a generator made, as one self-contained page: picture, mask, and what surrounds a change."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow
from scipy import ndimage

from forensics.report.pictures import data_uri, preview
from forensics.report.templates import environment
from forensics.schema import Image, Map, ModelCard
from forensics.writing import Provenance, png

SIDE = 480
"""Px of a shown picture's longer side at most."""
AROUND = 0.5
"""Of a changed region's longer side: how much of its surroundings is shown on each side."""
LEAST = 24
"""Px of surroundings at least."""


@dataclass(frozen=True, eq=False)
class Shown:
    """One made picture. `mask` (H, W) in [0, 1]; `before`: the photograph, where there is one."""

    name: str
    facts: str
    image: Image
    mask: Map
    provenance: Provenance
    before: Image | None = None


@dataclass(frozen=True)
class Entry:
    """One made picture, ready for the page: pictures as data URIs, each with its caption."""

    name: str
    facts: str
    figures: list[tuple[str, str]]


def entry(shown: Shown) -> Entry:
    """Encode what a page shows of a picture, so that its pixels need not be kept."""
    return Entry(shown.name, shown.facts, _figures(shown))


def page_of_made(card: ModelCard, entries: Sequence[Entry], facts: Sequence[str]) -> str:
    """Write the page; `facts` are sentences that hold for all pictures."""
    template = environment().get_template("made.html.j2")
    return template.render(card=card, entries=entries, facts=facts)


def surroundings(mask: Map) -> tuple[slice, slice] | None:
    """Where the largest changed region lies, with some of what is around it, inside the picture.

    Returns:
        Rows and columns; None where nothing, or the whole picture, was changed.
    """
    changed = mask > 0
    if changed.all() or not changed.any():
        return None
    labels, _ = ndimage.label(changed)
    found = ndimage.find_objects(labels)[int(np.bincount(labels.ravel())[1:].argmax())]
    longer = max(span.stop - span.start for span in found)
    margin = max(LEAST, round(AROUND * longer))
    rows, columns = (
        slice(max(0, span.start - margin), min(side, span.stop + margin))
        for span, side in zip(found, mask.shape, strict=True)
    )
    return rows, columns


def _figures(shown: Shown) -> list[tuple[str, str]]:
    """Pictures as data URIs, each with its caption."""
    around = surroundings(shown.mask)
    figures = [(_synthetic(shown.image, shown.provenance), "made")]
    if shown.before is not None:
        figures.insert(0, (preview(shown.before, SIDE), "the photograph"))
    if around is not None:
        grey = np.rint(255 * np.clip(shown.mask, 0, 1)).astype(np.uint8)
        white = np.repeat(grey[:, :, None], 3, axis=2)
        figures.append((preview(white, SIDE), "mask: white was changed"))
        if shown.before is not None and shown.before.shape == shown.image.shape:
            was = preview(shown.before[around], SIDE)
            figures.append((was, "around the largest change, before"))
        became = _synthetic(shown.image[around], shown.provenance)
        figures.append((became, "around the largest change, after"))
    return [(data_uri(encoded), caption) for encoded, caption in figures]


def _synthetic(image: Image, provenance: Provenance) -> bytes:
    """A PNG of at most `SIDE` px a side that says what made it, wherever it is saved to."""
    picture = Pillow.fromarray(np.ascontiguousarray(image))
    picture.thumbnail((SIDE, SIDE), Pillow.Resampling.LANCZOS)
    return png(np.asarray(picture), provenance)
