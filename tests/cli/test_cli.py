import importlib
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from types import ModuleType

import pytest

from forensics import __version__, cli
from forensics.cli import COMMANDS, main
from forensics.commands.common import run_command
from forensics.errors import ForensicsError


def command(run: object) -> ModuleType:
    module = ModuleType("command", "What it does.")
    module.EXAMPLE = "forensics thing --size 3"  # type: ignore[attr-defined]
    module.add_arguments = add_arguments  # type: ignore[attr-defined]
    module.run = run  # type: ignore[attr-defined]
    return module


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--size", type=int, default=1)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = command(lambda args: int(args.size))
    monkeypatch.setitem(cli.COMMANDS, "thing", ("thing_module", "does it"))
    monkeypatch.setitem(sys.modules, "thing_module", module)
    return module


def test_the_status_of_a_command_is_that_of_its_run(install: ModuleType) -> None:
    assert main(["thing", "--size", "3"]) == 3


@pytest.mark.parametrize(
    ("error", "status"),
    [(ForensicsError("too dark; use a lamp"), 1), (KeyboardInterrupt(), 130)],
)
def test_an_error_has_its_own_status(
    install: ModuleType, error: BaseException, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(args: Namespace) -> int:
        raise error

    install.run = fail  # type: ignore[attr-defined]
    assert main(["thing"]) == status
    assert capsys.readouterr().err == ("forensics: too dark; use a lamp\n" if status == 1 else "")


@pytest.mark.parametrize("line", [[], ["nothing"], ["thing", "--colour"], ["thing", "--size", "x"]])
def test_wrong_usage_ends_with_2(install: ModuleType, line: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(line)
    assert ended.value.code == 2


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.strip() == __version__


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert not [name for name, (_, line) in COMMANDS.items() if name not in shown + line]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example_of_itself(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module = importlib.import_module(COMMANDS[name][0])
    with pytest.raises(SystemExit):
        run_command(name, module, ["--help"])
    assert f"example: forensics {name}" in capsys.readouterr().out


def test_a_reader_that_leaves_is_no_error() -> None:
    call = f"{sys.executable} -m forensics.cli cards --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", call], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.strip() in {"0", "1"}
