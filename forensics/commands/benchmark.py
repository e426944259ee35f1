"""Score detectors on labelled files: across generators and degradations, with intervals.

SET is a manifest (CSV with path and label), a folder with real/ and fake/GENERATOR/, or a folder in
the layout of FaceForensics++, Celeb-DF v2, DFDC, ForenSynths, GenImage or UniversalFakeDetect.
Before anything is scored, an audit asks whether trivial readings of the files (size, format, ...)
tell fakes from the real files beside them; such a set is refused with exit status 3. --equalise
cuts and encodes both classes alike. A stopped benchmark goes on where it was. Two runs, or a
run and a baseline, are compared by `forensics benchmark compare`. See docs/benchmark.md.
"""

import argparse
import sys

from tqdm import tqdm

from forensics.benchmark.collection import Collection
from forensics.benchmark.comparison import Comparison, compare
from forensics.benchmark.contestants import (
    FUSED,
    METADATA,
)
from forensics.benchmark.datasets import REGION, capped, check_rows
from forensics.benchmark.degrade import every_chain
from forensics.benchmark.duels import AGAINST
from forensics.benchmark.layouts import read_collection
from forensics.benchmark.published import NAME, Published, as_published, write_scores
from forensics.benchmark.run import Benchmark, Settings
from forensics.benchmark.tables import rows_of
from forensics.benchmark.viewing import SIDE, Viewer
from forensics.benchmark.zoo_set import zoo_collection, zoo_samples
from forensics.commands.benchmark_options import add_arguments, contestants
from forensics.commands.picture_stores import picture_store
from forensics.errors import InvalidOption
from forensics.report.benchmark_page import write_markdown, write_page
from forensics.report.benchmark_parts import Shown, count_words, way_words
from forensics.report.benchmark_sections import sections

EXAMPLE = (
    "forensics benchmark pictures/ --detector spectrum --detector mine.py"
    " --degrade jpeg:75,50 resize:0.5+jpeg:75 --equalise --out results"
)
REFUSED = 3
__all__ = ["EXAMPLE", "add_arguments", "run"]


def run(args: argparse.Namespace) -> int:
    """Audit, score, write; return 0, or 3 where the audit refuses the set."""
    collection = _collection(args)
    benchmark = Benchmark(collection, _viewer(args, collection), _settings(args, collection))
    for _ in tqdm(benchmark.audit(), "audit", len(collection.samples), disable=None):
        pass
    refused = bool(benchmark.confounding) and not args.allow_confounded
    if refused:
        write_page(args.out, _title(args), sections(_shown(args, benchmark, refused=True)))
        sources = sorted({leak.source for leak in benchmark.confounding})
        print(
            f"forensics: the set is confounded ({', '.join(sources)}); {args.out}/report.html says "
            "by what. Try --equalise, or score it all the same with --allow-confounded",
            file=sys.stderr,
        )
        return REFUSED
    waiting = len(benchmark.jobs())
    for _ in tqdm(benchmark.score(), "scoring", waiting, unit="file", disable=None):
        pass
    shown = _shown(args, benchmark)
    made = sections(shown)
    write_page(args.out, _title(args), made)
    if args.page is not None:
        write_markdown(args.page, _title(args), made)
    write_scores(args.out / NAME, _published(benchmark), benchmark.said)
    print(f"wrote {args.out}/report.html, report.md, results.jsonl and {NAME}")
    return 0


def _collection(args: argparse.Namespace) -> Collection:
    if args.runs is not None and args.folds is None:
        raise InvalidOption("--runs needs --folds, which tells who never saw what")
    found = read_collection(args.set, layout=args.layout, folds=args.folds)
    if args.zoo:
        return _of_zoo(found, args)
    if args.per_group is None:
        return found
    samples = tuple(capped(list(found.samples), args.per_group))
    return Collection(found.root, samples, found.partners, found.layout)


def _of_zoo(found: Collection, args: argparse.Namespace) -> Collection:
    """The set with our own fakes in the place of its own."""
    if args.folds is None:
        raise InvalidOption("--zoo needs --folds, which tells the check rows")
    if args.runs is not None:
        # Thresholds and fusion of runs would be fitted to the same makers in the other folds.
        raise InvalidOption("--zoo asks the weights that ship, which saw no check row; omit --runs")
    held = check_rows(found.samples, args.zoo_per_group)
    parents = [sample for sample in held if not sample.fake]
    store = picture_store(args.set, args.cache, parents)
    twins = zoo_samples(args.zoo, parents, store)
    made = list(tqdm(twins, "zoo", len(args.zoo) * len(parents), disable=None))
    return zoo_collection(found, parents, [twin for twin in made if twin is not None])


