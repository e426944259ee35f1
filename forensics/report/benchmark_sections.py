"""A benchmark's page from top to bottom; HTML and Markdown of it are made elsewhere."""

from collections.abc import Iterator, Sequence

from forensics.benchmark.leaks import LIMIT
from forensics.benchmark.results import EVERY, GENERATOR, MEAN, Row
from forensics.benchmark.tables import Rows
from forensics.report import benchmark_checks as checks
from forensics.report import benchmark_plots as plots
from forensics.report.benchmark_parts import (
    FIGURES,
    Cell,
    Drawing,
    Section,
    Shown,
    Table,
    capital,
    cell_of,
    family_words,
    number_words,
    way_words,
)


def sections(shown: Shown) -> list[Section]:
    """The whole page."""
    made = [Section("What was measured", shown.facts), *_warnings(shown)]
    if shown.rows:
        made += [_summary(shown), *_matrices(shown), _curves(shown), checks.false_alarms(shown)]
    if shown.said and shown.paths:
        made.append(checks.fooled(shown))
    if shown.comparisons:
        made.append(checks.differences(shown))
    made += [checks.audited(shown)]
    if shown.failures:
        made.append(checks.failures(shown))
    return made + ([checks.reading(shown)] if shown.rows else [])


def _warnings(shown: Shown) -> Iterator[Section]:
    leaks = [leak for leak in shown.leaks.get(shown.headline[0], ()) if leak.confounding]
    if not leaks:
        return
    by_source: dict[str, list[str]] = {}
    for leak in leaks:
        by_source.setdefault(f"{leak.source} ({leak.against})", []).append(
            f"{leak.feature} {number_words(leak.auc)}"
        )
    done = "Nothing was scored." if shown.refused else "It was scored all the same, as asked."
    yield Section(
        "This set is confounded",
        (
            "A trivial reading of the file tells fakes from the real files beside them: the lower "
            f"95 % bound of its AUC exceeds {LIMIT:.2f}. A detector may have learned no more than "
            f"that. {done}",
            *(f"{source}: {', '.join(found)}" for source, found in by_source.items()),
        ),
        warning=True,
    )


def _summary(shown: Shown) -> Section:
    tables = []
    for against, level in shown.families:
        means = [r for r in shown.rows if (r.kind, r.against, r.level) == (MEAN, against, level)]
        head = [row for row in means if row.shown == shown.headline]
        original = {r.detector: r for r in means if r.shown == ("original", "none")}
        second = shown.headline[0] != "original" and bool(original)
        header = ("detector", *FIGURES.values(), "failures", "s/file")
        rows = []
        for row in sorted(head, key=_by_auc) or list(original.values()):
            cells = [Cell(row.detector), *(cell_of(row, name) for name in FIGURES)]
            cells += [Cell(str(row.failures)), Cell(number_words(row.seconds_per_image))]
            if second:
                there = row.detector in original
                cells.insert(2, cell_of(original[row.detector], "auc") if there else Cell(""))
            rows.append(tuple(cells))
        if second:
            header = (*header[:2], "AUC, original files", *header[2:])
            rows += [
                (Cell(name), Cell(""), cell_of(row, "auc"), *[Cell("")] * (len(header) - 3))
                for name, row in original.items()
                if name not in {each.detector for each in head}
            ]
        tables.append(Table(capital(family_words(against, level)), header, tuple(rows)))
    words = (
        f"Means over generators, each of equal weight; files {way_words(shown.headline)}. Real and "
        "fake files called rightly are apart, at the detector's own threshold.",
    )
    return Section("Detectors", words, tuple(tables))


def _by_auc(row: Row) -> float:
    return -row.figures["auc"].value if "auc" in row.figures else 0.0


def _matrices(shown: Shown) -> Iterator[Section]:
    for way in dict.fromkeys(row.shown for row in shown.rows):
        tables = []
        for against, level in shown.families:
            rows = [
                row
                for row in shown.rows
                if row.kind in (GENERATOR, MEAN)
                and (row.against, row.level, row.shown) == (against, level, way)
            ]
            if rows:
                tables.append(_matrix(rows, capital(family_words(against, level))))
        yield Section(f"AUC by generator: {way_words(way)}", (), tuple(tables))


def _matrix(rows: Sequence[Row], caption: str) -> Table:
    names = list(dict.fromkeys(row.detector for row in rows))
    sources = list(dict.fromkeys(row.source for row in rows if row.kind == GENERATOR))
    body = []
    for source in (*sources, EVERY):
        kind = MEAN if source == EVERY else GENERATOR
        by_name = {r.detector: r for r in rows if (r.source, r.kind) == (source, kind)}
        one = next(iter(by_name.values()))
        doubt = bool(one.confounded_by) and kind == GENERATOR
        title = "mean" if kind == MEAN else source + (" †" if doubt else "")
        counts = f"{one.fakes} / {one.reals}" if kind == GENERATOR else ""
        cells = [cell_of(by_name[name], "auc") if name in by_name else Cell("") for name in names]
        body.append((Cell(title, flagged=doubt), Cell(counts), *cells))
    return Table(caption, ("generator", "fakes / reals", *names), tuple(body))


def _curves(shown: Shown) -> Section:
    against, level = shown.families[0]
    here = shown.levels == level
    curves: dict[str, dict[str, plots.Curve]] = {"ranking": {}, "scores": {}}
    for said in shown.said:
        good = here & ~said.column.failed
        if said.shown == shown.headline and len(set(shown.columns.labels[good].tolist())) > 1:
            rows = Rows(*(getattr(shown.columns, name)[good] for name in vars(shown.columns)))
            for kind, found in curves.items():
                found[said.name] = (rows, getattr(said.column, kind)[good])
    means = [
        row
        for row in shown.rows
        if (row.kind, row.against, row.level, row.pixels)
        == (MEAN, against, level, shown.headline[0])
    ]
    where = f"Level {level}, {way_words(shown.headline)}"
    drawings = [
        Drawing("roc", plots.roc_plot(curves["ranking"]),
                f"{where}: true against false positives (root scale), every source alike."),
        Drawing("reliability", plots.reliability_plot(curves["scores"]),
                f"{where}: share of fakes against score at one fake in two."),
        Drawing("robustness", plots.robustness_plot(means),
                f"Mean AUC under degradation, {family_words(against, level)}."),
    ]  # fmt: skip
    return Section("Curves", (), (), tuple(drawings))
