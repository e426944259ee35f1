"""Freed memory is kept for the next array, instead of going back to the system and coming anew.

Arrays of megabytes come and go with every step of a network or an analysis. The C library of most
Linux systems (glibc) maps each of them afresh, and the system clears every page of it:
about a tenth of a training step (benchmarks/stylegan2.py).
"""

import ctypes
import sys
from functools import cache

# The numbers that malloc.h gives its options.
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
MOST = 2**31 - 1
PAD = 64 * 2**20
"""Bytes that are asked for at once."""


@cache
def keep_freed_memory() -> bool:
    """Have glibc keep what is freed, for the rest of the process; False where it is not used."""
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    asked = {MMAP_THRESHOLD: MOST, TRIM_THRESHOLD: MOST, TOP_PAD: PAD}
    return all([library.mallopt(name, value) == 1 for name, value in asked.items()])
