"""Laws of a run's log and of files that appear whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from forensics.errors import OutputFailed
from forensics.schema import Step
from forensics.training import logged, whole_output


def steps(numbers: range, loss: float) -> Iterator[Step]:
    return (Step(number, 9, {"loss": loss}) for number in numbers)


def rows(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_resumed_run_has_every_step_once(tmp_path: Path) -> None:
    log = tmp_path / "run" / "log.csv"
    list(logged(steps(range(1, 6), 0.5), log))
    list(logged(steps(range(4, 8), 0.25), log))
    old, new = [f"{i},0.5" for i in (1, 2, 3)], [f"{i},0.25" for i in (4, 5, 6, 7)]
    assert rows(log) == ["step,loss", *old, *new]


def test_row_that_was_cut_short_gives_way(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_bytes(b"step,loss\r\n1,0.5\r\n2,0.")
    list(logged(steps(range(3, 4), 0.25), log))
    assert log.read_bytes() == b"step,loss\r\n1,0.5\r\n3,0.25\r\n"


def test_log_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "log.csv").mkdir()
    with pytest.raises(OutputFailed, match=r"log\.csv could not be written"):
        list(logged(steps(range(1, 2), 0.5), tmp_path / "log.csv"))


def test_file_that_fails_half_way_leaves_the_last_good_one(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_text("good")

    def fails() -> None:
        with whole_output(path) as part:
            part.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputFailed, match="No space left"):
        fails()
    assert [each.name for each in tmp_path.iterdir()] == ["weights"]
    assert path.read_text() == "good"
