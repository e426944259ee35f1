"""Verdicts as one self-contained HTML page: no second file, nothing from a network.

Its one script is the magnifier's, which the page's own policy names by its SHA-256.
"""

import base64
import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from forensics import __version__
from forensics.plugins import backbones, cards
from forensics.prevalence import most_telling_first, rate_note
from forensics.report import pictures, rates, words
from forensics.report.figures import Figure, figures_of
from forensics.report.plots import score_scale
from forensics.report.templates import css, environment
from forensics.schema import Evidence, FaceVerdict, Image, ModelCard, Verdict

SHOWN_VERSIONS = ("numpy", "scipy", "onnxruntime", "opencv-python-headless", "pillow")


@dataclass(frozen=True, eq=False)
class FaceRow:
    """One face of a verdict with its number and its picture as a data URI."""

    number: int
    picture: str
    verdict: FaceVerdict


@dataclass(frozen=True, eq=False)
class Exhibit:
    """One examined file, ready to be shown: the verdict and every picture it needs, encoded."""

    verdict: Verdict
    picture: Figure
    scale: Markup
    faces: tuple[FaceRow, ...]
    figures: dict[str, tuple[Figure, ...]]

    @property
    def detectors(self) -> dict[str, Evidence]:
        """The evidence of those plugins that give logits, by name."""
        found = self.verdict.evidence
        return {name: one for name, one in found.items() if "logit_mean" in one.measurements}

    @property
    def maps(self) -> list[Figure]:
        """The drawings that can be laid beside the picture."""
        return [figure for drawn in self.figures.values() for figure in drawn if figure.title]

    @property
    def observed(self) -> dict[str, Evidence]:
        """All evidence by plugin name, what is most telling first."""
        return most_telling_first(self.verdict.evidence)

    @property
    def titles(self) -> dict[str, str]:
        """The title of each plugin that gave evidence, by name."""
        titles = {card.name: card.title for card in self.cards}
        return {name: titles.get(name, words.name_words(name)) for name in self.verdict.evidence}

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """The cards of all plugins that gave evidence, and of the backbones they stand on."""
        known = {**cards("analysis"), **cards("detector")}
        used = [known[name] for name in self.verdict.evidence if name in known]
        names = {name: None for card in used for name in card.requires}
        return (*used, *(backbones()[name] for name in names if name in backbones()))


def exhibit(verdict: Verdict, image: Image) -> Exhibit:
    """Encode what a report of this verdict shows.

    Args:
        verdict: what was found.
        image: the picture that was examined, (H, W, 3) uint8 RGB, upright.
    """
    size = (verdict.media.width, verdict.media.height)
    boxes = [found.face for found in verdict.faces]
    preview = pictures.preview(image)
    marked = pictures.marked(preview, size, boxes)
    caption = f"{words.media_words(verdict)}. {words.faces_words(verdict)}"
    return Exhibit(
        verdict=verdict,
        picture=Figure(pictures.svg_uri(marked), caption, f"The examined picture. {caption}"),
        scale=Markup(score_scale(verdict)),
        faces=tuple(
            FaceRow(number, pictures.data_uri(pictures.face_preview(image, found.face)), found)
            for number, found in enumerate(verdict.faces, 1)
        ),
        figures={
            name: figures_of(name, evidence, verdict, preview)
            for name, evidence in verdict.evidence.items()
        },
    )


def render(exhibits: Sequence[Exhibit], failures: Sequence[tuple[str, str]] = ()) -> str:
    """The page of any number of files, with an index where there are several.

    Args:
        exhibits: the files examined.
        failures: path and message of each file that could not be examined.
    """
    return (
        _environment()
        .get_template("report.html.j2")
        .render(exhibits=exhibits, failures=failures, cards=_distinct_cards(exhibits))
    )


def part(name: str, one: Exhibit) -> str:
    """One part of the report as an HTML fragment with its style, for a page that has its own frame.

    Args:
        name: "summary", "faces", "observed", "detectors", "error_rates", "origin" or "method".
        one: the file that the part is about.
    """
    parts = _environment().get_template("parts.html.j2").module
    macro = getattr(parts, name)
    fragment = macro(_distinct_cards([one])) if name == "method" else macro(one)
    return framed(str(fragment))


def magnifier(one: Exhibit) -> str:
    """The magnifier as a page of its own, for a frame; "" where there is no map."""
    if not one.maps:
        return ""
    return _environment().get_template("magnifier.html.j2").render(one=one)


def framed(fragment: str) -> str:
    """A fragment of HTML with the report's style, for a page that has its own frame."""
    return f'<style>{css("parts")}</style><div class="report part">{fragment}</div>'


def write(path: Path, page: str) -> None:
    """Write a page at once: readers see the old file or the whole new one.

    Raises:
        OSError: the folder does not exist or cannot be written to.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_text(page, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _distinct_cards(exhibits: Sequence[Exhibit]) -> list[ModelCard]:
    return list({card.name: card for one in exhibits for card in one.cards}.values())


@cache
def _environment() -> Environment:
    made = environment()
    made.filters |= {
        "label_words": words.label_words,
        "meaning_words": words.meaning_words,
        "reason_words": words.reason_words,
        "printable": words.printable,
        "name_words": words.name_words,
        "percent": words.percent,
        "rate_note": rate_note,
        "rate": rates.rate_words,
        "meanings": rates.meanings,
    }
    made.tests["clears_nothing"] = rates.clears_nothing
    made.globals |= {
        "nothing_cleared": rates.NOTHING_CLEARED,
        "score_words": words.score_words,
        "faces_words": words.faces_words,
        "media_words": words.media_words,
        "not_run_words": words.not_run_words,
        "colour_ramp": pictures.colour_ramp(),
        "one_fake_in": rates.ONE_FAKE_IN,
        "limits": words.LIMITS,
        "versions": _versions(),
        "parts_css": Markup(css("parts")),
        "script": Markup(_script()),
        "script_hash": _sha256_of(_script()),
    }
    return made


@cache
def _script() -> str:
    return Path(__file__).with_name("magnifier.js").read_text(encoding="utf-8")


def _sha256_of(script: str) -> str:
    """The script's name in a Content-Security-Policy."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


def _versions() -> dict[str, str]:
    shown = {"forensics": __version__, "python": platform.python_version()}
    return shown | {name: version(name) for name in SHOWN_VERSIONS}
