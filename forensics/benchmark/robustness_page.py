"""The page on robustness: laundering, attacks, cameras never seen, and what is out of distribution.

Tables of trials; what they mean is said beside them, in words that hold whatever the figures are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from forensics.benchmark.metrics import cluster_bootstrap
from forensics.benchmark.robustness import AS_IT_IS, CLEAN, DEFENCES, Attack, Trial
from forensics.benchmark.tables import Figure, Rows, generator_auc, markdown, mean_auc
from forensics.statistics import Reals, rate_interval

NOBODY = ""
"""What stands in a cell where there is nothing to count."""


def rate(trials: Sequence[Trial], of: Callable[[Trial], bool]) -> Figure | None:
    """The share of trials, at the effective number of clusters (Clopper and Pearson)."""
    if not trials:
        return None
    hits = np.asarray([of(each) for each in trials])
    clusters = np.asarray([each.cluster for each in trials])
    value, low, high = rate_interval(hits, np.ones(len(hits)), clusters)
    return Figure(value, low, high)


def mean_shift(before: Sequence[Trial], after: Sequence[Trial]) -> Figure:
    """How far the score of the same pictures moves, the mean; clusters are resampled."""
    moves = np.asarray([b.said.score - a.said.score for a, b in zip(before, after, strict=True)])
    clusters = np.asarray([each.cluster for each in before])
    low, high = cluster_bootstrap(clusters, lambda index: float(moves[index].mean()), seed=0)
    return Figure(float(moves.mean()), low, high)


def by_way(trials: Iterable[Trial]) -> dict[str, list[Trial]]:
    """Trials by what was done, in the order in which it was."""
    found: dict[str, list[Trial]] = {}
    for trial in trials:
        found.setdefault(trial.way, []).append(trial)
    return found


def called(trial: Trial) -> bool:
    """Whether the verdict calls it a fake."""
    return trial.said.called


def unknown(trial: Trial) -> bool:
    """Whether the verdict abstains as out of distribution."""
    return trial.said.unknown


def cleared(trial: Trial) -> bool:
    """Whether the verdict is that no traces were found."""
    return trial.said.cleared


def cell(figure: Figure | None) -> str:
    """A figure in a table; empty where there is none."""
    return NOBODY if figure is None else str(figure)


def about_laundering(trials: Sequence[Trial]) -> str:
    """AUC and calls after every laundering."""
    body = []
    for way, some in by_way(trials).items():
        fakes, reals = _parted(some)
        rows, scores = rows_of_trials(some), fused_logits(some)
        shares = (rate(fakes, called), rate(fakes, cleared), rate(reals, called))
        out = (rate(fakes, unknown), rate(reals, unknown))
        body.append([f"`{way}`", mean_auc(rows, scores), *map(cell, (*shares, *out))])
    fakes, reals = _parted(by_way(trials)["none"])
    header = ["", "mean AUC", "fakes called", "fakes cleared", "reals called"]
    return (
        f"## Laundering\n\n{len(fakes)} fakes of {len({t.generator for t in fakes})} generators and"
        f" {len(reals)} real pictures, check rows, which trained nothing; each a native region"
        " under one JPEG of 84 to 94 (`none`), then laundered as `forensics benchmark --degrade`"
        " does. Fused score; AUC against all real pictures, laundered alike, mean over generators;"
        " *out*: the verdict abstains as out of distribution.\n\n"
        + markdown([*header, "fakes out", "reals out"], body)
    )


Attacked = Mapping[tuple[Attack, str], Sequence[Trial]]
"""Trials by attack and defence."""


def about_attacks(trials: Attacked, voting: Sequence[str], steps: int) -> str:
    """What attacks reach, by whom they climb."""
    plain = trials[Attack(CLEAN, 0), DEFENCES[0]]
    fakes, reals = _parted(plain)
    names = [name for name in plain[0].said.logits if name != "fused"]
    body = []
    for (attack, defence), some in trials.items():
        if defence == DEFENCES[0]:
            moved_fakes, moved_reals = _parted(some)
            aucs = (
                _auc(moved_fakes, reals, "fused"),
                _auc(fakes, moved_reals, "fused"),
                *(_auc(moved_fakes, moved_reals, name) for name in names),
            )
            shares = (
                rate(moved_fakes, called),
                rate(moved_fakes, cleared),
                rate(moved_reals, called),
            )
            body.append([attack, *aucs, *map(cell, (*shares, rate(some, unknown)))])
    header = ["climbed, largest change", "fakes moved", "reals moved", *names]
    shares_header = ["fakes called", "fakes cleared", "reals called", "out"]
    return (
        f"## Attacks on the pixels\n\n{len(fakes)} fakes pushed to look real and {len(reals)} real"
        " pictures pushed to look fake, check rows, 224 px, one picture a source in turn. Projected"
        f" gradient descent, {steps} steps from a random start; no value changes by more than 2 or"
        " 4 of 255. Gradients come from copies in torch; what is reported is what the detectors"
        " that ship say of the finished pictures in whole levels. AUC: of the fused score where"
        " only the fakes are moved, or only the real pictures; of each detector where both are.\n\n"
        "`spectrum` has no gradient: its column is what carries over."
        f" {_voters(voting)} *Aimed*: takes over just so many pixels of the"
        " attack that the fused score passes the threshold it needs, and no further, since further"
        " out the verdict abstains as out of distribution (*out*).\n\n"
        + markdown([*header, *shares_header], body)
    )


def _voters(voting: Sequence[str]) -> str:
    """Whose gradients reach the fused score."""
    if not voting:
        return "No detector with a gradient has a vote in the fused score."
    names = " and ".join(f"`{name}`" for name in voting)
    return f"With a gradient and a vote in the fused score: {names}."


def defences(trials: Attacked) -> str:
    """What re-compression or resizing before scoring gives back, and what it costs."""
    ways = list(dict.fromkeys(attack for attack, _ in trials))
    body = []
    for defence in DEFENCES:
        cells: list[object] = [f"`{defence}`"]
        for attack in ways:
            fakes, reals = _parted(trials[attack, defence])
            cells.append(_auc(fakes, reals, "fused"))
        body.append(cells)
    return (
        "## A cheap defence?\n\nThe same pictures, each compressed or shrunk once before it is"
        " scored: AUC of the fused score. The first column is what the defence costs; the others"
        " what it gives back against an attacker who does not know of it. One who does can climb"
        " through it.\n\n" + markdown(["before scoring", *map(str, ways)], body)
    )


def never_seen(trials: Sequence[Trial]) -> str:
    """False alarms on sources that trained nothing."""
    body = [[source, *_alarms(some)] for source, some in by_way(trials).items()]
    return (
        "## Real sources never seen\n\nPhotographs as they are stored, judged as `examine` does,"
        " faces included, at the thresholds that ship. LFW trained no detector. The small faces"
        " come from sources that the detectors know from other pictures; at 64 px every verdict"
        " abstains (`too_small`), so that *beyond* says how many would be called if size were no"
        " reason. Intervals: Clopper and Pearson, at the effective number of people.\n\n"
        + markdown(["source", *ALARMS], body)
    )


def broken(trials: Sequence[Trial]) -> str:
    """What simulated cameras and programs do to real pictures."""
    ways = by_way(trials)
    plain = ways[AS_IT_IS]
    body = [[way, *_alarms(some), mean_shift(plain, some)] for way, some in ways.items()]
    return (
        f"## What breaks it\n\n{len(plain)} real check pictures, each simulated in every way"
        " (`forensics/benchmark/breaking.py`); judged as `examine` does. *Shift*: of the score"
        " P(fake), mean over the same pictures; *beyond*: would be called, were there no reason to"
        " abstain.\n\n" + markdown(["", *ALARMS, "shift"], body)
    )


def drawings(trials: Sequence[Trial]) -> str:
    """False alarms on what no camera took and no generator made."""
    body = [[kind, *_alarms(some)] for kind, some in by_way(trials).items()]
    return (
        "## Drawn in code\n\nNo photograph and no generator behind them"
        " (`forensics/benchmark/drawn.py`): a call is a false alarm.\n\n"
        + markdown(["", *ALARMS], body)
    )


ALARMS = ("pictures", "called fake", "beyond", "out of distribution", "no traces")


def _alarms(trials: Sequence[Trial]) -> list[object]:
    shares = (called, lambda trial: trial.said.beyond, unknown, cleared)
    return [len(trials), *(cell(rate(trials, share)) for share in shares)]


def rows_of_trials(trials: Sequence[Trial]) -> Rows:
    """The columns that the figures of a results page need."""
    return Rows(
        labels=np.asarray([int(each.fake) for each in trials]),
        generators=np.asarray([each.generator for each in trials]),
        groups=np.asarray([each.generator for each in trials]),
        clusters=np.asarray([each.cluster for each in trials]),
        folds=np.asarray([""] * len(trials)),
    )


def fused_logits(trials: Sequence[Trial], name: str = "fused") -> Reals:
    """(n,) the logit of one detector, or the fused one."""
    return np.asarray([each.said.logits[name] for each in trials], np.float64)


def _auc(fakes: Sequence[Trial], reals: Sequence[Trial], name: str) -> Figure:
    both = [*fakes, *reals]
    rows = rows_of_trials(both)
    merged = Rows(
        labels=rows.labels,
        generators=np.where(rows.labels == 1, "fakes", ""),
        groups=rows.groups,
        clusters=rows.clusters,
        folds=rows.folds,
    )
    return generator_auc(merged, fused_logits(both, name), "fakes")


def _parted(trials: Sequence[Trial]) -> tuple[list[Trial], list[Trial]]:
    """Fakes, then real pictures."""
    return [t for t in trials if t.fake], [t for t in trials if not t.fake]
