"""Laws of scoring left out by fold: the right weights, nothing fitted on what it judges."""

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forensics.benchmark import contestants, scorebook
from forensics.benchmark.evaluation import judge_left_out, table_of
from forensics.benchmark.out_of_fold import ScoreBook, score_key
from forensics.benchmark.tables import mean_auc, rows_of
from forensics.cli import main
from forensics.detector import CropDetector
from forensics.plugins import cards
from forensics.report import benchmark_plots
from forensics.schema import Floats, Image, ModelCard, WeightFile
from forensics.training import Sample
from tests.benchmark.made_sets import picture, save

NAME = "spectrum"


class OfRun(CropDetector):
    """Says how bright a picture is, and in a second crop which run it comes from."""

    def class_logits(self, images: Sequence[Image]) -> list[Floats]:
        run = float("ABCD".index(self.card.folder.name[-1]))
        return [np.asarray([[0, image.mean() / 20 - 6, run]], np.float32) for image in images]


def card_of(name: str, folder: Path) -> ModelCard:
    weights = (WeightFile("w", f"{folder.name[-1]}" * 64),)
    return replace(cards("detector")[name], folder=folder, weights=weights)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four folds, in each a real source and a generator whose fakes are brighter."""
    folds, manifest = [], []
    rng = np.random.default_rng(0)
    for number, fold in enumerate("ABCD"):
        for index in range(12):
            fake = index % 2
            path = f"{fold}{index}.jpg"
            image = picture(100 * number + index)
            save(np.clip(image + rng.uniform(0, 30) + 14 * fake, 0, 255).astype(np.uint8),
                 tmp_path / path)  # fmt: skip
            group = f"gan-{fold}" if fake else f"camera-{fold}"
            manifest.append({"path": path, "family": "gan" if fake else "real"})
            folds.append({
                "path": path, "label": "fake" if fake else "real", "group": group, "fold": fold,
                "generator": group if fake else "", "cluster": path, "parent": "", "check": "0",
            })  # fmt: skip
    for name, rows in (("folds", folds), ("manifest", manifest)):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    monkeypatch.setattr(scorebook, "card_of_run", card_of)
    monkeypatch.setattr(
        contestants, "detector_of_run", lambda name, folder, _: OfRun(card_of(name, folder))
    )
    for name in ("roc_plot", "reliability_plot", "robustness_plot"):
        monkeypatch.setattr(benchmark_plots, name, lambda _: "<svg/>")
    return tmp_path


def run(data: Path, *more: str) -> list[dict[str, Any]]:
    line = ["benchmark", str(data / "manifest.csv"), "--folds", str(data / "folds.csv")]
    where = ["--runs", str(data / "runs"), "--out", str(data / "out"), "--cache", str(data / "c")]
    assert (
        main([*line, *where, "--detector", NAME, "--jobs", "1", "--allow-confounded", *more]) == 0
    )
    return [json.loads(row) for row in (data / "out" / "results.jsonl").open()]


def logits_in(data: Path) -> dict[tuple[str, str, str], Floats]:
    found = {}
    for line in (data / "out" / "scores.jsonl").open():
        (_, _, degradation, shown, _, path, _), (values, _) = json.loads(line)
        if shown.startswith("equalised"):
            condition = {"none": "clean", "resize:0.5+jpeg:75": "degraded"}[degradation]
            found[NAME, condition, path] = np.asarray(values, np.float32)
    return found


def samples(data: Path) -> list[Sample]:
    from forensics.benchmark.datasets import read_samples

    return sorted(read_samples(data / "folds.csv", data / "manifest.csv"), key=lambda s: s.path)


def test_files_are_scored_by_who_never_saw_them_with_the_figures_of_first_light(
    data: Path,
) -> None:
    rows = run(data, "--no-metadata", "--no-original")
    for (_, _, path), values in logits_in(data).items():
        assert values[0, 2] == "ABCD".index(path[0])
    given, logits = samples(data), logits_in(data)
    table = table_of(given, logits, [NAME], ("clean", "degraded"))
    folds = np.tile([sample.fold for sample in given], 2)
    judged = judge_left_out(table, folds, [NAME])
    clean = table.inputs[f"{NAME}.mean"][: len(given)]
    for against in ("all", "fold"):
        mean = next(r for r in rows if r["kind"] == "mean" and r["against"] == against)
        twin = mean_auc(rows_of(given), clean, own_fold=against == "fold")
        assert mean["auc"] == pytest.approx(twin.value, abs=1e-6)
    reals = table.labels[: len(given)] == 0
    false = next(
        r for r in rows if r["kind"] == "real source" and r["source"] == "all"
        and (r["pixels"], r["degradation"]) == ("equalised", "none")
    )  # fmt: skip
    assert false["false_positive_rate"] == pytest.approx(judged.called[: len(given)][reals].mean())
    assert false["threshold_from"] == "the other folds"


def test_scores_that_calibration_left_are_not_computed_again(data: Path) -> None:
    (data / "runs").mkdir()
    book = ScoreBook(data / "runs" / f"scores-{NAME}.jsonl")
    for sample in samples(data):
        card = card_of(NAME, data / "runs" / f"{NAME}-{sample.fold}")
        for condition in ("clean", "degraded"):
            book.add(score_key(card, condition, sample), np.asarray([[0.0, sample.kind, 0.0]]))
    before = (data / "runs" / f"scores-{NAME}.jsonl").read_bytes()
    rows = run(data, "--no-metadata", "--no-original")
    assert not (data / "out" / "scores.jsonl").exists()
    assert next(r for r in rows if r["kind"] == "mean")["auc"] == 1
    assert (data / "runs" / f"scores-{NAME}.jsonl").read_bytes() == before
