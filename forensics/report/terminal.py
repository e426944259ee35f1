"""A verdict as lines of plain text for a terminal."""

import textwrap
from collections.abc import Iterator

from forensics.prevalence import most_telling_first, rate_note
from forensics.report import rates, words
from forensics.schema import Evidence, FaceVerdict, Verdict

_WIDTH = 96
_INDENT = "  "


def verdict_text(verdict: Verdict) -> str:
    """The verdict in words: label, score, reasons, faces, findings and error rates."""
    parts = [
        words.printable(str(verdict.media.path)),
        *_wrapped(words.label_words(verdict.label).upper(), 1),
        *_wrapped(words.meaning_words(verdict.label), 1),
        *_wrapped(
            f"Score {words.score_words(verdict.score, verdict.interval)}: the probability that "
            "the picture is generated or altered, if one picture in two is.",
            1,
        ),
        *(line for reason in verdict.reasons for line in _wrapped(words.reason_words(reason), 1)),
        *_wrapped(f"{words.media_words(verdict)}. {words.faces_words(verdict)}", 1),
        *_wrapped(words.not_run_words(verdict), 1),
        *(_face(number, face) for number, face in enumerate(verdict.faces, 1)),
        *_observed(verdict.evidence),
        *_how_often_wrong(verdict),
    ]
    return "\n".join(parts)


def _face(number: int, verdict: FaceVerdict) -> str:
    x1, y1, x2, y2 = verdict.face.box
    score = words.score_words(verdict.score, verdict.interval)
    place = f"{x2 - x1:.0f} x {y2 - y1:.0f} px at ({x1:.0f}, {y1:.0f})"
    return f"{_INDENT}Face {number}, {place}: {words.label_words(verdict.label).lower()}, {score}"


def _observed(evidence: dict[str, Evidence]) -> Iterator[str]:
    yield f"{_INDENT}Observed"
    for name, found in most_telling_first(evidence).items():
        for finding in found.findings:
            shown = f"{words.name_words(name)}: {finding.statement} {rate_note(finding)}"
            yield from _wrapped(shown, 2)


def _how_often_wrong(verdict: Verdict) -> Iterator[str]:
    yield f"{_INDENT}How often this is wrong"
    if not verdict.operating_points:
        yield from _wrapped("Unknown: no calibration exists for this set of detectors.", 2)
    for sentence in rates.rate_sentences(verdict.operating_points):
        yield from _wrapped(sentence, 2)
    for source in dict.fromkeys(point.measured_on for point in verdict.operating_points):
        yield from _wrapped(f"Measured on: {source}", 2)


def _wrapped(text: str, depth: int) -> list[str]:
    """A paragraph, its later lines indented once more."""
    return textwrap.wrap(
        words.printable(text),
        _WIDTH,
        initial_indent=_INDENT * depth,
        subsequent_indent=_INDENT * (depth + 1),
    )
