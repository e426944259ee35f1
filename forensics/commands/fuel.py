"""Measure the trace makers: what they cost, what they leave, and what a detector learns from them.

Writes `fuel.md` and a contact sheet. High-frequency energy is compared on check rows, which no
maker was trained on. The effect as fuel is the left-out AUC on folds A and C of detectors trained
on each mix; every mix sees the same rows under the same settings. Curves are those of the first
detector. A run that is there is not trained again.

A swapper may be a maker too: it puts in the face of another picture of the same fold.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from forensics.benchmark import fuel
from forensics.benchmark.datasets import PictureStore, capped, read_samples
from forensics.benchmark.fuel import MakerFacts
from forensics.benchmark.fuel_mixes import Mix, left_out_auc
from forensics.benchmark.out_of_fold import CONDITIONS
from forensics.benchmark.swap_twins import Donors, maker_of
from forensics.benchmark.tables import markdown
from forensics.commands import fuel_curves
from forensics.commands.common import add_data_arguments, add_page_arguments, write_page
from forensics.commands.options import with_fields
from forensics.commands.picture_stores import picture_store
from forensics.errors import InvalidOption
from forensics.generator import Manipulator
from forensics.plugins import entries, load, plugin_class
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
    parser.add_argument(
        "--maker",
        nargs="+",
        default=[],
        metavar="NAME",
        help="try these; default: all with weights",
    )
    parser.add_argument("--detector", nargs="+", default=["clip_pairs"], metavar="NAME")
    parser.add_argument(
        "--recipe",
        nargs="*",
        default=[],
        metavar="DETECTOR.FIELD=VALUE",
        help="fields of the detectors' recipes, such as efficientnet_lite0.crops=3600",
    )
    parser.add_argument(
        "--pairs",
        nargs="*",
        type=float,
        default=[],
        metavar="SHARE",
        help="shares of the real pictures in pairs, for the curve; 0 is rows only",
    )
    parser.add_argument(
        "--by-makers",
        nargs="+",
        default=[],
        metavar="MAKER",
        help="also train on 0, 1, 2, ... of these, for the curve by their number",
    )
    parser.add_argument(
        "--pairs-mix", nargs="+", default=[], metavar="MAKER", help="of the curve; the last --mix"
    )
    parser.add_argument(
        "--most-mixes",
        nargs="*",
        default=[],
        metavar="DETECTOR=N",
        help="detectors that are trained on the first N mixes only",
    )
    parser.add_argument(
        "--mix",
        nargs="*",
        action="append",
        default=[],
        metavar="MAKER",
        help="a mix of makers to train on; may come several times, and empty",
    )
    parser.add_argument("--condition", nargs="+", default=list(CONDITIONS), choices=CONDITIONS)
    parser.add_argument(
        "--note-cards", action="store_true", help="write the energy AUC into the makers' cards"
    )
    parser.add_argument("--page", default="fuel.md", metavar="FILE.md", help="its name in --out")
    parser.add_argument("--runs", type=Path, default=Path("runs/fuel"), metavar="DIR")
    add_page_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Measure and write; return 0."""
    samples = capped(read_samples(args.folds, args.data), args.per_group)
    store = picture_store(args.data, args.cache, samples)
    names = args.maker or [name for name, _ in fuel.makers()]
    reals = [sample for sample in samples if sample.check and not sample.fake]
    parents = sorted(reals, key=lambda s: s.seed(7))[: args.parents]
    donors = Donors(reals, store.read)
    facts = [
        fuel.facts_of(name, maker_of(name, donors), parents, store.read)
        for name in tqdm(names, "makers", disable=None)
    ]
    if args.note_cards:
        for each in facts:
            fuel.note_energy(each, entries("generator")[each.name].card.folder)
    seen = detectors_saw(samples, args.per_group) if args.mix else ""
    sections = [opening(len(parents)) + seen, makers_table(facts)]
    sections.append(sheet_of(names, args.out.parent / "images" / f"{Path(args.page).stem}.png"))
    mixes = {name: mixes_of(name, args) for name in args.detector}
    for chosen in mixes.values():
        sections += [effects(chosen, samples, store, condition) for condition in args.condition]
    images = args.out.parent / "images"
    if args.by_makers and args.mix:
        base = mixes[args.detector[0]][0]
        of_numbers = fuel_curves.by_makers(base, args.by_makers, samples, store, args.condition)
        sections.append(fuel_curves.makers_section(base, args.by_makers, of_numbers, images))
    if args.pairs and args.mix:
        mix = mix_of_curve(mixes[args.detector[0]], args.pairs_mix)
        of_shares = fuel_curves.by_pairs(mix, args.pairs, samples, store, args.condition)
        sections.append(fuel_curves.pairs_section(mix, of_shares, images))
    write_page(args.out / args.page, "\n".join(part for part in sections if part))
    return 0


