"""The results page: what was measured out of fold, in words, tables and one picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

import forensics
from forensics.benchmark.baselines import BASELINES
from forensics.benchmark.card_file import update_card
from forensics.benchmark.content import content_scores
from forensics.benchmark.datasets import PictureStore, capped
from forensics.benchmark.evaluation import Judged, Logits, judge_left_out, judge_with, table_of
from forensics.benchmark.out_of_fold import CONDITIONS
from forensics.benchmark.tables import (
    MATCHED,
    Rows,
    false_positives,
    generator_auc,
    markdown,
    matched_auc,
    mean_auc,
    reliability,
    rows_of,
    summary,
)
from forensics.fitting import OutOfFold
from forensics.plugins import entries
from forensics.statistics import Reals
from forensics.training import Sample
from forensics.verdict import load_fusion

GOALS = {"clean": 0.75, "degraded": 0.68}
CHECK_GOAL = 0.90
CHECK_PAIR = "stylegan1-256"
BASELINE_ROWS = 40
"""Pictures a group that baselines are measured on."""


@dataclass(frozen=True, eq=False)
class Board:
    """All that the page is made of."""

    samples: list[Sample]
    rows: Rows
    tables: dict[str, OutOfFold]
    judged: dict[str, Judged]
    names: list[str]

    def scores(self, condition: str) -> dict[str, Reals]:
        """By detector the mean logit, and the fused logit, of every sample."""
        table = self.tables[condition]
        singles = {name: table.inputs[f"{name}.mean"] for name in self.names}
        return {**singles, "fused": self.judged[condition].scores}


def build_board(samples: list[Sample], logits: Logits, names: list[str]) -> Board:
    """Judge every sample by a fusion of the other folds, under each condition."""
    conditions = tuple(CONDITIONS)
    folds = np.asarray([sample.fold for sample in samples])
    both = table_of(samples, logits, names, conditions)
    judged = judge_left_out(both, np.tile(folds, len(conditions)), names)
    parts = {
        condition: slice(index * len(samples), (index + 1) * len(samples))
        for index, condition in enumerate(conditions)
    }
    return Board(
        samples=samples,
        rows=rows_of(samples),
        tables={name: table_of(samples, logits, names, (name,)) for name in conditions},
        judged={
            name: Judged(*(getattr(judged, field)[part] for field in vars(judged)))
            for name, part in parts.items()
        },
        names=names,
    )


def opening(board: Board) -> str:
    """What was measured, on what, and whether the goals were reached."""
    lines = [
        "# First light\n",
        f"Version {forensics.__version__}; written by `forensics first-light`. "
        f"{len(board.samples)} pictures, of which {int(board.rows.labels.sum())} fakes of "
        f"{len(board.rows.fakes)} generators; every figure but those of the last section is left "
        "out by fold: neither detector, fusion nor threshold has seen the picture's generator or "
        "real source. Brackets are 95 % intervals over clusters of near-duplicates; of means, over "
        "generators and clusters. *Clean* is the native region under one JPEG of quality 84 to 94; "
        "*degraded* is that at half its size under JPEG 75.\n",
    ]
    for condition, goal in GOALS.items():
        figure = mean_auc(board.rows, board.judged[condition].scores)
        word = "reached" if figure.value >= goal else "missed"
        lines.append(
            f"- Goal, {condition}: fused mean AUC over generators >= {goal:.2f}. "
            f"Measured: **{figure}**, {word}; against the real pictures of the same fold only "
            f"{mean_auc(board.rows, board.judged[condition].scores, own_fold=True)}."
        )
    ac, bd = (_fold_mean(board, folds) for folds in ("AC", "BD"))
    lines.append(
        f"- Fused, clean, folds A and C, on which choices are made: {ac}; B and D: {bd}. Three "
        "choices were made after a look at all four, so that B and D are not untouched: content is "
        "projected out of `clip_pairs` since fold D had shown faceless fakes below chance, a "
        "detector must add .02 to get a weight in the fusion, and `clip_pairs` looks at no corners "
        "of pictures that one crop stands for, which A and C alone would have let in "
        "(docs/results/tried.md)."
    )
    return "\n".join(lines) + "\n"


def _fold_mean(board: Board, folds: str) -> str:
    chosen = np.asarray([sample.fold in folds for sample in board.samples])
    rows = Rows(*(getattr(board.rows, field)[chosen] for field in vars(board.rows)))
    return str(mean_auc(rows, board.judged["clean"].scores[chosen]))


def by_generator(board: Board, condition: str) -> str:
    """AUC of every generator by every detector and by their fusion."""
    scores = board.scores(condition)
    rows, columns = board.rows, tuple(scores.values())
    pairs = [
        [f"{fake} / {real}", *(matched_auc(rows, column, fake) for column in columns)]
        for fake, real in MATCHED.items()
    ]
    return (
        f"## AUC by generator, {condition}\n\nAgainst all real pictures out of fold.\n\n"
        + markdown(["generator", "fakes", *scores], _auc_lines(rows, columns, own_fold=False))
        + "\nAgainst the real pictures of the same fold, which the same weights scored.\n\n"
        + markdown(["generator", "fakes", *scores], _auc_lines(rows, columns, own_fold=True))
        + "\nAgainst the real pictures of the fakes' own pipeline, where there are such.\n\n"
        + markdown(["fakes / reals", *scores], pairs)
    )


def _auc_lines(rows: Rows, columns: Sequence[Reals], *, own_fold: bool) -> list[list[object]]:
    body: list[list[object]] = [
        [
            name,
            (rows.generators == name).sum(),
            *(generator_auc(rows, column, name, own_fold=own_fold) for column in columns),
        ]
        for name in rows.fakes
    ]
    means = (mean_auc(rows, column, own_fold=own_fold) for column in columns)
    return [*body, ["**mean over generators**", "", *means]]


def note_in_card(board: Board, name: str) -> None:
    """Write a detector's own left-out figures into its card."""
    figures: dict[str, object] = {}
    for condition in CONDITIONS:
        figure = mean_auc(board.rows, board.scores(condition)[name])
        figures[f"mean_auc_{condition}"] = round(figure.value, 3)
        figures[f"mean_auc_{condition}_interval"] = [round(figure.low, 3), round(figure.high, 3)]
    card = entries("detector")[name].card
    measured_on = f"{len(board.samples)} pictures, left out by fold; docs/results/first-light.md"
    update_card(card.folder / f"{name}.toml", figures=figures, measured_on=measured_on)


