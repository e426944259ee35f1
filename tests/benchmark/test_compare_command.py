"""Laws of `forensics benchmark compare`: worse is told from unlucky, and CI hears of it."""

import json
import shutil
from pathlib import Path

import pytest

from forensics.benchmark.published import read_published
from forensics.cli import main
from forensics.errors import InvalidManifest
from tests.benchmark.made_sets import DETECTOR, detector, folders


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good detector's run, and that of the same detector gone deaf."""
    folder = tmp_path_factory.mktemp("runs")
    root = folders(folder / "set", fakes={"gan": "jpg", "diffusion": "jpg"})
    deaf = DETECTOR.replace("np.abs(np.diff(row)).mean() - 3", "row[1] % 0.1")
    for out, text in (("good", DETECTOR), ("deaf", deaf)):
        path = detector(folder, text)
        line = ["benchmark", str(root), "--detector", str(path), "--out", str(folder / out)]
        assert main([*line, "--jobs", "1", "--allow-confounded", "--no-metadata"]) == 0
    return folder


def compared(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, list[dict[str, object]]]:
    status = main(["benchmark", "compare", *args, "--json"])
    return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_run_is_not_worse_than_itself(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = compared(capsys, str(runs / "good"), str(runs / "good"))
    assert status == 0
    assert [(row["kind"], row["difference"], row["p_corrected"]) for row in found] == [
        ("generator", 0, 1),
        ("generator", 0, 1),
        ("mean", 0, 1),
    ]


def test_a_baseline_file_tells_that_a_run_is_worse(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline = tmp_path / "baseline.csv.gz"
    shutil.copy(runs / "good" / "scores.csv.gz", baseline)
    status, found = compared(capsys, str(baseline), str(runs / "deaf"))
    assert status == 4
    assert all(row["worse"] for row in found)
    status, found = compared(capsys, str(runs / "deaf"), str(baseline))
    assert status == 0
    assert all(row["better"] for row in found)


def test_words_say_which_and_by_how_much(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "compare", str(runs / "good"), str(runs / "deaf")]) == 4
    lines = capsys.readouterr().out.splitlines()
    assert [line.rpartition("  ")[2] for line in lines] == ["WORSE"] * 3
    assert "columns, original none, mean (all, image): 1.000 -> 0." in lines[-1]


def test_the_same_scores_give_the_same_bytes(runs: Path, tmp_path: Path) -> None:
    first = (runs / "good" / "scores.csv.gz").read_bytes()
    shutil.copytree(runs / "good", tmp_path / "again")
    line = ["benchmark", str(runs / "set"), "--detector", str(detector(runs, DETECTOR))]
    args = ["--out", str(tmp_path / "again"), "--jobs", "1", "--allow-confounded", "--no-metadata"]
    assert main([*line, *args]) == 0
    assert (tmp_path / "again" / "scores.csv.gz").read_bytes() == first


@pytest.mark.parametrize("content", [b"", b"path,label\n", b"\x1f\x8b\x08\x00cut short"])
def test_what_holds_no_scores_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.csv.gz").write_bytes(content)
    with pytest.raises(InvalidManifest, match="holds no scores"):
        read_published(tmp_path / "x.csv.gz")


def test_names_that_are_not_there_are_told(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = [
        "benchmark",
        "compare",
        str(runs / "good"),
        str(runs / "deaf"),
        "--detector",
        "columns=x",
    ]
    assert main(line) == 1
    assert "'x'" in capsys.readouterr().err
