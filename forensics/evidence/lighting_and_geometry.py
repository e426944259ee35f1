"""Highlights and pupils of the two eyes of each face, against each other. Weak, and says so."""

from collections.abc import Iterator
from time import perf_counter

from forensics.analysis import Analysis
from forensics.case import Case
from forensics.schema import Evidence, Face, Finding
from forensics.traces.eyes import LEAST_DISTANCE, Eyes, compare_eyes

MOST_FACES = 8
LITTLE_OVERLAP = 0.12
ROUGH_PUPIL = 0.6
WEAK = "glasses, lamps near the face, lids and small irises do the same; this is weak evidence"


class LightingAndGeometry(Analysis):
    """Compares what both eyes of a face reflect, and the shapes of their pupils."""

    def examine(self, case: Case) -> Evidence:
        """Return one or two findings a face whose eyes are large enough."""
        start = perf_counter()
        faces = case.faces[:MOST_FACES]
        compared = {number: compare_eyes(case.image, face) for number, face in enumerate(faces)}
        seen = {number: eyes for number, eyes in compared.items() if eyes is not None}
        findings = [each for number, eyes in seen.items() for each in _of_face(number, eyes)]
        if not seen:
            words = (
                f"No face has eyes {LEAST_DISTANCE:.0f} px apart, which comparing them takes: "
                f"{_count(case.faces)} found."
            )
            findings = [Finding(words, code="eyes_not_compared")]
        figures = {"faces_compared_count": float(len(seen)), **_lowest(list(seen.values()))}
        return Evidence(tuple(findings), figures, perf_counter() - start)


def _of_face(number: int, eyes: Eyes) -> Iterator[Finding]:
    if eyes.highlights is None:
        words = "An eye of this face shows no highlight to compare."
        yield Finding(words, face=number, code="no_highlights")
    else:
        yield _highlights(number, eyes.highlights)
    if eyes.pupils is not None:
        yield _pupils(number, eyes.pupils)


def _highlights(number: int, overlap: float) -> Finding:
    words = f"The highlights on the two corneas of face {number + 1} overlap by {overlap:.0%}"
    if overlap >= LITTLE_OVERLAP:
        return Finding(f"{words}.", face=number, code="highlights_alike")
    return Finding(f"{words}; {WEAK}.", face=number, code="highlights_differ")


def _pupils(number: int, fit: float) -> Finding:
    words = f"The less regular pupil of face {number + 1} overlaps its ellipse by {fit:.0%}"
    if fit >= ROUGH_PUPIL:
        return Finding(f"{words}.", face=number, code="pupils_regular")
    return Finding(f"{words}; {WEAK}.", face=number, code="pupil_irregular")


def _lowest(eyes: list[Eyes]) -> dict[str, float]:
    overlaps = [one.highlights for one in eyes if one.highlights is not None]
    fits = [one.pupils for one in eyes if one.pupils is not None]
    named = {"lowest_highlight_overlap_share": overlaps, "lowest_pupil_fit_share": fits}
    return {name: min(values) for name, values in named.items() if values}


def _count(faces: list[Face]) -> str:
    return "one face was" if len(faces) == 1 else f"{len(faces)} faces were"
