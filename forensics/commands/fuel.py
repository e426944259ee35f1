"""Measure the trace makers: what they cost, what they leave, and what a detector learns from them.

Writes `fuel.md` and a contact sheet. High-frequency energy is compared on check rows, which no
maker was trained on. The effect as fuel is the left-out AUC on folds A and C of a detector trained
on each mix; every mix sees the same rows under the same settings.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from forensics.benchmark import fuel
from forensics.benchmark.datasets import PictureStore, capped, read_samples
from forensics.benchmark.fuel import MakerFacts, Mix
from forensics.benchmark.out_of_fold import CONDITIONS
from forensics.benchmark.tables import markdown
from forensics.commands.common import add_data_arguments
from forensics.training import Sample

EXAMPLE = (
    "forensics fuel --data data/manifest.csv --folds data/folds.csv --per-group 200"
    " --mix --mix reconstruction --mix reconstruction decoders --out docs/results"
)
ENERGY_LIMIT = 0.65
"""High-frequency energy alone should not tell a maker's output above this AUC."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    add_data_arguments(parser)
    parser.add_argument("--parents", type=int, default=120, help="pictures a maker is tried on")
    parser.add_argument("--detector", default="clip_pairs", metavar="NAME")
    parser.add_argument(
        "--mix",
        nargs="*",
        action="append",
        default=[],
        metavar="MAKER",
        help="a mix of makers to train on; may come several times, and empty",
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/fuel"), metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("docs/results"), metavar="DIR")


def run(args: argparse.Namespace) -> int:
    """Measure and write; return 0."""
    samples = capped(read_samples(args.folds, args.data), args.per_group)
    store = PictureStore(args.data.parent, args.cache)
    for _ in tqdm(store.find_boxes(samples), "faces", len(samples), disable=None):
        pass
    makers = dict(fuel.makers())
    parents = sorted((s for s in samples if s.check and not s.fake), key=lambda s: s.seed(7))
    parents = parents[: args.parents]
    facts = [
        fuel.facts_of(name, maker, parents, store.read)
        for name, maker in tqdm(makers.items(), "makers", disable=None)
    ]
    sheet = args.out.parent / "images" / "fuel.png"
    fuel.contact_sheet(sheet, fuel.public_photograph(), makers)
    mixes = [Mix(args.detector, tuple(each), args.runs, args.cache) for each in args.mix]
    sections = [opening(len(parents)), makers_table(facts), picture(list(makers))]
    sections += [effects(mixes, samples, store, condition) for condition in CONDITIONS]
    args.out.mkdir(parents=True, exist_ok=True)
    page = args.out / "fuel.md"
    page.write_text("\n".join(part for part in sections if part), encoding="utf-8")
    print(f"wrote {page} and {sheet}")
    return 0


def opening(parents: int) -> str:
    """What the page is."""
    return (
        "# Fuel: trace makers\n\nWritten by `forensics fuel`. Each maker changed the same"
        f" {parents} real pictures (check rows, regions of at most 384 px, native resolution).\n"
    )


def makers_table(facts: list[MakerFacts]) -> str:
    """One row a maker."""
    header = ["maker", "seconds a picture", "parameters", "PSNR to the parent", "energy AUC", ""]
    body = [
        [
            each.name,
            f"{each.seconds:.2f}",
            f"{each.parameters:,}",
            f"{each.peak_signal:.1f} dB",
            str(each.energy),
            "" if each.energy.value <= ENERGY_LIMIT else f"above {ENERGY_LIMIT}",
        ]
        for each in facts
    ]
    words = (
        "*Energy AUC*: how well high-frequency energy alone tells output from parents, its sign"
        f" ignored; the limit is {ENERGY_LIMIT}.\n"
    )
    return f"## What they cost and leave\n\n{words}\n{markdown(header, body)}"


def picture(makers: Sequence[str]) -> str:
    """The contact sheet, its rows named in order."""
    rows = ", ".join(makers)
    return (
        "![Contact sheet](../images/fuel.png)\n\n"
        f"Original, output, four times the difference, mask; from top to bottom: {rows}."
        " The photograph is a public-domain portrait (United States Navy).\n"
    )


def effects(mixes: list[Mix], samples: list[Sample], store: PictureStore, condition: str) -> str:
    """A table of left-out AUC by mix; empty where no mix was asked for."""
    if not mixes:
        return ""
    figures = {
        mix.title: fuel.left_out_auc(mix, samples, store, condition)
        for mix in tqdm(mixes, f"mixes, {condition}", disable=None)
    }
    columns = list(next(iter(figures.values())))
    body = [[title, *(str(row[name]) for name in columns)] for title, row in figures.items()]
    return (
        f"## Effect on {mixes[0].detector}, {condition}\n\nAUC on folds A and C, each left out,"
        " against the real pictures of the same fold; 95 % intervals over clusters, those of the"
        " mean over generators and clusters.\n\n"
        f"{markdown(['mix', *columns], body)}"
    )
