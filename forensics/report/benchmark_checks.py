"""The latter half of a benchmark's page: false alarms, differences, the audit, failures."""

import numpy as np

import forensics
from forensics.benchmark.comparison import Comparison
from forensics.benchmark.leaks import LIMIT, Leak
from forensics.benchmark.results import EVERY, GENERATOR, MEAN, REAL
from forensics.benchmark.tables import Figure
from forensics.report.benchmark_parts import (
    Cell,
    Section,
    Shown,
    Table,
    capital,
    cell_of,
    count_words,
    way_words,
)

SHOWN_FAILURES = 40
FOOLED = 5
"""How many files of each class are named for a detector."""


def false_alarms(shown: Shown) -> Section:
    """How often each real source is called fake."""
    tables = []
    reals = [row for row in shown.rows if row.kind == REAL]
    for way in dict.fromkeys(row.shown for row in reals):
        rows = [row for row in reals if row.shown == way]
        names = list(dict.fromkeys(row.detector for row in rows))
        body = []
        for level, source in dict.fromkeys((row.level, row.source) for row in rows):
            mine = {r.detector: r for r in rows if (r.level, r.source) == (level, source)}
            title = f"{source} ({level})" if source != EVERY else f"all real files ({level})"
            cells = [
                cell_of(mine[name], "false_positive_rate", good=False) if name in mine else Cell("")
                for name in names
            ]
            count = next(iter(mine.values())).reals
            body.append((Cell(title), Cell(str(count)), *cells))
        header = ("real source", "files", *names)
        tables.append(Table(capital(way_words(way)), header, tuple(body)))
    return Section(
        "Real files called fake, by source",
        ("At each detector's own threshold; Clopper-Pearson intervals at the number of clusters.",),
        tuple(tables),
    )


def differences(shown: Shown) -> Section:
    """Who is better than whom, and whether luck would do."""
    body = []
    for each in (one for one in shown.comparisons if one.kind == MEAN):
        singles = [s for s in shown.comparisons if s.kind == GENERATOR and _alike(s, each)]
        won, lost = sum(s.better for s in singles), sum(s.worse for s in singles)
        difference = Figure(each.difference.value, each.difference.low, each.difference.high)
        body.append(
            (
                Cell(each.second),
                Cell(each.first),
                Cell(way_words(each.shown)),
                Cell(_signed(difference)),
                Cell(_p(each.corrected)),
                Cell(_p(each.rank_corrected)),
                Cell(f"{won} / {lost} / {len(singles)}"),
            )
        )
    header = (
        "detector", "less", "files", "mean AUC", "p, bootstrap", "p, signed ranks",
        "better / worse / of",
    )  # fmt: skip
    return Section(
        "Differences",
        (
            "On the files that both scored. Of means: paired bootstrap over clusters, and signed "
            "ranks over generators; of single generators (last column): DeLong for clusters. All "
            "p-values after Holm, each kind of test among its own.",
        ),
        (Table("", header, tuple(body)),),
    )


def _alike(single: Comparison, mean: Comparison) -> bool:
    return (single.first, single.second, single.shown, single.level, single.against) == (
        mean.first, mean.second, mean.shown, mean.level, mean.against
    )  # fmt: skip


def audited(shown: Shown) -> Section:
    """What trivial readings of the files would tell."""
    tables = []
    for way, leaks in shown.leaks.items():
        names = list(dict.fromkeys(leak.feature for leak in leaks))
        judged = {leak.feature: leak.judged for leak in leaks}
        body = []
        for key in dict.fromkeys((leak.source, leak.against, leak.level) for leak in leaks):
            mine = {leak.feature: leak for leak in leaks if _of(leak) == key}
            one = next(iter(mine.values()))
            cells = [_leak_cell(mine[name]) for name in names]
            title = f"{one.source} ({one.against}, {one.level})"
            body.append((Cell(title), Cell(f"{one.fakes} / {one.reals}"), *cells))
        header = ("generator", "fakes / reals", *(n if judged[n] else f"{n} *" for n in names))
        tables.append(Table(f"{capital(way)} files", header, tuple(body)))
    return Section(
        "Leak audit",
        (
            "AUC of classifiers that see one trivial reading of the file, cross-validated over "
            f"clusters. Where the lower bound exceeds {LIMIT:.2f}, the comparison is confounded. "
            "Readings marked * are reported and not judged: a generator's trace may look like "
            "them. Too few files to say: no figure.",
        ),
        tuple(tables),
    )


def _of(leak: Leak) -> tuple[str, str, str]:
    return leak.source, leak.against, leak.level


def _leak_cell(leak: Leak) -> Cell:
    if leak.auc is None or leak.low is None or leak.high is None:
        return Cell("")
    return Cell(str(Figure(leak.auc, leak.low, leak.high)), None, leak.confounding)


def failures(shown: Shown) -> Section:
    """Files that somebody could not score, and why."""
    messages: dict[tuple[str, str], int] = {}
    for (name, _, path), message in shown.failures.items():
        key = (path, f"{name}: {message}")
        messages[key] = messages.get(key, 0) + 1
    lines = [f"{path}: {message}" for path, message in sorted(messages)]
    more = len(lines) - SHOWN_FAILURES
    return Section(
        "Failures",
        (
            f"{count_words(len({path for path, _ in messages}), 'file')} could not be scored by "
            "somebody; failures are counted in every row and have no part in its figures.",
            *lines[:SHOWN_FAILURES],
            *([f"and {more} more"] if more > 0 else []),
        ),
    )


def fooled(shown: Shown) -> Section:
    """The files that each detector ranks most wrongly, by name."""
    body = []
    for said in (each for each in shown.said if each.shown == shown.headline):
        scored = np.flatnonzero(~said.column.failed)
        order = scored[np.argsort(said.column.ranking[scored], kind="stable")]
        labels = shown.columns.labels[order]
        highest, lowest = order[labels == 0][::-1][:FOOLED], order[labels == 1][:FOOLED]
        named = [", ".join(shown.paths[row] for row in rows) for rows in (highest, lowest)]
        body.append((Cell(said.name), *(Cell(names) for names in named)))
    header = ("detector", "real files that it ranks highest", "fakes that it ranks lowest")
    words = f"Files {way_words(shown.headline)}; paths as in the set, worst first."
    return Section("What fooled them most", (words,), (Table("", header, tuple(body)),))


def reading(shown: Shown) -> Section:
    """What the figures mean."""
    whence = dict.fromkeys(
        f"{row.detector}: {row.threshold_from}"
        + (f", {row.threshold:.3f}" if row.threshold is not None else "")
        for row in shown.rows
    )
    return Section(
        "How to read this",
        (
            "Real = 0, fake = 1. Brackets are 95 % intervals: rows resample clusters of "
            "near-duplicates, means resample generators and then clusters. AUC, AP, EER and TPR "
            "rank files; TPR is read at 1 % false positives where a row has 300 real files, else "
            "at 5 %. ECE, Brier and the share answered are at one fake in two, every source of "
            "equal weight. Seconds are those of one process.",
            f"Thresholds: {'; '.join(whence)}.",
            "† confounded, see the leak audit.",
            f"Version {forensics.__version__}.",
        ),
    )


def _signed(figure: Figure) -> str:
    return f"{figure.value:+.3f} [{figure.low:+.3f}, {figure.high:+.3f}]"


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "< .001" if value < 0.001 else f"{value:.3f}".lstrip("0")  # noqa: PLR2004
