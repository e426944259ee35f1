"""Laws of `forensics benchmark`: what is written, what is refused, what is never done twice."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from forensics.cli import main
from forensics.report import benchmark_plots
from tests.benchmark.made_sets import DETECTOR, detector, folders, picture, save

FIGURES = ("auc", "ap", "eer", "tpr", "ece", "brier", "answered", "accuracy_real", "accuracy_fake")


def benchmark(root: Path, *more: str, out: str = "out") -> int:
    line = ["benchmark", str(root), "--out", str(root.parent / out), "--jobs", "1", *more]
    return main(line)


def rows_in(root: Path, out: str = "out", **wanted: object) -> list[dict[str, Any]]:
    lines = (root.parent / out / "results.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


@pytest.fixture(autouse=True)
def _no_drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than everything else here; the page's own test draws."""
    for name in ("roc_plot", "reliability_plot", "robustness_plot"):
        monkeypatch.setattr(benchmark_plots, name, lambda _: "<svg/>")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return folders(tmp_path / "set", fakes={"gan": "jpg", "diffusion": "jpg"})


@pytest.fixture
def mine(tmp_path: Path) -> tuple[str, str]:
    return "--detector", str(detector(tmp_path))


def test_a_run_writes_every_column_for_every_source_and_degradation(
    made: Path, mine: tuple[str, str]
) -> None:
    assert benchmark(made, *mine, "--degrade", "jpeg:75,50", "--allow-confounded") == 0
    found = rows_in(made, detector="columns", kind="generator")
    ways = ["none", "jpeg:75", "jpeg:50"]
    assert [(row["degradation"], row["source"]) for row in found] == [
        (way, source) for way in ways for source in ("diffusion", "gan")
    ]
    for row in found:
        assert (row["fakes"], row["reals"], row["failures"], row["level"]) == (12, 16, 0, "image")
        assert row["tpr_at"] == 0.05
        assert row["threshold_from"] == "logit 0, no calibration"
        assert row["seconds_per_image"] >= 0
        assert re.fullmatch("[0-9a-f]{12}", row["card"])
        for name in FIGURES:
            low, high = row[f"{name}_interval"]
            assert low <= row[name] + 1e-6
            assert row[name] - 1e-6 <= high
    assert found[0]["auc"] > 0.95
    (mean,) = rows_in(made, detector="columns", kind="mean", degradation="none")
    assert mean["auc"] == pytest.approx(np.mean([row["auc"] for row in found[:2]]))
    assert (
        rows_in(made, detector="columns", kind="real source", degradation="none")[0]["reals"] == 16
    )


