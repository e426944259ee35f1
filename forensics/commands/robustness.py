"""Measure what the shipped detectors say under laundering, attacks, and cameras never seen.

Launders check rows, attacks some of them by gradients (PGD at 2/255 and 4/255), judges photographs
of sources that trained nothing (LFW, small faces) and simulated phones, filters, scans, drawings
and nights, and writes `robustness.md`. A stopped run goes on where it was.
"""

import argparse
from collections.abc import Iterator, Sequence

from tqdm import tqdm

import forensics
from forensics.benchmark import robustness, robustness_page, unknown_page
from forensics.benchmark.datasets import PictureStore, check_rows, read_samples
from forensics.benchmark.robustness import AS_IT_IS, DEFENCES, Attack, Trial
from forensics.benchmark.robustness_page import Attacked
from forensics.benchmark.shipped import Shipped
from forensics.benchmark.unseen import photographs
from forensics.commands.common import (
    add_data_arguments,
    add_page_arguments,
    add_unseen_arguments,
    write_page,
)
from forensics.commands.picture_stores import picture_store
from forensics.training import Sample

EXAMPLE = (
    "forensics robustness --data data/manifest.csv --folds data/folds.csv --per-group 6"
    " --out docs/results"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    add_data_arguments(parser)
    add_page_arguments(parser)
    add_unseen_arguments(parser, unseen=10_000, small=200, drawn=30)
    parser.add_argument(
        "--attacked",
        type=int,
        default=16,
        metavar="N",
        help="fakes, and as many real pictures, that are attacked (default 16; 0 leaves it out)",
    )


def run(args: argparse.Namespace) -> int:
    """Measure what is not measured yet, write `robustness.md`; return 0."""
    shipped = Shipped.load(args.cache)
    samples = check_rows(read_samples(args.folds, args.data), args.per_group)
    store = picture_store(args.data, args.cache, samples)
    found = photographs(args.data.parent, args.unseen, args.small)
    laundered = shown(robustness.laundered(shipped, store, samples), "laundering")
    attacked, about_attacks = under_attack(shipped, store, samples, args)
    broken = shown(robustness.broken(shipped, store, samples), "breaking")
    drawn = shown(robustness.drawings(shipped, args.drawn), "drawings")
    unseen = shown(robustness.of_unseen(shipped, found), "never seen")
    parts = {**divided(laundered, broken, [*drawn, *unseen]), **climbed(attacked)}
    limit = shipped.fusion.chosen.fusion.distance_limit
    sections = [
        opening(shipped),
        robustness_page.about_laundering(laundered),
        *about_attacks,
        robustness_page.never_seen(unseen),
        robustness_page.broken(broken),
        robustness_page.drawings(drawn),
        unknown_page.out_of_distribution(parts, limit),
    ]
    write_page(args.out / "robustness.md", "\n".join(sections))
    return 0


def shown(trials: Iterator[Trial], title: str) -> list[Trial]:
    """All trials, under a bar."""
    return list(tqdm(trials, title, unit="picture", disable=None))


def under_attack(
    shipped: Shipped, store: PictureStore, samples: Sequence[Sample], args: argparse.Namespace
) -> tuple[Attacked, list[str]]:
    """Trials by attack and defence, and the sections about them."""
    if not args.attacked:
        return {}, []
    # torch is needed here, and `--help` must not wait for it.
    from forensics.benchmark.adversary import STEPS
    from forensics.benchmark.attacks import Attacker, under_attack, victims

    attacker = Attacker(shipped, store, args.cache / "attacked")
    chosen = victims(store, samples, args.attacked)
    total = len(attacker.attacks) * len(DEFENCES) * len(chosen)
    found: dict[tuple[Attack, str], list[Trial]] = {}
    trials = under_attack(shipped, attacker, chosen)
    for attack, defence, trial in tqdm(trials, "attacks", total, disable=None):
        found.setdefault((attack, defence), []).append(trial)
    about = robustness_page.about_attacks(found, attacker.voting, STEPS)
    return found, [about, robustness_page.defences(found)]


def divided(
    laundered: Sequence[Trial], broken: Sequence[Trial], sources: Sequence[Trial]
) -> dict[str, Sequence[Trial]]:
    """Trials by what they are of: fakes and real pictures apart."""
    parts: dict[str, Sequence[Trial]] = {}
    for way, trials in robustness_page.by_way(laundered).items():
        for fake, word in ((False, "real pictures"), (True, "fakes")):
            parts[f"{word}, {'ordinary' if way == 'none' else way}"] = [
                trial for trial in trials if trial.fake == fake
            ]
    ways = robustness_page.by_way(broken).items()
    parts |= {f"real pictures, {way}": trials for way, trials in ways if way != AS_IT_IS}
    return parts | robustness_page.by_way(sources)


def climbed(attacked: Attacked) -> dict[str, Sequence[Trial]]:
    """Trials of attacked pictures without a defence."""
    return {
        f"attacked: {attack}": trials
        for (attack, defence), trials in attacked.items()
        if attack.most and defence == DEFENCES[0]
    }


def opening(shipped: Shipped) -> str:
    """What was measured, and with what."""
    calibration = shipped.fusion.chosen.calibrations["1"]
    shares = shipped.fusion.chosen.fusion.shares()
    voting = ", ".join(f"`{name}` {share:.2f}" for name, share in shares.items())
    clear = calibration.clear.threshold
    none = "no score is low enough for no traces" if clear < 0 else f"no traces up to {clear:.3f}"
    return (
        f"# Robustness\n\nVersion {forensics.__version__}; written by `forensics robustness`, with"
        f" the weights and thresholds that ship: shares in the fused score {voting}; called fake"
        f" from P(fake) {calibration.call.threshold:.3f} on, {none}"
        " (a picture judged whole). Brackets: 95 % intervals."
        " Everything that is done to a picture is drawn from its path and the way alone, never from"
        " its label; a picture attacked is pushed against its label.\n"
    )
