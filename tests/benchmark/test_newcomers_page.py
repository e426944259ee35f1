"""docs/benchmark.md is done as it is written: its detector, its commands, a newcomer's pictures."""

import re
import shlex
from pathlib import Path

import pytest

from forensics.benchmark.degrade import STEPS
from forensics.benchmark.layouts import LAYOUTS
from forensics.cli import main
from tests.benchmark.made_sets import folders, picture, save

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "benchmark.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_from_install_to_a_matrix_takes_ten_lines() -> None:
    upto = PAGE.index("`results/report.html` has")
    first = "\n".join(re.findall(r"```\w+\n(.*?)```", PAGE[:upto], re.DOTALL))
    lines = [line for line in first.splitlines() if line.strip() and not line.startswith("# ")]
    assert len(lines) <= 10 + 1


def test_the_commands_of_the_page_do_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folders(tmp_path / "pictures", fakes={"mygan": "png"}, reals=12, each=0)
    for index in range(12):
        save(picture(index + 60), tmp_path / "pictures" / "fake" / "mygan" / f"{index}.png")
    (tmp_path / "mine.py").write_text(blocks("python")[0])
    names = sorted((tmp_path / "pictures").rglob("*.*"))
    lines = [f"{path.relative_to(tmp_path / 'pictures')},{i % 2}" for i, path in enumerate(names)]
    (tmp_path / "theirs.csv").write_text("\n".join(["path,score", *lines]))
    commands = [
        shlex.split(line, comments=True)[1:]
        for block in blocks("sh")
        for line in block.splitlines()
        if line.startswith("forensics ")
    ]
    assert [command[0] for command in commands] == ["benchmark"] * 3
    for command in commands:
        more = ["--jobs", "1"] if command[1] != "compare" else []
        assert main([*command, *more]) == 0
    page = (tmp_path / "results" / "report.html").read_text()
    assert "<td>mygan</td>" in page
    assert all(f'<th scope="col">{name}</th>' in page for name in ("mine", "spectrum"))
    assert (tmp_path / "theirs-beside-ours" / "results.jsonl").is_file()


@pytest.mark.parametrize("name", [*STEPS, *(set(LAYOUTS) - {"Celeb-DF"}), "Celeb-DF v2"])
def test_the_page_names_every_step_and_every_layout(name: str) -> None:
    assert name in PAGE
