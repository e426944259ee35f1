import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from forensics.faces import vector_copy
from forensics.faces.sqlite_storage import SqliteStorage

KILLS = 100
ADDER = """
import hashlib, sys
import numpy as np
from pathlib import Path
from forensics.faces import vector_copy
from forensics.faces.sqlite_storage import SqliteStorage
from forensics.faces.storage import Record
vector_copy.ROWS = 16
storage = SqliteStorage(Path(sys.argv[1]), "m 1", create=True)
for number in range(10**6):
    name = f"{sys.argv[2]}-{number}"
    seed = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
    vector = np.random.default_rng(seed).standard_normal((1, 128)).astype(np.float32)
    storage.add([Record("Ada", name, name, 0, "asked", "now")], vector)
    print(name, vector.tobytes().hex(), flush=True)
    if number % 5 == 4:
        list(storage.vectors())
"""


def killed_while_adding(gallery: Path, run: int, pause: float) -> dict[str, str]:
    """Kill a process `pause` seconds after its first acknowledged face; what it acknowledged."""
    command = [sys.executable, "-c", ADDER, str(gallery), str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        try:
            process.wait(pause)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        lines = (first + process.stdout.read()).split("\n")[:-1]
    return dict(line.split(" ") for line in lines)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_whatever_was_acknowledged_survives_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_copy, "ROWS", 16)
    rng = random.Random(0)
    acknowledged: dict[str, str] = {}
    for run in range(KILLS):
        acknowledged |= killed_while_adding(tmp_path / "gallery", run, rng.uniform(0, 0.1))
    storage = SqliteStorage(tmp_path / "gallery", "m 1")
    storage.check()
    names = [record.source for _, record in storage.records()]
    vectors = np.concatenate([rows for _, rows in storage.vectors()])
    kept = {name: row.tobytes().hex() for name, row in zip(names, vectors, strict=True)}
    assert len(acknowledged) >= KILLS
    assert {name: kept.get(name) for name in acknowledged} == acknowledged
    assert (tmp_path / "gallery" / vector_copy.NAME).stat().st_size > 0
