"""Small drawings of a report as SVG text: the scale of a score, the plane of frequencies."""

from markupsafe import escape

from forensics.report.pictures import data_uri
from forensics.report.words import score_words
from forensics.schema import Verdict

_WIDTH = 600
_MARGIN = 30
_PLANE = 400
_THRESHOLDS = {
    "call": ("traces reported from here on", 14, 50),
    "clear": ("no traces reported below this", 86, 72),
}
"""By operating point: its words, their height, and where its line ends."""


def score_scale(verdict: Verdict) -> str:
    """The score and its interval on a scale from 0 to 1, with the thresholds of the verdict."""
    low, high = (_at(value) for value in verdict.interval)
    marks = "".join(
        _threshold(point.name, _at(point.threshold)) for point in verdict.operating_points
    )
    words = escape(f"Score {score_words(verdict.score, verdict.interval)} on a scale from 0 to 1")
    return (
        f'<svg class="scale" xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{words}" '
        f'viewBox="0 0 {_WIDTH} 92">'
        f'<line x1="{_at(0)}" x2="{_at(1)}" y1="38" y2="38" stroke="currentColor"/>'
        f"{''.join(_tick(value / 4) for value in range(5))}{marks}"
        f'<rect x="{low:.1f}" width="{max(high - low, 2):.1f}" y="32" height="12" rx="3" '
        f'fill="currentColor" opacity="0.35"/>'
        f'<circle cx="{_at(verdict.score):.1f}" cy="38" r="7" fill="currentColor"/></svg>'
    )


def spectrum_plot(encoded: bytes, description: str) -> str:
    """A centred power spectrum with its axes in cycles per pixel.

    Args:
        encoded: PNG bytes, frequency 0 in the centre, half the sampling rate at the edges.
        description: what it shows, for those who cannot see it.
    """
    side = _PLANE + 2 * _MARGIN
    names = ("-1/2", "-1/4", "0", "1/4", "1/2")
    places = [_MARGIN + _PLANE * step / 4 for step in range(5)]
    axes = "".join(_axis_tick(name, at) for name, at in zip(names, places, strict=True))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(description)}" '
        f'viewBox="0 0 {side} {side}" preserveAspectRatio="xMinYMin" '
        f'font-family="sans-serif" font-size="13">'
        f'<image href="{data_uri(encoded)}" x="{_MARGIN}" y="{_MARGIN}" width="{_PLANE}" '
        f'height="{_PLANE}" preserveAspectRatio="none"/>{axes}'
        f'<text x="{side / 2}" y="16" text-anchor="middle" fill="currentColor">'
        f"cycles per pixel</text></svg>"
    )


def _axis_tick(name: str, at: float) -> str:
    below = _MARGIN + _PLANE
    line = f'<line x1="{at}" x2="{at}" y1="{below}" y2="{below + 5}" stroke="currentColor"/>'
    left = f'<line y1="{at}" y2="{at}" x1="{_MARGIN - 5}" x2="{_MARGIN}" stroke="currentColor"/>'
    text = f'<text x="{at}" y="{below + 20}" text-anchor="middle" fill="currentColor">{name}</text>'
    return line + left + text


def _tick(value: float) -> str:
    at = _at(value)
    return (
        f'<line x1="{at}" x2="{at}" y1="34" y2="42" stroke="currentColor"/>'
        f'<text x="{at}" y="66" text-anchor="middle" font-size="15" fill="currentColor">'
        f"{value:g}</text>"
    )


def _threshold(name: str, at: float) -> str:
    """A dashed line with its words: of the upper one above the scale, of the lower one below."""
    words, text_y, line_end = _THRESHOLDS[name]
    anchor = "end" if at > _WIDTH / 2 else "start"
    return (
        f'<line x1="{at:.1f}" x2="{at:.1f}" y1="20" y2="{line_end}" stroke="currentColor" '
        f'stroke-width="2" stroke-dasharray="3 3"/>'
        f'<text x="{at:.1f}" y="{text_y}" text-anchor="{anchor}" font-size="15" '
        f'fill="currentColor">{words}</text>'
    )


def _at(value: float) -> float:
    return _MARGIN + (_WIDTH - 2 * _MARGIN) * value
