import subprocess
import sys
from pathlib import Path

import pytest

import forensics
from forensics.errors import ForeignPackage
from forensics.installation import check_own_packages

CHECK = "from forensics.installation import check_own_packages; check_own_packages()"


def checked_from(folder: Path) -> str:
    """stderr of the check, run by a Python that finds `folder` first."""
    return subprocess.run(
        [sys.executable, "-P", "-c", CHECK],
        capture_output=True,
        check=False,
        text=True,
        env={"PYTHONPATH": f"{folder}:{Path(forensics.__file__).parents[1]}"},
    ).stderr


def test_our_own_packages_pass() -> None:
    check_own_packages()


@pytest.mark.parametrize("name", ["detectors", "generators"])
def test_a_package_of_the_same_name_is_named_with_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    assert f"the package '{name}' in {tmp_path / name} is not ours" in checked_from(tmp_path)


def test_the_distribution_that_owns_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "detectors").mkdir()
    (tmp_path / "detectors" / "__init__.py").touch()
    metadata = tmp_path / "smoke_alarms-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: smoke-alarms\nVersion: 1.0\n")
    (metadata / "top_level.txt").write_text("detectors\n")
    assert "the distribution smoke-alarms" in checked_from(tmp_path)


def test_a_front_door_written_over_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forensics, "__all__", ["autopsy"])
    with pytest.raises(ForeignPackage, match="'forensics'"):
        check_own_packages()


def test_a_missing_package_asks_for_a_new_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.installation.find_spec", lambda name: None)
    with pytest.raises(ForeignPackage, match="reinstall"):
        check_own_packages()