def test_nothing_is_computed_twice_and_everything_new_is(
    made: Path, mine: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    monkeypatch.setenv("SEEN", str(seen))
    benchmark(made, *mine, "--allow-confounded")
    first = (made.parent / "out" / "results.jsonl").read_bytes()
    assert len(seen.read_text()) == 40
    benchmark(made, *mine, "--allow-confounded")
    assert len(seen.read_text()) == 40
    assert (made.parent / "out" / "results.jsonl").read_bytes() == first
    # A new file, a changed one, another degradation.
    save(picture(77, columns=True), made / "fake" / "gan" / "new.jpg")
    save(picture(78), made / "real" / "00.jpg")
    benchmark(made, *mine, "--allow-confounded")
    assert len(seen.read_text()) == 42
    benchmark(made, *mine, "--allow-confounded", "--degrade", "crop")
    assert len(seen.read_text()) == 42 + 41


def test_a_changed_detector_is_scored_anew(made: Path, mine: tuple[str, str]) -> None:
    benchmark(made, *mine, "--allow-confounded")
    before = rows_in(made, detector="columns", kind="mean")[0]
    detector(made.parent, DETECTOR.replace("- 3", "- 30"))
    benchmark(made, *mine, "--allow-confounded")
    after = rows_in(made, detector="columns", kind="mean")[0]
    assert after["card"] != before["card"]
    assert (before["accuracy_fake"], after["accuracy_fake"]) == (1, 0)


def test_a_set_whose_format_tells_the_class_is_refused(
    tmp_path: Path, mine: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    root = folders(tmp_path / "set", fakes={"gan": "png"})
    assert benchmark(root, *mine) == 3
    assert "gan" in capsys.readouterr().err
    page = (tmp_path / "out" / "report.html").read_text()
    assert "This set is confounded" in page
    assert "format" in page
    assert not (tmp_path / "out" / "results.jsonl").exists()
    assert not (tmp_path / "out" / "scores.jsonl").exists()


def test_what_is_scored_all_the_same_is_flagged(tmp_path: Path, mine: tuple[str, str]) -> None:
    root = folders(tmp_path / "set", fakes={"gan": "png"})
    assert benchmark(root, *mine, "--allow-confounded") == 0
    (row,) = rows_in(root, detector="columns", kind="generator")
    assert "format" in row["confounded_by"]
    for name in ("report.html", "report.md"):
        text = (tmp_path / "out" / name).read_text()
        assert "confounded" in text
        assert "gan †" in text


def test_equalising_takes_the_format_away_and_keeps_the_original_as_second_column(
    tmp_path: Path, mine: tuple[str, str]
) -> None:
    root = folders(tmp_path / "set", fakes={"gan": "png"}, reals=16, each=16)
    args = ("--equalise", "--side", "48", "--allow-confounded", "--degrade", "jpeg:60")
    assert benchmark(root, *mine, *args) == 0
    found = rows_in(root, detector="columns", kind="generator")
    assert [(row["pixels"], row["degradation"]) for row in found] == [
        ("equalised", "none"),
        ("equalised", "jpeg:60"),
        ("original", "none"),
    ]
    leaking = [
        {"format", "quantisation table", "dimensions"} & set(r["confounded_by"]) for r in found
    ]
    assert leaking[:2] == [set(), set()]
    assert "format" in leaking[2]
    assert "AUC, original files" in (tmp_path / "out" / "report.md").read_text()


def test_files_that_cannot_be_read_are_counted_and_named(made: Path, mine: tuple[str, str]) -> None:
    whole = (made / "fake" / "gan" / "00.jpg").read_bytes()
    (made / "fake" / "gan" / "cut.jpg").write_bytes(whole[:900])
    (made / "fake" / "gan" / "empty.jpg").write_bytes(b"")
    (made / "real" / "text.png").write_text("no picture")
    assert benchmark(made, *mine, "--allow-confounded") == 0
    row = rows_in(made, detector="columns", source="gan")[0]
    assert (row["fakes"], row["reals"], row["failures"]) == (12, 16, 3)
    page = (made.parent / "out" / "report.html").read_text()
    assert all(name in page for name in ("cut.jpg", "empty.jpg", "text.png"))


def test_a_detector_that_fails_is_a_failure_and_no_end(made: Path, tmp_path: Path) -> None:
    text = DETECTOR.replace(
        "        log =", "        if images[0][0, 0, 0] > 120: 1 / 0\n        log ="
    )
    args = ("--detector", str(detector(tmp_path, text)), "--allow-confounded")
    assert benchmark(made, *args) == 0
    row = rows_in(made, detector="columns", kind="mean")[0]
    assert row["failures"] > 0
    assert "ZeroDivisionError" in (tmp_path / "out" / "report.md").read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nowhere_to_be_found", "fails to load"),
        ("x = 1", "must define one detector"),
    ],
)
def test_a_file_without_a_detector_says_so(
    made: Path, tmp_path: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmark(made, "--detector", str(detector(tmp_path, text))) == 1
    assert said in capsys.readouterr().err


def test_scores_of_somebody_else_take_part(made: Path, tmp_path: Path) -> None:
    table = tmp_path / "theirs.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "score"])
        for path in sorted(made.rglob("*.jpg"))[1:]:
            writer.writerow([path.relative_to(made), 0.9 if "gan" in str(path) else 0.4])
    assert benchmark(made, "--scores", f"theirs={table}", "--allow-confounded") == 0
    gan, diffusion = (
        rows_in(made, detector="theirs", kind="generator", source=name)[0]
        for name in ("gan", "diffusion")
    )
    assert (gan["auc"], gan["accuracy_fake"], gan["accuracy_real"]) == (1, 1, 1)
    assert (diffusion["auc"], diffusion["accuracy_fake"], diffusion["failures"]) == (0.5, 0, 1)
    assert gan["seconds_per_image"] is None


@pytest.mark.parametrize("line", ["a.jpg,1.5", "a.jpg,much", "a.jpg,", "a.jpg,nan"])
def test_a_score_that_is_none_is_refused(
    made: Path, tmp_path: Path, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "theirs.csv"
    table.write_text(f"path,score\n{line}\n")
    assert benchmark(made, "--scores", f"theirs={table}", "--allow-confounded") == 1
    assert "line 2" in capsys.readouterr().err


def test_what_files_say_is_a_row_of_its_own(made: Path, mine: tuple[str, str]) -> None:
    for path in (made / "fake" / "gan").iterdir():
        path.unlink()
    marks = PngInfo()
    marks.add_text("parameters", "a face, Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1")
    for index in range(12):
        target = made / "fake" / "gan" / f"{index}.png"
        Pillow.fromarray(picture(index + 50)).save(target, pnginfo=marks)
    benchmark(made, *mine, "--allow-confounded", "--degrade", "jpeg:75")
    found = rows_in(made, detector="metadata", kind="generator")
    assert {(row["source"], row["auc"]) for row in found} == {("gan", 1), ("diffusion", 0.5)}
    assert {(row["pixels"], row["degradation"]) for row in found} == {("original", "none")}
    # The detector saw pixels only, and these have no strong columns.
    assert rows_in(made, detector="columns", source="gan")[0]["auc"] < 0.8


def test_two_processes_score_as_one_does(made: Path, mine: tuple[str, str]) -> None:
    for jobs, out in (("1", "one"), ("2", "two")):
        line = ["benchmark", str(made), "--out", str(made.parent / out), "--jobs", jobs]
        assert main([*line, *mine, "--allow-confounded", "--degrade", "noise:5"]) == 0
    one, two = (
        [{**row, "seconds_per_image": 0} for row in rows_in(made, out)] for out in ("one", "two")
    )
    assert one == two


def test_a_file_that_kills_its_process_is_a_failure(made: Path, tmp_path: Path) -> None:
    text = DETECTOR.replace(
        "        log =", "        if images[0].shape[0] == 50: os._exit(9)\n        log ="
    )
    save(picture(5, side=50), made / "real" / "deadly.jpg")
    line = ["benchmark", str(made), "--out", str(tmp_path / "out"), "--jobs", "2"]
    args = ["--detector", str(detector(tmp_path, text)), "--no-metadata", "--allow-confounded"]
    assert main([*line, *args]) == 0
    row = rows_in(made, detector="columns", kind="generator", source="gan")[0]
    assert (row["failures"], row["reals"]) == (1, 16)
    assert "died" in (tmp_path / "out" / "report.md").read_text()


def test_usage_errors_say_what_to_do(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for args, said in (
        (("--detector", "nobody"), "nobody"),
        (("--detector", "nowhere.py"), "does not exist"),
        (("--degrade", "jepg:75"), "jepg"),
        (("--runs", "runs"), "--folds"),
        (("--side", "5"), "--side"),
        (("--scores", "theirs.csv"), "NAME=FILE.csv"),
    ):
        assert benchmark(made, *args) == 1
        assert said in capsys.readouterr().err
