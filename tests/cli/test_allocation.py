"""Freed memory stays with the process, so that arrays of the same size cost no new pages."""

import platform
import subprocess
import sys

import pytest

ROUNDS = """
import resource, sys
import numpy as np
from forensics.allocation import keep_freed_memory

if sys.argv[1] == "kept":
    assert keep_freed_memory()
for _ in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(2**24, np.uint8) for _ in range(3)]
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="no glibc here")
def test_arrays_of_megabytes_take_no_new_pages_once_memory_is_kept() -> None:
    taken = {kind: _pages_taken(kind) for kind in ("kept", "given back")}
    assert taken["kept"] < 100
    # Huge pages of 2 MiB, if the system uses them, are the fewest that 48 MiB can take.
    assert taken["given back"] >= 24


def _pages_taken(kind: str) -> int:
    command = [sys.executable, "-c", ROUNDS, kind]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
