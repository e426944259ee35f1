"""Small drawings of a report: the scale of a score, the plane of frequencies."""

from collections.abc import Sequence

from markupsafe import escape

from forensics.report.pictures import data_uri
from forensics.report.rates import clears_nothing
from forensics.report.words import printable, score_words
from forensics.schema import Edit, OperatingPoint, Verdict

_MARGIN = 30
_PLANE = 400
_BOX, _GAP = (300, 84), 28
"""Width and height of a step's box, and the room between boxes, px."""
_LINES, _LETTERS = 3, 42
_THRESHOLDS = {"call": "traces reported from here on", "clear": "no traces reported below this"}


def score_scale(verdict: Verdict) -> str:
    """The score and its interval on a scale from 0 to 1, with the thresholds of the verdict.

    It is HTML, not SVG: pages that clean what they show let it pass, and its colours follow theirs.
    """
    low, high = verdict.interval
    words = escape(f"Score {score_words(verdict.score, verdict.interval)} on a scale from 0 to 1")
    ticks = "".join(_span("tick", step / 4, f"{step / 4:g}") for step in range(5))
    marks = "".join(
        _threshold(point) for point in verdict.operating_points if not clears_nothing(point)
    )
    return (
        f'<div class="scale" role="img" aria-label="{words}"><div class="axis">{ticks}{marks}'
        f'<span class="interval" style="left: {100 * low:.2f}%; width: {100 * (high - low):.2f}%">'
        f"</span>{_span('dot', verdict.score)}</div></div>"
    )


def spectrum_plot(encoded: bytes) -> str:
    """An SVG of a centred power spectrum with its axes in cycles per pixel.

    Args:
        encoded: PNG bytes, frequency 0 in the centre, half the sampling rate at the edges.
    """
    side = _PLANE + 2 * _MARGIN
    names = ("-1/2", "-1/4", "0", "1/4", "1/2")
    places = [_MARGIN + _PLANE * step / 4 for step in range(5)]
    axes = "".join(_axis_tick(name, at) for name, at in zip(names, places, strict=True))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" width="{side}" '
        f'height="{side}" font-family="sans-serif" font-size="13" fill="#111" stroke-width="1">'
        f'<rect width="{side}" height="{side}" fill="#fff"/>'
        f'<image href="{data_uri(encoded)}" x="{_MARGIN}" y="{_MARGIN}" width="{_PLANE}" '
        f'height="{_PLANE}" preserveAspectRatio="none"/>{axes}'
        f'<text x="{side / 2}" y="18" text-anchor="middle">cycles per pixel</text></svg>'
    )


def history_plot(history: Sequence[Edit]) -> str:
    """An SVG of steps as boxes from top to bottom, an arrow from each step to what follows it."""
    depths = _depths(history)
    columns: dict[int, int] = {}
    places = []
    for depth in depths:
        places.append((columns.get(depth, 0), depth))
        columns[depth] = columns.get(depth, 0) + 1
    width = max(columns.values()) * (_BOX[0] + _GAP) + _GAP
    height = (max(depths) + 1) * (_BOX[1] + _GAP) + _GAP
    corners = [(_GAP + c * (_BOX[0] + _GAP), _GAP + d * (_BOX[1] + _GAP)) for c, d in places]
    arrows = (
        _arrow(corners[parent], corners[index])
        for index, edit in enumerate(history)
        for parent in edit.parents
    )
    boxes = (_step(*corner, edit) for corner, edit in zip(corners, history, strict=True))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="12" fill="#111">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{"".join(arrows)}{"".join(boxes)}'
        f"</svg>"
    )


def _depths(history: Sequence[Edit]) -> list[int]:
    """The row of each step: below all of its parents."""
    depths: list[int] = []
    for edit in history:
        above = [depths[parent] for parent in edit.parents if parent < len(depths)]
        depths.append(1 + max(above, default=-1))
    return depths


def _step(x: int, y: int, edit: Edit) -> str:
    texts = [(edit.title, "700"), *((line, "400") for line in edit.lines[:_LINES])]
    rows = "".join(
        f'<text x="{x + 10}" y="{y + 20 + 17 * row}" font-weight="{weight}">'
        f"{escape(printable(_short(text)))}</text>"
        for row, (text, weight) in enumerate(texts)
    )
    return (
        f'<rect x="{x}" y="{y}" width="{_BOX[0]}" height="{_BOX[1]}" rx="5" fill="#f3f5f7" '
        f'stroke="#111"/>{rows}'
    )


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1 = start[0] + _BOX[0] // 2, start[1] + _BOX[1]
    x2, y2 = end[0] + _BOX[0] // 2, end[1]
    head = f"{x2},{y2} {x2 - 5},{y2 - 9} {x2 + 5},{y2 - 9}"
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2 - 6}" stroke="#111" stroke-width="1.5"/>'
        f'<polygon points="{head}" fill="#111"/>'
    )


def _short(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}\u2026"


def _axis_tick(name: str, at: float) -> str:
    below = _MARGIN + _PLANE
    return (
        f'<line x1="{at}" x2="{at}" y1="{below}" y2="{below + 5}" stroke="#111"/>'
        f'<line y1="{at}" y2="{at}" x1="{_MARGIN - 5}" x2="{_MARGIN}" stroke="#111"/>'
        f'<text x="{at}" y="{below + 20}" text-anchor="middle">{name}</text>'
    )


def _threshold(point: OperatingPoint) -> str:
    """A dashed line; its words stand on the side where there is more room."""
    side = "left" if point.threshold > 1 / 2 else "right"
    return _span(f"{point.name} to-{side}", point.threshold, _THRESHOLDS[point.name])


def _span(kind: str, at: float, text: str = "") -> str:
    return f'<span class="{kind}" style="left: {100 * at:.2f}%"><span>{text}</span></span>'
