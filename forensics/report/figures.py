"""The drawings of a report: maps over the picture, lines in it, and the history a file claims."""

from dataclasses import dataclass

from forensics.report import pictures, words
from forensics.report.plots import history_plot, spectrum_plot
from forensics.schema import Edit, Evidence, Face, Finding, Floats, Map, Verdict


@dataclass(frozen=True, eq=False)
class Figure:
    """A drawing as a data URI, its caption, and words for those who cannot see it.

    `title`: what the magnifier calls it, or "" where it has nothing to lay beside the picture.
    `ramp`: whether its colours follow the scale from low to high.
    """

    source: str
    caption: str
    description: str
    title: str = ""
    ramp: bool = False


def figures_of(
    name: str, evidence: Evidence, verdict: Verdict, preview: bytes
) -> tuple[Figure, ...]:
    """All drawings of what one plugin found.

    Args:
        name: the plugin's.
        evidence: what it found.
        verdict: whose faces and size are drawn.
        preview: the examined picture as JPEG, on which lines are drawn.
    """
    drawn = []
    maps = [finding for finding in evidence.findings if finding.heatmap is not None]
    for number, finding in enumerate(evidence.findings, 1):
        suffix = f" {number}" if len(maps) > 1 else ""
        if finding.heatmap is not None:
            drawn.append(_map_figure(name, suffix, finding, finding.heatmap, verdict))
        if finding.lines is not None and len(finding.lines):
            drawn.append(_line_figure(name, suffix, finding, finding.lines, verdict, preview))
    return (*drawn, *_history_figures(name, evidence.history))


def _map_figure(name: str, suffix: str, finding: Finding, heatmap: Map, verdict: Verdict) -> Figure:
    encoded = pictures.heatmap(heatmap)
    title = words.drawing_title(name) + suffix
    if name in words.FREQUENCY_MAPS:
        caption = f"{title}: power of each frequency, 0 in the centre."
        source = pictures.svg_uri(spectrum_plot(encoded))
        return Figure(source, caption, f"{caption} {finding.statement}", ramp=True)
    svg = pictures.marked(encoded, _size(verdict), _faces(verdict))
    caption = f"{title}: map over the picture."
    description = f"{caption} {finding.statement}"
    return Figure(pictures.svg_uri(svg), caption, description, title, ramp=True)


def _line_figure(  # noqa: PLR0917
    name: str, suffix: str, finding: Finding, lines: Floats, verdict: Verdict, preview: bytes
) -> Figure:
    title = f"{words.drawing_title(name)}{suffix}, lines"
    svg = pictures.connected(preview, _size(verdict), lines)
    caption = f"{title} between points that belong together."
    return Figure(pictures.svg_uri(svg), caption, f"{caption} {finding.statement}", title)


def _history_figures(name: str, history: tuple[Edit, ...]) -> tuple[Figure, ...]:
    if not history:
        return ()
    caption = f"{words.drawing_title(name)}: the steps that the file claims, in order."
    steps = "; ".join(words.printable(edit.title) for edit in history)
    svg = history_plot(history)
    return (Figure(pictures.svg_uri(svg), caption, f"{caption} {steps}"),)


def _size(verdict: Verdict) -> tuple[int, int]:
    return verdict.media.width, verdict.media.height


def _faces(verdict: Verdict) -> list[Face]:
    return [found.face for found in verdict.faces]