def mixes_of(detector: str, args: argparse.Namespace) -> list[Mix]:
    """The mixes that were asked for, each with the detector's recipe.

    Raises:
        InvalidOption: a field of a recipe does not exist, an option names no chosen detector, or
            a number of mixes is none.
    """
    own = _of_detector(args.recipe, detector, args.detector, "--recipe", ".")
    most = _of_detector(args.most_mixes, detector, args.detector, "--most-mixes", "=")
    if not all(text.isdecimal() for text in most):
        raise InvalidOption(f"--most-mixes takes DETECTOR=N, got {detector}={most[0]!r}")
    recipe = with_fields(plugin_class("detector", detector).Recipe(), own)
    chosen = args.mix[: int(most[-1])] if most else args.mix
    return [Mix(detector, tuple(each), args.runs, args.cache, recipe) for each in chosen]


def _of_detector(
    texts: Sequence[str], detector: str, known: Sequence[str], option: str, sign: str
) -> list[str]:
    """What follows a detector's name and the sign; every text must name a known detector."""
    parts = [text.partition(sign) for text in texts]
    if wrong := [name for name, _, _ in parts if name not in known]:
        raise InvalidOption(f"{option} begins with the name of a --detector, got {wrong[0]!r}")
    return [rest for name, _, rest in parts if name == detector]


def mix_of_curve(mixes: Sequence[Mix], makers: Sequence[str]) -> Mix:
    """The mix of these makers, or the last where none are named.

    Raises:
        InvalidOption: no mix has them.
    """
    if not makers:
        return mixes[-1]
    found = [mix for mix in mixes if mix.makers == tuple(makers)]
    if not found:
        raise InvalidOption(f"--pairs-mix {' '.join(makers)} is none of the mixes")
    return found[0]


def opening(parents: int) -> str:
    """What the page is."""
    return (
        "# Fuel: trace makers\n\nWritten by `forensics fuel`. Each maker changed the same"
        f" {parents} real pictures (check rows, regions of at most 384 px, native resolution).\n"
    )


def detectors_saw(samples: Sequence[Sample], per_group: int | None) -> str:
    """On how many pictures the effects rest."""
    fakes = sum(sample.fake for sample in samples)
    cap = "" if per_group is None else f", at most {per_group} a group beside the check rows"
    return (
        f"Detectors saw {len(samples) - fakes:,} real pictures and {fakes:,} fakes of four folds"
        f"{cap}, less the fold left out.\n"
    )


def makers_table(facts: list[MakerFacts]) -> str:
    """One row a maker."""
    header = [
        "maker",
        "CPU seconds a picture",
        "parameters",
        "PSNR to the parent",
        "energy AUC",
        "",
    ]
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


def sheet_of(names: Sequence[str], path: Path) -> str:
    """Draw the contact sheet of those makers that need no second face; its link, rows named."""
    makers = {name: load("generator", name) for name in names}
    shown = {name: one for name, one in makers.items() if isinstance(one, Manipulator)}
    if not shown:
        return ""
    fuel.contact_sheet(path, fuel.public_photograph(), shown)
    return (
        f"![Contact sheet](../images/{path.name})\n\n"
        "Original, output, four times the difference, mask; from top to bottom:"
        f" {', '.join(shown)}. The photograph is a public-domain portrait (United States Navy).\n"
    )


def effects(mixes: list[Mix], samples: list[Sample], store: PictureStore, condition: str) -> str:
    """A table of left-out AUC by mix; empty where no mix was asked for."""
    if not mixes:
        return ""
    figures = {
        mix.title: left_out_auc(mix, samples, store, condition)
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
