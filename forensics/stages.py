"""What an examination reports while it runs, and how several files are examined at a time."""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TypeAlias, TypeVar, cast

from forensics.abreast import Room, in_order
from forensics.blas import one_blas_thread
from forensics.case import Case
from forensics.errors import ForensicsError
from forensics.schema import Verdict

PIXELS_AT_ONCE = 50_000_000
"""Where several files are examined at a time, so many pixels are, or one larger picture alone."""

Kept = TypeVar("Kept")
Gate: TypeAlias = Callable[[int], AbstractContextManager[object]]
"""Entered with a picture's number of pixels before they are decoded, left after its verdict."""


@dataclass(frozen=True, eq=False)
class Stage:
    """What is about to be done, `done` of `total`; the last stage carries verdict and case."""

    name: str
    done: int
    total: int
    verdict: Verdict | None = None
    case: Case | None = None


@dataclass(frozen=True, eq=False)
class Failure:
    """A file that could not be examined, and why."""

    path: Path
    error: ForensicsError


def each_in_order(
    examine: Callable[[Path | str, Gate], Iterator[Stage]],
    paths: Iterable[Path | str],
    workers: int,
    keep: Callable[[Verdict, Case], Kept],
) -> Generator[Kept | Failure, None, None]:
    """Examine `workers` files at a time; yield in their order what is kept of each, or why not.

    Args:
        examine: gives the stages of one file; whatever it raises for the file's sake is a failure.
        paths: any number, taken a few ahead.
        workers: how many at a time. What is kept does not depend on it.
        keep: called on any thread; what it does not keep of a verdict and its case is forgotten.
    """
    stop, room = Event(), Room(PIXELS_AT_ONCE)

    def one(path: Path | str) -> Kept | Failure:
        try:
            return keep(*_last(examine(path, room.taken), stop))
        except ForensicsError as error:
            return Failure(Path(path), error)

    with one_blas_thread():
        yield from in_order(one, paths, workers, stop)


def _last(stages: Iterator[Stage], stop: Event) -> tuple[Verdict, Case]:
    """What the last stage carries; gives up between two stages once nobody waits for it."""
    verdict, case = None, None
    with closing(cast(Generator[Stage, None, None], stages)):
        for stage in stages:
            if stop.is_set():
                raise CancelledError
            verdict, case = stage.verdict, stage.case
    return cast(Verdict, verdict), cast(Case, case)
