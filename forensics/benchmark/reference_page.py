"""The page on familiarity: how often pictures resemble no reference, and what small files cost."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import forensics
from forensics.benchmark.drawn import FIRST
from forensics.benchmark.out_of_fold import CONDITIONS
from forensics.benchmark.reference_fit import (
    FLAGGED,
    SHIPPED,
    Form,
    fit_references,
    left_out_similarities,
    limit_at,
)
from forensics.benchmark.tables import Figure, markdown
from forensics.benchmark.token_rows import Stranger, TokenRows, Whole
from forensics.benchmark.unseen import SMALL
from forensics.references import References
from forensics.statistics import Names, rate_interval

CLEAN, DEGRADED = CONDITIONS
WORDS = {0: "real", 1: "fake"}
EVERY, EVERYTHING = 10**9, 768
FORMS = (
    Form(EVERYTHING, EVERY, SHIPPED.neighbour, eight_bits=False),
    Form(EVERYTHING, SHIPPED.count, SHIPPED.neighbour, eight_bits=False),
    Form(SHIPPED.directions, SHIPPED.count, SHIPPED.neighbour, eight_bits=False),
    SHIPPED,
    Form(SHIPPED.directions // 2),
    Form(count=SHIPPED.count // 4),
)
"""From what costs nothing but room to what ships, and less."""


@dataclass(frozen=True, eq=False)
class Found:
    """References with their limit.

    `below`: (n,) which of the rows that they come from resemble no reference of the other folds.
    """

    references: References
    below: NDArray[np.bool_]


def find(learned: TokenRows, form: Form = SHIPPED) -> Found:
    """Fit references to rows, none a check row, and set the limit on folds left out.

    It is set on clean rows: degraded ones are small and smooth, and most of them alike.
    """
    similarities = left_out_similarities(learned, form)
    clean = learned.conditions == CLEAN
    limit = limit_at(similarities[clean], learned.where(clean))
    return Found(fit_references(learned, form).limited(limit), similarities < limit)


def share(hits: NDArray[np.bool_], clusters: Names) -> Figure:
    """A rate at the effective number of clusters (Clopper and Pearson)."""
    value, low, high = rate_interval(hits, np.ones(len(hits)), clusters)
    return Figure(value, low, high)


def page(found: Found, rows: TokenRows, strangers: Sequence[Stranger], *more: str) -> str:
    """The whole page.

    Args:
        found: what ships.
        rows: all of them, check rows too.
        strangers: photographs and drawings that are in no fold.
        more: sections that come last.
    """
    sections = [
        _opening(found, rows),
        _by_source(found, rows.where(~rows.checks)),
        _checked(found, rows.where(rows.checks)),
        _never_seen(found, strangers),
        *more,
    ]
    return "\n".join(sections)


def wholes(found: Found, learned: TokenRows, shown: Sequence[Whole]) -> str:
    """What share of large pictures, as they are stored, resembles no reference of other folds."""
    without = {
        fold: fit_references(learned.where(learned.folds != fold))
        for fold in sorted({each.sample.fold for each in shown})
    }
    near = [without[one.sample.fold].similarity(one.tokens) for one in shown]
    below = np.asarray(near) < found.references.limit
    groups, clusters = [w.sample.group for w in shown], [w.sample.cluster for w in shown]
    shares = _by_kind(below, groups, clusters) | _by_kind(below, ["all"] * len(shown), clusters)
    counts = Counter([*groups, *["all"] * len(shown)])
    body = [[group, counts[group], figure] for group, figure in shares.items()]
    return (
        "## Whole pictures\n\nPictures of 448 px or more as they are stored, four crops each, which"
        " may show nothing but a wall or a sky; the references of their fold being left out.\n\n"
        + markdown(["group", "pictures", "resemble none"], body)
    )


def forms(learned: TokenRows, strangers: Sequence[Stranger]) -> str:
    """What fewer references, fewer directions and 8 bits cost: a table; small faces left out."""
    strangers = [each for each in strangers if not each.kind.endswith(SMALL)]
    body = []
    for form in FORMS:
        found = find(learned, form)
        kept = len(found.references.places)
        numbers = f"{8 if form.eight_bits else 32} bits"
        counted = [*(str(figure) for figure in _strange(found, strangers).values())]
        size = _bytes(found.references, form) / 1e6
        body.append([kept, form.directions, numbers, f"{size:.2f}", *counted])
    names = list(dict.fromkeys(each.kind for each in strangers))
    return (
        "## What a small file costs\n\nEach form of the references with the limit that it sets for"
        " itself, on the same left-out pictures, and what share of pictures never seen stays below"
        " it. The fourth ships.\n\n"
        + markdown(["references", "directions", "numbers", "MB", *names], body)
    )


def _opening(found: Found, rows: TokenRows) -> str:
    learned = rows.where(~rows.checks)
    references = found.references
    return (
        f"# Familiarity: does a picture resemble any that was measured?\n\nVersion"
        f" {forensics.__version__}; written by `forensics familiarity`. A picture's crops are"
        " compared, as class tokens of CLIP's block 9, with"
        f" {len(references.places)} references: pictures of the collection, real and generated,"
        " clean and at half size under JPEG 75, one of each source in turn. Its similarity is the"
        f" median over its crops of the cosine to the {_ordinal(references.neighbour)} nearest of"
        f" them, in {references.directions.shape[1]} principal directions of standardised tokens;"
        " what lies outside of these directions makes it unlike all. Below"
        f" {references.limit:.3f} the verdict abstains as out of distribution.\n\nThe limit comes"
        f" from {_pictures(learned)} pictures, compared with references chosen without their fold:"
        f" {100 * FLAGGED:.0f} % of them stay below it, as they are (*clean*), classes and sources"
        " counting alike. Block, directions, number and neighbour were chosen before on"
        " 40 check pictures simulated as on [robustness.md](robustness.md), 60 photographs of LFW"
        " and 12 other drawings of each kind. Brackets: 95 % intervals by Clopper and Pearson, at"
        " the effective number of clusters.\n"
    )


def _by_source(found: Found, learned: TokenRows) -> str:
    body = []
    for label, word in WORDS.items():
        ours = learned.labels == label
        for source in np.unique(learned.sources[ours]).tolist():
            body.append(
                [source, word, *_left_out(found, learned, ours & (learned.sources == source))]
            )
    for label, word in WORDS.items():
        body.append([f"all {word}", "", *_left_out(found, learned, learned.labels == label)])
    return (
        "## Sources left out\n\nWhat share resembles no reference, those of the source's own fold"
        " being left out.\n\n" + markdown(["source", "", "fold", "pictures", CLEAN, DEGRADED], body)
    )


def _left_out(found: Found, learned: TokenRows, mine: NDArray[np.bool_]) -> list[object]:
    """Cells of a row: folds, pictures, and the shares under both conditions."""
    under = (mine & (learned.conditions == condition) for condition in CONDITIONS)
    shares = [share(found.below[kept], learned.clusters[kept]) for kept in under]
    folds = np.unique(learned.folds[mine]).tolist()
    return [folds[0] if len(folds) == 1 else "", _pictures(learned.where(mine)), *shares]


def _checked(found: Found, checked: TokenRows) -> str:
    below = found.references.similarities(checked.tokens) < found.references.limit
    body = []
    for label, word in WORDS.items():
        for condition in CONDITIONS:
            mine = (checked.labels == label) & (checked.conditions == condition)
            cell = share(below[mine], checked.clusters[mine])
            body.append([f"{word}, {condition}", int(mine.sum()), cell])
    return (
        "## New pictures of known sources\n\nCheck rows, which no reference comes from.\n\n"
        + markdown(["", "pictures", "resemble none"], body)
    )


def _never_seen(found: Found, strangers: Sequence[Stranger]) -> str:
    kinds = [each.kind for each in strangers]
    body = [
        [kind, kinds.count(kind), figure] for kind, figure in _strange(found, strangers).items()
    ]
    return (
        "## Never seen\n\nPhotographs as they are stored, and pictures drawn in code"
        " (`forensics/benchmark/drawn.py`, from number"
        f" {FIRST} on). Faces of 64 px are compared here only: for a verdict they are too"
        " small anyway.\n\n" + markdown(["", "pictures", "resemble none"], body)
    )


def _strange(found: Found, strangers: Sequence[Stranger]) -> dict[str, Figure]:
    """By kind, the share that resembles no reference."""
    near = [found.references.similarity(each.tokens) for each in strangers]
    below = np.asarray(near) < found.references.limit
    kinds, clusters = [each.kind for each in strangers], [each.cluster for each in strangers]
    return _by_kind(below, kinds, clusters)


def _by_kind(
    below: NDArray[np.bool_], kinds: Sequence[str], clusters: Sequence[str]
) -> dict[str, Figure]:
    """The share of each kind that is `below`, in the order in which they come."""
    each, shared = np.asarray(kinds), np.asarray(clusters)
    return {kind: share(below[each == kind], shared[each == kind]) for kind in dict.fromkeys(kinds)}


def _bytes(references: References, form: Form) -> int:
    if form.eight_bits:
        return sum(tensor.nbytes for tensor in references.tensors.values())
    arrays = (references.middle, references.scale, references.directions, references.places)
    return sum(array.nbytes for array in arrays)


def _pictures(rows: TokenRows) -> int:
    return int((rows.conditions == CLEAN).sum())


def _ordinal(number: int) -> str:
    return {1: "very", 2: "second", 3: "third"}.get(number, f"{number}th")
