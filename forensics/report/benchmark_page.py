"""A benchmark's sections as one self-contained HTML page, and as Markdown with drawings beside."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment

from forensics.report.benchmark_parts import Cell, Section
from forensics.report.pictures import svg_uri
from forensics.report.templates import environment

_WORST, _BEST = 25, 145
"""Hues of the colour behind an AUC of .5 or less and of 1."""


def as_html(title: str, sections: Sequence[Section]) -> str:
    """One page without scripts or second files."""
    template = _environment().get_template("benchmark.html.j2")
    return template.render(title=title, sections=sections)


def as_markdown(title: str, sections: Sequence[Section], drawings: str) -> str:
    """The same in Markdown.

    Args:
        title: of the page.
        sections: its sections.
        drawings: what the names of the drawings' files begin with.
    """
    lines = [f"# {title}\n"]
    for section in sections:
        lines.append(f"## {section.title}\n")
        if section.text:
            lines.append(f"{section.text[0]}\n")
            lines += [f"- {_escaped(line)}" for line in section.text[1:]]
            lines.append("")
        for table in section.tables:
            if table.caption:
                lines.append(f"{table.caption}.\n")
            lines += [_line(table.header), _line(["---"] * len(table.header))]
            lines += [_line([_marked(cell) for cell in row]) for row in table.rows]
            lines.append("")
        lines += [f"![{d.caption}]({drawings}{d.name}.svg)\n" for d in section.drawings]
    return "\n".join(lines).rstrip() + "\n"


def write_page(folder: Path, title: str, sections: Sequence[Section]) -> None:
    """Write `report.html`, `report.md` and the drawings that the latter shows."""
    _write(folder / "report.html", as_html(title, sections))
    write_markdown(folder / "report.md", title, sections)


def write_markdown(path: Path, title: str, sections: Sequence[Section]) -> None:
    """Write the page in Markdown, and beside it its drawings, whose names begin with the page's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for section in sections:
        for drawing in section.drawings:
            _write(path.with_name(f"{path.stem}-{drawing.name}.svg"), drawing.svg)
    _write(path, as_markdown(title, sections, f"{path.stem}-"))


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _marked(cell: Cell) -> str:
    return f"**{cell.text}** (!)" if cell.flagged and cell.text else cell.text


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _colour(shade: float) -> str:
    """The background of a figure from 0 to 1: grey to .5, then from orange to green."""
    share = max(0.0, min(1.0, 2 * shade - 1))
    hue = _WORST + share * (_BEST - _WORST)
    return f"hsl({hue:.0f} 60% 50% / {0.12 + 0.4 * share:.2f})"


@cache
def _environment() -> Environment:
    made = environment()
    made.filters |= {"colour": _colour, "uri": svg_uri}
    return made
