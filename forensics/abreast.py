"""Several pieces of work at a time, on threads; results come in the order of the work.

Threads and not processes: the time goes into networks and array operations, which run without
Python's lock, and threads share the networks' memory.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Condition, Event
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 2
"""Pieces a worker that are begun or done while the first is waited for: memory stays bounded."""


def in_order(
    work: Callable[[T], R], items: Iterable[T], workers: int, stop: Event | None = None
) -> Generator[R, None, None]:
    """Do the work of every item and yield the results in the items' order.

    Whatever the work raises is raised here in its turn. One who stops listening, or is
    interrupted, waits only for what is being done at that moment.

    Args:
        work: called with an item, on any thread.
        items: any number, taken one by one.
        workers: how many threads, 1 or more.
        stop: set once nobody listens any more; the work may look at it, to end early.
    """
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="abreast") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) == AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            if stop is not None:
                stop.set()
            pool.shutdown(wait=False, cancel_futures=True)


class Room:
    """So much of something at once; what is more than all of it has its turn alone."""

    def __init__(self, most: int) -> None:
        """Make room for `most`, in any unit."""
        self._most, self._taken, self._changed = most, 0, Condition()

    @contextmanager
    def taken(self, amount: int) -> Iterator[None]:
        """Wait until there is room for `amount`, and hold it."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + amount <= self._most)
            self._taken += amount
        try:
            yield
        finally:
            with self._changed:
                self._taken -= amount
                self._changed.notify_all()
