"""Score detectors on labelled files: across generators and degradations, with intervals.

SET is a manifest (CSV with path and label), a folder with real/ and fake/GENERATOR/, or a folder in
the layout of FaceForensics++, Celeb-DF v2, DFDC, ForenSynths, GenImage or UniversalFakeDetect.
Before anything is scored, an audit asks whether trivial readings of the files (size, format, ...)
tell fakes from the real files beside them; such a set is refused with exit status 3. --equalise
cuts and encodes both classes alike. A stopped benchmark goes on where it was. Two runs, or a
run and a baseline, are compared by `forensics benchmark compare`. See docs/benchmark.md.
"""

import argparse
import os
import sys
from pathlib import Path

from tqdm import tqdm

from forensics.benchmark.collection import Collection
from forensics.benchmark.comparison import Comparison, compare
from forensics.benchmark.contestants import (
    FUSED,
    METADATA,
    PLUGIN,
    Contestant,
    contestant_of,
    fused_of,
    loaded,
    table_of_scores,
)
from forensics.benchmark.datasets import REGION, capped
from forensics.benchmark.degrade import STEPS, every_chain
from forensics.benchmark.duels import AGAINST
from forensics.benchmark.engines import ENGINES
from forensics.benchmark.layouts import LAYOUTS, read_collection
from forensics.benchmark.published import NAME, Published, as_published, write_scores
from forensics.benchmark.run import Benchmark, Settings
from forensics.benchmark.tables import rows_of
from forensics.benchmark.viewing import LEVELS, SIDE, Viewer
from forensics.errors import InvalidOption, WeightsUnavailable
from forensics.plugins import default_detectors
from forensics.report.benchmark_page import write_markdown, write_page
from forensics.report.benchmark_parts import Shown, count_words, way_words
from forensics.report.benchmark_sections import sections

EXAMPLE = (
    "forensics benchmark pictures/ --detector spectrum --detector mine.py"
    " --degrade jpeg:75,50 resize:0.5+jpeg:75 --equalise --out results"
)
REFUSED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    parser.add_argument("set", type=Path, metavar="SET", help="MANIFEST.csv or a folder")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the results")
    parser.add_argument("--page", type=Path, metavar="FILE.md", help="also write report.md here")
    parser.add_argument("--note", nargs="*", default=[], help="sentences for the top of the page")
    _add_contestants(parser)
    _add_showing(parser)
    parser.add_argument("--layout", choices=sorted(LAYOUTS), help="default: recognised")
    parser.add_argument("--per-group", type=int, metavar="N", help="cap on a group's files")
    parser.add_argument(
        "--against",
        nargs="+",
        choices=AGAINST,
        help="the real files that fakes are scored with; default: those of their own pipeline "
        "where the layout knows them, else all; with --runs all, fold and matched",
    )
    parser.add_argument(
        "--allow-confounded", action="store_true", help="score a set that the audit refuses"
    )
    parser.add_argument("--engine", choices=ENGINES, default="local", help="default local")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes, default all"
    )
    group = parser.add_argument_group("scores left out by fold")
    group.add_argument("--folds", type=Path, metavar="FOLDS.csv", help="of the training data")
    group.add_argument("--runs", type=Path, metavar="DIR", help="holds NAME-A to NAME-D")
    group.add_argument(
        "--cache", type=Path, default=Path("runs/cache"), metavar="DIR", help="as of training"
    )


def _add_contestants(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--detector",
        action="append",
        metavar="NAME|FILE.py",
        help="may be repeated; default: those that examine uses",
    )
    parser.add_argument(
        "--scores",
        action="append",
        default=[],
        metavar="NAME=FILE.csv",
        help="somebody else's scores: columns path, and score in [0, 1] or logit",
    )
    parser.add_argument("--no-fused", action="store_true", help="without the fused verdict")
    parser.add_argument("--no-metadata", action="store_true", help="without what files say")
    parser.add_argument(
        "--reference", metavar="NAME", help="whom all others are compared with; default fused"
    )


def _add_showing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--degrade",
        nargs="+",
        action="extend",
        default=[],
        metavar="SPEC",
        help=f"chains of {', '.join(STEPS)}: jpeg:75,50 are two, resize:0.5+jpeg:75 is one",
    )
    parser.add_argument("--equalise", action="store_true", help="cut and encode all files alike")
    parser.add_argument(
        "--side", type=int, metavar="PX", help=f"of equalised pictures, default {SIDE}"
    )
    parser.add_argument(
        "--no-original", action="store_true", help="with --equalise: not the files as they are too"
    )
    parser.add_argument("--level", choices=LEVELS, default="image", help="default image")
    parser.add_argument("--frames", type=int, default=8, metavar="N", help="of a clip, default 8")


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
    if args.per_group is None:
        return found
    samples = tuple(capped(list(found.samples), args.per_group))
    return Collection(found.root, samples, found.partners, found.layout)


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
        contestants=tuple(_contestants(args)),
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


def _contestants(args: argparse.Namespace) -> list[Contestant]:
    chosen = args.detector or ([] if args.scores else list(default_detectors()))
    found = [contestant_of(text) for text in dict.fromkeys(chosen)]
    if args.runs is None:
        found = [each for each in found if _ready(each, by_name=args.detector is not None)]
    fused = None if args.no_fused else _fused(args, found)
    found += [table_of_scores(text) for text in args.scores]
    found += [fused] if fused else []
    found += [] if args.no_metadata else [Contestant(METADATA, METADATA)]
    names = [each.name for each in found]
    if len(set(names)) < len(names):
        raise InvalidOption(f"names must differ, got {', '.join(names)}")
    return found


def _ready(contestant: Contestant, *, by_name: bool) -> bool:
    """Whether it can be loaded; one asked for by name must."""
    try:
        loaded(contestant)
    except WeightsUnavailable as error:
        if by_name:
            raise
        print(f"forensics: without {contestant.name}: {error}", file=sys.stderr)
        return False
    return True


def _fused(args: argparse.Namespace, found: list[Contestant]) -> Contestant | None:
    if args.runs is None:
        return fused_of(found) if args.level == "image" else None
    # Those that are there to be compared have no vote.
    voting = set(default_detectors())
    names = tuple(each.name for each in found if each.kind == PLUGIN and each.name in voting)
    return Contestant(FUSED, FUSED, members=names) if len(names) > 1 else None


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
