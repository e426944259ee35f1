"""The action that puts generated faces beside a gallery of real people: audit."""

import argparse
import base64
import html
import json
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics.commands.faces_gallery import gallery_argument, opened, pictures_under

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.faces.audit import Nearest, Summary
    from forensics.faces.index import FaceIndex

SIDE = 160
"""Longer side in px of the faces on the page."""


def add_actions(actions: Any) -> None:
    """Declare the action of this file."""
    parser = actions.add_parser(
        "audit",
        help="do generated faces resemble people of a gallery?",
        description=(
            "Look up the largest face of every generated picture; write the distribution of "
            "nearest similarities and the most similar pairs side by side."
        ),
        epilog="example: forensics faces audit --generated fakes --gallery people --out audit.html",
    )
    parser.add_argument("--generated", type=Path, required=True, metavar="DIR")
    gallery_argument(parser)
    parser.add_argument("--pairs", type=int, default=12, metavar="N", help="shown; default 12")
    parser.add_argument("--out", type=Path, metavar="FILE.html", help="page with plot and pairs")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(act=_audit)


def _audit(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from forensics.faces.audit import nearest_of_each, summary

    paths = pictures_under([args.generated])
    with opened(args) as index:
        rows = nearest_of_each(paths, index)
        found = list(tqdm(rows, "looking up", len(paths), disable=None, leave=False))
        result = summary(found, len(index))
        if args.out:
            args.out.write_text(_page(found, result, index, args.pairs), encoding="utf-8")
    if args.json:
        facts = {**asdict(result), "above": {f"{rate:g}": n for rate, n in result.above.items()}}
        print(json.dumps(facts))
    else:
        print("\n".join(_lines(result, index.people)))
    return 0


def _lines(result: "Summary", people: int) -> list[str]:
    from forensics.faces.audit import expected_by_chance

    return [
        f"{result.looked_up} of {result.pictures} pictures looked up among "
        f"{result.gallery_faces} faces of {people} people; {result.failures} could not be",
        f"nearest similarity: median {result.median_similarity:.3f}, "
        f"largest {result.largest_similarity:.3f}",
        *(
            f"at a false match rate of {limit:g} or less: {share:.1%} "
            f"(strangers to this gallery: {expected_by_chance(limit, people):.1%})"
            for limit, share in result.above.items()
        ),
    ]


def _page(found: "Sequence[Nearest]", result: "Summary", index: "FaceIndex", pairs: int) -> str:
    from forensics.faces.audit import histograms
    from forensics.faces.likeness import load_likeness
    from forensics.report.likeness import STYLE

    matched = [one for one in found if one.match is not None]
    nearest = sorted(matched, key=lambda one: -(one.match.similarity if one.match else 0))[:pairs]
    shares = histograms(found, load_likeness(index.matcher.card))
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in _lines(result, index.people))
    failures = "".join(f"<li>{html.escape(one.failure)}</li>" for one in found if one.failure)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Audit of faces</title>'
        "<style>body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        f"{STYLE}</style><body class='report'>"
        f"<h1>Do generated faces resemble people of the gallery?</h1><ul>{lines}</ul>"
        f'<img alt="Distributions of similarity" src="{_plot(shares)}">'
        f"<h2>The most similar pairs</h2>{''.join(map(_figure, nearest))}"
        + (f"<h2>Not looked up</h2><ul>{failures}</ul>" if failures else "")
    )


def _figure(one: "Nearest") -> str:
    from forensics.report.likeness import pair_figure
    from forensics.report.pictures import preview

    assert one.match is not None
    assert one.crop is not None
    return pair_figure(preview(one.crop, SIDE), one.match, f"{one.path.name} and {one.match.label}")


def _plot(shares: dict[str, Any]) -> str:
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.5), layout="constrained")
    axes = figure.subplots()
    for name, values in shares.items():
        edges = np.linspace(-1, 1, len(values) // 4 + 1)
        axes.stairs(values.reshape(-1, 4).sum(axis=1), edges, label=name)
    axes.set(xlabel="similarity (cosine)", ylabel="share of pairs", xlim=(-0.2, 1))
    axes.legend()
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    return _data_uri(stream, "image/png")


def _data_uri(stream: BytesIO, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"
