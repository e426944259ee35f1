"""Curves of a benchmark as SVG: ROC and reliability of every detector, AUC under degradation."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from forensics.benchmark.metrics import roc
from forensics.benchmark.results import Row
from forensics.benchmark.tables import Figure, Rows, reliability
from forensics.statistics import Reals, equal_weights

MOST_POINTS = 300
LINES = ("-", "--", ":", "-.")
Curve = tuple[Rows, Reals]
"""Rows of both classes, and what a detector said of them."""


def roc_plot(curves: Mapping[str, Curve]) -> str:
    """True against false positives, every source of equal weight; the false ones by root scale."""
    canvas, axes = _canvas("false positives", "true positives")
    for index, (name, (rows, ranking)) in enumerate(curves.items()):
        sources = np.where(rows.labels == 1, rows.generators, rows.groups)
        curve = roc(rows.labels, ranking, equal_weights(rows.labels, sources))
        # Straight pieces of the curve bend on this scale, so it is drawn at many places.
        places = np.linspace(0, 1, MOST_POINTS)
        found = np.interp(places**2, curve.false_positive, curve.true_positive)
        axes.plot(places, found, **_style(index), label=name)
    steps = np.linspace(0, 1, 101)
    axes.plot(np.sqrt(steps), steps, color="0.6", linewidth=1)
    marks = (0, 0.01, 0.05, 0.2, 0.5, 1)
    axes.set_xticks(np.sqrt(marks), [f"{mark:g}" for mark in marks])
    return _svg(canvas, axes)


def reliability_plot(curves: Mapping[str, Curve]) -> str:
    """Share of fakes against score, in ten bins of equal mass, at one fake in two."""
    canvas, axes = _canvas("score, mean of the bin", "share of fakes")
    for index, (name, (rows, scores)) in enumerate(curves.items()):
        points = np.asarray(reliability(rows, scores))
        axes.plot(points[:, 0], points[:, 1], marker="o", markersize=3, **_style(index), label=name)
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    return _svg(canvas, axes)


def robustness_plot(rows: Sequence[Row]) -> str:
    """Mean AUC of every detector under each degradation, with intervals.

    Args:
        rows: mean rows of one level and one choice of reals.
    """
    ways = list(dict.fromkeys(row.degradation for row in rows))
    names = list(dict.fromkeys(row.detector for row in rows))
    canvas, axes = _canvas("", "mean AUC over generators", max(5.0, 1.1 * len(ways) + 2), 0.24)
    for index, name in enumerate(names):
        mine = [row for row in rows if row.detector == name and "auc" in row.figures]
        shift = (index - (len(names) - 1) / 2) * 0.5 / max(1, len(names))
        places = [ways.index(row.degradation) + shift for row in mine]
        values = np.asarray([row.figures["auc"].value for row in mine])
        ends = np.asarray([(row.figures["auc"].low, row.figures["auc"].high) for row in mine])
        spread = np.abs(ends.reshape(-1, 2).T - values)
        axes.errorbar(places, values, spread, marker="o", markersize=4, **_style(index), label=name)
    axes.axhline(0.5, color="0.6", linewidth=1)
    axes.set_xticks(range(len(ways)), ways, rotation=20, ha="right")
    axes.set_xlim(-0.5, len(ways) - 0.5)
    axes.set_ylim(0, 1.02)
    return _svg(canvas, axes)


def growth_plot(curves: Mapping[str, Mapping[float, Figure]], what: str, *, root: bool) -> str:
    """AUC by what grows, a curve a condition, with the ends of each figure.

    Args:
        curves: by condition, and there by what grows.
        what: name of the horizontal axis.
        root: whether to lay that axis out by square roots, which draws small values apart.
    """
    canvas, axes = _canvas(what, "mean AUC left out")
    spaced = np.sqrt if root else np.asarray
    for index, (name, curve) in enumerate(curves.items()):
        values = np.asarray([found.value for found in curve.values()])
        ends = np.asarray([(found.low, found.high) for found in curve.values()]).T
        spread = np.abs(ends - values)
        places = spaced(list(curve))
        axes.errorbar(places, values, spread, marker="o", markersize=4, **_style(index), label=name)
    marks = sorted({place for curve in curves.values() for place in curve})
    axes.set_xticks(spaced(marks), [f"{place:g}" for place in marks])
    axes.axhline(0.5, color="0.6", linewidth=1)
    axes.set_ylim(0.3, 1.02)
    return _svg(canvas, axes)


def _canvas(x: str, y: str, width: float = 5.0, bottom: float = 0.13) -> tuple[Any, Any]:
    # Takes .7 s to import, which only those who draw should pay.
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(width, 4.2))
    axes = canvas.subplots()
    canvas.subplots_adjust(left=0.6 / width, right=1 - 0.15 / width, top=0.97, bottom=bottom)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    return canvas, axes


def _style(index: int) -> dict[str, Any]:
    return {"color": f"C{index % 10}", "linestyle": LINES[index // 10 % 4], "linewidth": 1.4}


def _svg(canvas: Any, axes: Any) -> str:
    import matplotlib as mpl

    axes.legend(frameon=False, fontsize=8)
    buffer = io.StringIO()
    # Fixed, so that the same figures give the same file.
    with mpl.rc_context({"svg.hashsalt": "forensics", "svg.fonttype": "none"}):
        canvas.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
