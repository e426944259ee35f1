"""How the gain grows: left-out AUC by the number of trace makers, and by the share of pairs."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from forensics.benchmark.datasets import PictureStore
from forensics.benchmark.fuel_mixes import Mix, left_out_auc
from forensics.benchmark.tables import Figure, markdown
from forensics.report.benchmark_plots import growth_plot
from forensics.training import Sample

Curves = Mapping[str, Mapping[float, Figure]]
"""By condition, and there by what grows."""
LEFT_OUT = "Mean AUC on folds A and C, each left out, against the real pictures of the same fold"


def choices_of(makers: Sequence[str], number: int) -> list[tuple[str, ...]]:
    """Choices of `number` makers in which each of them appears equally often.

    Makers in a ring, and every run of neighbours in it; each choice in the order of `makers`.
    """
    size = len(makers)
    starts = range(size) if 0 < number < size else range(1)
    rings = [{(start + step) % size for step in range(number)} for start in starts]
    return [tuple(makers[place] for place in sorted(ring)) for ring in rings]


def by_makers(
    mix: Mix,
    makers: Sequence[str],
    samples: Sequence[Sample],
    store: PictureStore,
    conditions: Sequence[str],
) -> dict[str, dict[float, Figure]]:
    """Mean left-out AUC by condition and number of makers.

    Args:
        mix: gives the detector, its recipe and where its runs lie.
        makers: of which all numbers, from 0 on, are tried; see `choices_of`.
        samples: train and are left out.
        store: reads them.
        conditions: as in `CONDITIONS`.

    Returns:
        Figures whose value is the mean over the choices of so many makers, and whose ends are the
        lowest and the highest of them.
    """
    curves: dict[str, dict[float, Figure]] = {condition: {} for condition in conditions}
    for number in tqdm(range(len(makers) + 1), "numbers of makers", disable=None):
        chosen = [dataclasses.replace(mix, makers=one) for one in choices_of(makers, number)]
        for condition, curve in curves.items():
            found = [left_out_auc(one, samples, store, condition)["mean"] for one in chosen]
            curve[float(number)] = _spread(found)
    return curves


def _spread(found: Sequence[Figure]) -> Figure:
    values = [figure.value for figure in found]
    return Figure(float(np.mean(values)), min(values), max(values), found[0].fakes, found[0].reals)


def by_pairs(
    mix: Mix,
    shares: Sequence[float],
    samples: Sequence[Sample],
    store: PictureStore,
    conditions: Sequence[str],
) -> dict[str, dict[float, Figure]]:
    """Mean left-out AUC of a mix by condition and share of pairs, with intervals."""
    return {
        condition: {
            share: left_out_auc(mix.with_share(share), samples, store, condition)["mean"]
            for share in tqdm(sorted(shares), f"pairs, {condition}", disable=None)
        }
        for condition in conditions
    }


def makers_section(mix: Mix, makers: Sequence[str], curves: Curves, images: Path) -> str:
    """The curve by the number of makers as a table; draws it into the folder `images`."""
    words = (
        f"## {mix.detector} by the number of makers\n\nMakers: {', '.join(makers)}."
        " Of so many of them, in choices in which each appears equally often, the mean, and in"
        f" brackets the worst and the best choice. {LEFT_OUT}."
    )
    picture = images / "fuel-makers.svg"
    picture.write_text(growth_plot(curves, "makers of pairs", root=False), encoding="utf-8")
    return _section(words, "makers", curves, picture)


def pairs_section(mix: Mix, curves: Curves, images: Path) -> str:
    """The curve by the share of pairs as a table; draws it into the folder `images`."""
    words = (
        f"## {mix.detector} by the number of pairs\n\nMix: {mix.title}; each maker turns this"
        f" share of the real pictures into pairs. {LEFT_OUT}."
    )
    label = "share of the real pictures in pairs, per maker"
    picture = images / "fuel-pairs.svg"
    picture.write_text(growth_plot(curves, label, root=True), encoding="utf-8")
    return _section(words, "share", curves, picture)


def _section(words: str, what: str, curves: Curves, picture: Path) -> str:
    places = list(next(iter(curves.values())))
    body = [[f"{place:g}", *(str(curve[place]) for curve in curves.values())] for place in places]
    return (
        f"{words}\n\n{markdown([what, *curves], body)}\n"
        f"![The same as curves](../images/{picture.name})\n"
    )