def _viewer(args: argparse.Namespace, collection: Collection) -> Viewer:
    # Calibrations of runs were fitted to regions of this size.
    side = args.side or (REGION if args.runs else SIDE)
    if not 32 <= side <= REGION or args.frames < 1:  # noqa: PLR2004
        raise InvalidOption(f"--side must be 32 to {REGION} px, and --frames 1 or more")
    return Viewer(collection.root, args.cache, side, args.level, args.frames)


def _settings(args: argparse.Namespace, collection: Collection) -> Settings:
    usual = AGAINST if args.runs else (("matched",) if _all_matched(collection) else ("all",))
    return Settings(
        out=args.out,
        contestants=tuple(contestants(args)),
        chains=tuple(every_chain(args.degrade)),
        equalise=args.equalise or args.runs is not None,
        original=not args.no_original,
        against=tuple(args.against or usual),
        runs=args.runs,
        engine=args.engine,
        workers=max(1, args.jobs),
    )


def _all_matched(collection: Collection) -> bool:
    return {each.group for each in collection.samples if each.fake} <= set(collection.partners)


def _published(benchmark: Benchmark) -> Published:
    return as_published(
        benchmark.samples, benchmark.levels, benchmark.collection.partners, benchmark.said
    )


def _comparisons(args: argparse.Namespace, benchmark: Benchmark) -> list[Comparison]:
    """All others against the reference."""
    run = _published(benchmark)
    names = [name for name in run.detectors if name != METADATA]
    reference = args.reference or (FUSED if FUSED in names else next(iter(names), ""))
    pairs = [(name, reference) for name in names if name != reference]
    return compare(run, run, pairs, against=benchmark.settings.against[0]) if pairs else []


def _shown(args: argparse.Namespace, benchmark: Benchmark, *, refused: bool = False) -> Shown:
    return Shown(
        title=_title(args),
        facts=(*_facts(benchmark), *args.note),
        headline=benchmark.shown[0],
        columns=rows_of(benchmark.samples),
        levels=benchmark.levels,
        leaks=benchmark.leaks,
        rows=() if refused else benchmark.rows(),
        said=() if refused else benchmark.said,
        comparisons=() if refused else _comparisons(args, benchmark),
        failures=benchmark.failures,
        refused=refused,
        paths=[sample.path for sample in benchmark.samples],
    )


def _title(args: argparse.Namespace) -> str:
    return f"Benchmark of {args.set.resolve().name}"


def _facts(benchmark: Benchmark) -> list[str]:
    samples, settings = benchmark.samples, benchmark.settings
    fakes = [sample for sample in samples if sample.fake]
    generators = len({sample.generator for sample in fakes})
    sources = len({sample.group for sample in samples if not sample.fake})
    facts = [
        f"{count_words(len(samples), 'file')}, read as {benchmark.collection.layout}: "
        f"{count_words(len(fakes), 'fake')} of {count_words(generators, 'generator')}, and "
        f"{count_words(len(samples) - len(fakes), 'real file')} of "
        f"{count_words(sources, 'source')}. Every file is decoded to pixels first.",
        f"Shown {'; '.join(way_words(way) for way in benchmark.shown)}.",
    ]
    if settings.equalise:
        facts.append(
            f"Equalised: a native region of at most {benchmark.viewer.side} px at a place drawn by "
            "the path alone, then one JPEG of quality 84 to 94, 4:2:0, in both classes."
        )
    if any(level.startswith("video") for level in benchmark.levels.tolist()):
        facts.append(f"Of each clip {benchmark.viewer.frames} frames, evenly spread, are averaged.")
    if settings.runs:
        facts.append(
            "Every file is scored by weights that never saw its fold, and judged by calibration "
            "and thresholds that were fitted on the other folds."
        )
    if benchmark.settings.runs is None and any(c.name == FUSED for c in settings.contestants):
        facts.append("The fused verdict is that of the weights that ship, picture and faces.")
    return facts
