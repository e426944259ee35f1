"""A verdict as the machine-readable object of `forensics examine --json`, one a line."""

import json
from dataclasses import asdict
from pathlib import Path

from forensics.errors import ForensicsError
from forensics.schema import Evidence, FaceVerdict, Finding, Floats, Verdict


def verdict_line(verdict: Verdict) -> dict[str, object]:
    """The object of one verdict: plain numbers, texts and lists; heatmaps are left out."""
    media = verdict.media
    return {
        "path": str(media.path),
        "sha256": media.sha256,
        "kind": media.kind.value,
        "label": verdict.label.value,
        "score": float(verdict.score),
        "interval": _numbers(verdict.interval),
        "reasons": [reason.value for reason in verdict.reasons],
        "faces": [_face(face) for face in verdict.faces],
        "segments": [asdict(segment) for segment in verdict.segments],
        "evidence": {name: _evidence(found) for name, found in verdict.evidence.items()},
        "operating_points": [asdict(point) for point in verdict.operating_points],
        "seconds": float(verdict.seconds),
        "version": verdict.version,
        "not_run": list(verdict.not_run),
    }


def failure_line(path: Path, error: ForensicsError) -> dict[str, object]:
    """The object of a file that could not be examined."""
    return {"path": str(path), "error": {"type": type(error).__name__, "message": str(error)}}


def as_text(line: dict[str, object]) -> str:
    """One line of ASCII JSON without line breaks, whatever a file name holds.

    Raises:
        ValueError: a number is not finite, which JSON cannot say.
    """
    return json.dumps(line, allow_nan=False)


def _face(verdict: FaceVerdict) -> dict[str, object]:
    return {
        "box": _numbers(verdict.face.box),
        "label": verdict.label.value,
        "score": float(verdict.score),
        "interval": _numbers(verdict.interval),
        "frame": verdict.face.frame,
        "track": verdict.face.track,
    }


def _evidence(evidence: Evidence) -> dict[str, object]:
    findings = evidence.findings
    scores = [finding.score for finding in findings if finding.score is not None]
    return {
        "score": float(max(scores)) if scores else None,
        "findings": [
            {
                "statement": finding.statement,
                "score": None if finding.score is None else float(finding.score),
                "frame": finding.frame,
                "face": finding.face,
                **_kind(finding),
            }
            for finding in findings
        ],
        "measurements": {name: float(value) for name, value in evidence.measurements.items()},
        "seconds": float(evidence.seconds),
    }


def _kind(finding: Finding) -> dict[str, object]:
    """The fields that only findings of a counted kind have."""
    fields: dict[str, object] = {"code": finding.code} if finding.code else {}
    if finding.prevalence is not None:
        fields["prevalence"] = asdict(finding.prevalence)
    return fields


def _numbers(values: tuple[float, ...] | Floats) -> list[float]:
    return [float(value) for value in values]
