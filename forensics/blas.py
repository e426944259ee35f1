"""One thread for matrix products while pictures are examined.

The products here are small: more threads wait for each other longer than they compute, take the
cores from what runs beside them, and sum in an order that depends on their number.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock


class _Holders:
    """Those who want one thread at this time, and the way back to what was before them."""

    def __init__(self) -> None:
        self._lock, self._count, self._way_back = Lock(), 0, ExitStack()

    def enter(self) -> None:
        """Limit the libraries that are loaded; more than one holder change nothing."""
        from threadpoolctl import threadpool_limits

        with self._lock:
            if not self._count:
                self._way_back.enter_context(threadpool_limits(1, user_api="blas"))
            self._count += 1

    def leave(self) -> None:
        """Restore what was there before the first, once the last has left."""
        with self._lock:
            self._count -= 1
            if not self._count:
                self._way_back.close()


_HOLDERS = _Holders()


def start_one_blas_thread() -> None:
    """Have a BLAS that is loaded later start no more threads than `one_blas_thread` allows.

    Starting them takes a twentieth of a second. Must come before NumPy is imported.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold the BLAS libraries of this process to one thread."""
    _HOLDERS.enter()
    try:
        yield
    finally:
        _HOLDERS.leave()
