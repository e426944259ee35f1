"""The engine ray gives what one process gives; needs the extra `ray`."""

import json
from pathlib import Path

import pytest

from forensics.cli import main
from tests.benchmark.made_sets import detector, folders


@pytest.mark.slow
def test_two_ray_workers_score_as_one_process_does(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    root = folders(tmp_path / "set", fakes={"gan": "jpg"})
    mine = ["--detector", str(detector(tmp_path)), "--allow-confounded", "--degrade", "noise:5"]
    for out, engine in (("one", ["--jobs", "1"]), ("ray", ["--jobs", "2", "--engine", "ray"])):
        assert main(["benchmark", str(root), "--out", str(tmp_path / out), *mine, *engine]) == 0
    one, two = (
        [
            {**json.loads(line), "seconds_per_image": 0}
            for line in (tmp_path / out / "results.jsonl").open()
        ]
        for out in ("one", "ray")
    )
    assert one == two


def test_without_ray_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    root = folders(tmp_path / "set", fakes={"gan": "jpg"}, reals=2, each=2)
    line = ["benchmark", str(root), "--detector", str(detector(tmp_path)), "--engine", "ray"]
    assert main([*line, "--out", str(tmp_path / "out")]) == 1
    assert "deepfake-forensics[ray]" in capsys.readouterr().err
