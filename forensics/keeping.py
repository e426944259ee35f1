"""A value that is computed once a process, also where several threads ask for it at a time."""

from collections.abc import Callable
from concurrent.futures import Future
from functools import wraps
from threading import Lock
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def once(function: Callable[P, R]) -> Callable[P, R]:
    """Keep what `function` returns, by its arguments, for the rest of the process.

    As `functools.cache`, but a thread that asks for what another one is computing waits for it
    instead of computing it too. Nothing is kept of a call that raises.
    """
    known: dict[object, Future[R]] = {}
    lock = Lock()

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        key = args, tuple(sorted(kwargs.items()))
        with lock:
            mine = key not in known
            value = known.setdefault(key, Future())
        if mine:
            try:
                value.set_result(function(*args, **kwargs))
            except BaseException as error:
                with lock:
                    del known[key]
                value.set_exception(error)
        return value.result()

    return call
