"""Laws of examining several files at a time."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.cli import INTERRUPTED, main
from forensics.examination import Examiner
from forensics.report.lines import verdict_line
from forensics.schema import Verdict
from forensics.stages import Failure, each_in_order

Replace = Callable[..., None]
QUICK = ["--analysis", "metadata", "--json"]
# The child of a job in the background would ignore the signal.
INTERRUPTIBLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from forensics.cli import main
sys.exit(main())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven pictures, no two alike, of sizes from 100 to 700 px, and a broken one among them."""
    rng = np.random.default_rng(5)
    for number in range(7):
        side = 100 * (1 + (number * 3) % 7)
        grain = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        Pillow.fromarray(grain).resize((side, side)).save(tmp_path / f"{number}.jpg", quality=90)
    (tmp_path / "3-broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    return tmp_path


def without_seconds(line: Any) -> Any:
    """Everything that a verdict says but how long it took."""
    if isinstance(line, dict):
        return {key: without_seconds(each) for key, each in line.items() if key != "seconds"}
    return [without_seconds(each) for each in line] if isinstance(line, list) else line


def told(results: Iterator[Verdict | Failure]) -> list[Any]:
    return [
        str(one.error) if isinstance(one, Failure) else without_seconds(verdict_line(one))
        for one in results
    ]


def test_the_number_of_workers_changes_neither_verdicts_nor_their_order(folder: Path) -> None:
    examiner = Examiner(["efficientnet_lite0", "spectrum"], ["copy_move", "error_level"])
    paths = sorted(folder.iterdir())
    alone = told(examiner.examine_each(paths))
    assert [type(one) for one in alone] == [dict] * 3 + [str] + [dict] * 4
    assert told(examiner.examine_each(paths, workers=3)) == alone


def test_a_broken_file_stops_none_of_the_rest(
    folder: Path, detectors: Replace, capsys: pytest.CaptureFixture[str]
) -> None:
    detectors(a="crops")
    assert main(["examine", str(folder), "--jobs", "3", *QUICK]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(line["path"]).name for line in lines] == sorted(
        path.name for path in folder.iterdir()
    )
    assert [("error" in line) for line in lines] == [False] * 3 + [True] + [False] * 4


def test_a_report_of_several_has_them_in_order(folder: Path, detectors: Replace) -> None:
    detectors(a="crops")
    page = folder / "report.html"
    main(["examine", str(folder), "--jobs", "3", "--report", str(page), *QUICK])
    text = page.read_text(encoding="utf-8")
    places = [text.index(f"{number}.jpg") for number in range(7)]
    assert places == sorted(places)


def test_an_error_that_is_no_file_s_fault_is_not_hidden(folder: Path) -> None:
    def broken(path: Path | str, room: object) -> Iterator[Any]:
        raise ZeroDivisionError

    results = each_in_order(broken, sorted(folder.iterdir()), 2, lambda verdict, case: verdict)
    with pytest.raises(ZeroDivisionError):
        next(results)


@pytest.mark.parametrize("jobs", ["0", "-1", "two"])
def test_fewer_than_one_job_is_wrong_usage(jobs: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["examine", "a.jpg", "--jobs", jobs])
    assert stopped.value.code == 2


def test_what_was_not_run_is_said_wherever_a_verdict_is_read(
    folder: Path, detectors: Replace, capsys: pytest.CaptureFixture[str]
) -> None:
    detectors(a="crops", b="crops")
    page, picture = folder / "report.html", str(folder / "1.jpg")
    asked = [picture, "--detector", "a", "--analysis", "metadata"]
    main(["examine", *asked, "--report", str(page)])
    words = "Not the full examination. Left out, as asked: b,"
    assert words in " ".join(capsys.readouterr().out.split())
    assert words in page.read_text(encoding="utf-8")
    main(["examine", *asked, "--json"])
    not_run = json.loads(capsys.readouterr().out)["not_run"]
    assert {"b", "copy_move"} <= set(not_run)
    assert not {"a", "metadata"} & set(not_run)


@pytest.mark.skipif(os.name == "nt", reason="sends the signal that a POSIX terminal sends")
def test_an_interrupt_ends_it_with_whole_lines_and_no_traceback(tmp_path: Path) -> None:
    for number in range(60):
        shade = np.full((400, 400, 3), number, np.uint8)
        Pillow.fromarray(shade).save(tmp_path / f"{number:02d}.png")
    asked = ["--jobs", "2", "--detector", "spectrum", "--analysis", "error_level", "--json"]
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "examine", str(tmp_path), *asked],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    first = child.stdout.readline()
    child.send_signal(signal.SIGINT)
    rest, errors = child.communicate(timeout=60)
    assert child.returncode == INTERRUPTED
    lines = [json.loads(line) for line in [first, *rest.splitlines()]]
    assert len(lines) < 60
    assert "Traceback" not in errors