def by_real_source(board: Board) -> str:
    """How often each real source is called fake."""
    by_condition = {
        condition: false_positives(board.rows, board.judged[condition].called)
        for condition in CONDITIONS
    }
    body = [
        [group, figure.reals, str(figure), str(by_condition["degraded"][group])]
        for group, figure in by_condition["clean"].items()
    ]
    return (
        "## Real pictures called fake, by source\n\nFused verdict at the call threshold that the "
        "other folds gave; Clopper-Pearson intervals.\n\n"
        + markdown(["real source", "pictures", "clean", "degraded"], body)
    )


def answers(board: Board) -> str:
    """Calibration, share answered and accuracy of the answers."""
    figures = {name: summary(board.rows, board.judged[name]) for name in CONDITIONS}
    body = [
        [name, *(f"{figures[condition][name]:.3f}" for condition in CONDITIONS)]
        for name in figures["clean"]
    ]
    return (
        "## What is answered, and how often that is right\n\nFused verdict, every source of equal "
        "weight, at one fake in two. Between the two thresholds the verdict is inconclusive.\n\n"
        + markdown(["", *CONDITIONS], body)
        + "\n![Reliability of the fused score](first-light-reliability.png)\n"
    )


def trivial_baselines(board: Board, store: PictureStore, cache: Path) -> str:
    """What trivial readings of the file, or its content alone, would score."""
    scores: dict[str, list[float]] = {name: [] for name in BASELINES}
    chosen = capped(board.samples, BASELINE_ROWS)
    rows = rows_of(chosen)
    for sample in tqdm(chosen, "baselines", disable=None):
        data, image = store.stored(sample), store.read(sample)
        for name, score in BASELINES.items():
            scores[name].append(score(data, image))
    columns: dict[str, Reals] = {name: np.asarray(values) for name, values in scores.items()}
    columns |= content_scores(chosen, store, cache)
    body = [
        [
            name,
            mean_auc(rows, values),
            *(matched_auc(rows, values, group) for group in MATCHED),
        ]
        for name, values in columns.items()
    ]
    return (
        "## Trivial baselines\n\nWhat one number of the stored file, or content alone, would score "
        f"on {len(chosen)} of the same pictures (AUC; below .5 the sign is the other way round). "
        "The detectors never see files: they get pixels that were all compressed alike.\n\n"
        + markdown(["baseline", "mean over generators", *MATCHED], body)
    )


def on_check_rows(samples: list[Sample], logits: Logits, names: list[str]) -> str:
    """The weights that ship, on rows that trained nothing."""
    held = [sample for sample in samples if sample.check]
    rows, fitted = rows_of(held), load_fusion(names).chosen
    parts = []
    for condition in CONDITIONS:
        judged = judge_with(fitted, table_of(held, logits, names, (condition,)))
        pair = matched_auc(rows, judged.logits, CHECK_PAIR)
        called = judged.called[rows.labels == 0]
        parts.append(
            f"- {condition}: AUC of {CHECK_PAIR} / {MATCHED[CHECK_PAIR]} {pair} "
            f"({pair.fakes} fakes, {pair.reals} reals); mean over generators "
            f"{mean_auc(rows, judged.logits)}; {int(called.sum())} of {len(called)} real pictures "
            f"called; {int(judged.called[rows.labels == 1].sum())} of {int(rows.labels.sum())} "
            "fakes called."
        )
    return (
        "## The weights that ship, on the check rows\n\nThese rows trained nothing; their "
        f"generators and sources did. Goal: {CHECK_GOAL:.2f} on the pair.\n\n"
        + "\n".join(parts)
        + "\n"
    )


def draw_reliability(board: Board, path: Path) -> None:
    """Draw share of fakes against score, both conditions."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(4.2, 4.0), layout="constrained")
    axes = canvas.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for condition, marker in zip(CONDITIONS, "os", strict=True):
        points = reliability(board.rows, board.judged[condition].scores)
        axes.plot(*np.asarray(points).T[:2], marker=marker, label=condition)
    axes.set(xlabel="score, mean of the bin", ylabel="share of fakes", xlim=(0, 1), ylim=(0, 1))
    axes.legend(frameon=False)
    canvas.savefig(path, dpi=130)
