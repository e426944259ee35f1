"""Laws of the program around the commands: it starts with little and ends at once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

QUICK = ("--json", "--detector", "spectrum", "--analysis", "spectrum_peaks")


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    path = tmp_path / "noise.png"
    pixels = np.random.default_rng(0).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    Pillow.fromarray(pixels).save(path)
    return path


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


def test_an_examination_that_ends_at_once_has_said_everything(noise: Path) -> None:
    done = python("-m", "forensics.cli", "examine", *QUICK, str(noise), "missing.png")
    examined, failed = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 1
    assert examined["evidence"]["spectrum"]["measurements"]["crops_count"] == 1
    assert failed["path"] == "missing.png"


@pytest.mark.parametrize("arguments", [("examine",), ("examine", "--nonsense"), ("nonsense",)])
def test_wrong_usage_is_status_2_and_says_why(arguments: tuple[str, ...]) -> None:
    done = python("-m", "forensics.cli", *arguments)
    assert done.returncode == 2
    assert "usage: forensics" in done.stderr


def test_an_examination_transforms_without_the_rest_of_scipy(noise: Path) -> None:
    lines = (
        "import sys",
        "from forensics.cli import main",
        f"assert main(['examine', *{QUICK!r}, {str(noise)!r}]) == 0",
        "assert not {'scipy.fft', 'scipy.special'} & set(sys.modules)",
    )
    done = python("-c", "\n".join(lines))
    assert done.returncode == 0, done.stderr


def test_one_who_examines_may_have_more_blas_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "from forensics.blas import start_one_blas_thread as start; import os; start()"
    says = "; print(os.environ['OPENBLAS_NUM_THREADS'])"
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert python("-c", line + says).stdout.strip() == "1"
    monkeypatch.setitem(os.environ, "OPENBLAS_NUM_THREADS", "3")
    assert python("-c", line + says).stdout.strip() == "3"
