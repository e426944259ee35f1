"""The templates of all pages: everything that is put into one is escaped unless it says Markup."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def environment() -> Environment:
    """A fresh environment with the style sheet that all pages share; add filters to it."""
    made = Environment(
        loader=PackageLoader("forensics.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"sheet_css": Markup(css("sheet"))}
    return made


@cache
def css(name: str) -> str:
    """The text of a style sheet beside this file."""
    return Path(__file__).with_name(f"{name}.css").read_text(encoding="utf-8")
