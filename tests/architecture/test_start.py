import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

TRAINING_ONLY = {"torch", "torchvision", "timm", "facenet_pytorch", "sklearn"}


def loaded_by(statements: str) -> set[str]:
    report = "import json, sys; print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", f"{statements}\n{report}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def portrait() -> Path:
    spec = find_spec("matplotlib")
    assert spec
    assert spec.origin
    return Path(spec.origin).parent / "mpl-data" / "sample_data" / "grace_hopper.jpg"


def test_importing_forensics_loads_nothing_heavy() -> None:
    assert not loaded_by("import forensics") & {"torch", "cv2", "streamlit", "numpy"}


def test_help_loads_no_numpy() -> None:
    call = "from forensics.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    assert not loaded_by(call) & {"numpy", "cv2", "onnxruntime", "torch"}


def test_examining_a_face_loads_neither_torch_nor_scikit_learn() -> None:
    call = f"from forensics.cli import main\nassert main(['examine', {str(portrait())!r}]) == 0"
    assert not loaded_by(call) & TRAINING_ONLY


def test_listing_plugins_imports_none_of_them() -> None:
    call = "from forensics.plugins import PACKAGES, cards\nfor kind in PACKAGES: cards(kind)"
    plugins = {name for name in loaded_by(call) if name.startswith(("detectors.", "generators."))}
    assert not plugins
