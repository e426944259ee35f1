import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("forensics", "detectors", "generators")
DATA = {".toml", ".onnx", ".safetensors", ".j2", ".json", ".css", ".js", ".pem"}
LARGEST = 40 * 2**20
"""Bytes that all shipped weights together may take."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    return set(ZipFile(wheel).namelist())


def tracked() -> list[str]:
    """The repository's files, as git knows them."""
    command = ["git", "ls-files", *PACKAGES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_every_module_card_weight_and_template_ships(names: set[str]) -> None:
    wanted = {name for name in tracked() if Path(name).suffix in DATA | {".py"}}
    assert wanted
    assert not wanted - names


def test_the_page_ships_inside_the_package(names: set[str]) -> None:
    assert "forensics/page/app.py" in names


def test_nothing_but_our_three_packages_is_installed(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_licences_ship(names: set[str]) -> None:
    licences = {Path(name).name for name in names if ".dist-info/licenses/" in name}
    assert {"LICENSE", "openai-clip-MIT.txt"} <= licences


def test_shipped_weights_stay_small(wheel: Path) -> None:
    infos = ZipFile(wheel).infolist()
    weights = [info for info in infos if Path(info.filename).suffix in {".onnx", ".safetensors"}]
    assert sum(info.file_size for info in weights) < LARGEST


def test_an_unpacked_wheel_works_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    ZipFile(wheel).extractall(tmp_path / "site")
    call = (
        "from forensics.cli import main; from forensics.commands.app import page; "
        "print(page()); raise SystemExit(main(['weights', 'verify']))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", call],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "FORENSICS_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(str(tmp_path / "site" / "forensics" / "page" / "app.py"))
