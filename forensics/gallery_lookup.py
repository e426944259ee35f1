"""The lookup in a gallery as an analysis: whom the faces of a case look like, as evidence.

It is no plugin that runs by itself: a gallery must be named, and nothing of this is imported else.
"""

from pathlib import Path
from time import perf_counter

from forensics.analysis import Analysis
from forensics.case import Case
from forensics.faces.index import FaceIndex, LookedUp
from forensics.schema import Evidence, Finding


class GalleryLookup(Analysis):
    """Looks up every face of a case in one gallery."""

    def __init__(self, folder: Path) -> None:
        """Open the gallery in `folder` with its own matcher.

        Raises:
            GalleryUnusable: it cannot be opened.
        """
        self.index = FaceIndex(folder)
        super().__init__(self.index.matcher.card)

    def examine(self, case: Case) -> Evidence:
        """Say of each face whom it resembles most, and how unusual that is."""
        started = perf_counter()
        found = self.index.search(case.image, top=1, faces=case.faces)
        measurements: dict[str, float] = {
            "faces_count": float(len(found)),
            "gallery_faces_count": float(len(self.index)),
        }
        for number, one in enumerate(found):
            for match in one.matches:
                measurements[f"face_{number}_similarity_cosine"] = match.similarity
                measurements[f"face_{number}_false_match_rate"] = match.false_match_rate
        findings = tuple(_finding(number, one) for number, one in enumerate(found))
        return Evidence(findings, measurements, perf_counter() - started)


def _finding(number: int, found: LookedUp) -> Finding:
    name = f"Face {number + 1}"
    if found.refusal:
        return Finding(f"{name} was not looked up: {found.refusal}.", frame=0, face=number)
    if not found.matches:
        return Finding(f"{name} was looked up, but the gallery is empty.", frame=0, face=number)
    (match,) = found.matches
    return Finding(
        f"{name} is most like {match.label} of the gallery (similarity {match.similarity:.2f}). "
        f"{match.statement}",
        frame=0,
        face=number,
    )
