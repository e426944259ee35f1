"""Laws of work that is done several pieces at a time."""

import time
from collections.abc import Iterator
from contextlib import closing
from threading import Barrier, Event, Lock, Thread

import pytest

from forensics.abreast import AHEAD, Room, in_order


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    def slow_first(item: int) -> int:
        time.sleep(0.02 if item % workers == 0 else 0)
        return item * item

    assert list(in_order(slow_first, range(12), workers)) == [item * item for item in range(12)]


def test_so_many_workers_work_at_the_same_time() -> None:
    together = Barrier(3, timeout=10)
    assert len(list(in_order(lambda item: together.wait(), range(3), 3))) == 3


def test_no_more_is_begun_than_memory_is_meant_for() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = in_order(str, items(), 2)
    assert next(results) == "0"
    assert len(taken) == 2 * AHEAD
    results.close()


def test_an_error_is_raised_in_its_turn() -> None:
    results = in_order(lambda item: 6 // item, [3, 2, 0, 1], 2)
    assert [next(results), next(results)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_once_nobody_listens_work_is_told_and_nothing_more_begins() -> None:
    stop, begun = Event(), []

    def until_stopped(item: int) -> int:
        begun.append(item)
        return item if item == 0 else int(stop.wait(10))

    with closing(in_order(until_stopped, range(50), 2, stop)) as results:
        assert next(results) == 0
    assert stop.is_set()
    assert len(begun) <= 2 * AHEAD


def test_a_room_holds_no_more_than_it_has_and_what_is_larger_is_alone() -> None:
    room, lock = Room(10), Lock()
    held: list[int] = []
    seen: list[list[int]] = []

    def stay(amount: int) -> None:
        with room.taken(amount):
            with lock:
                held.append(amount)
                seen.append(list(held))
            time.sleep(0.005)
            with lock:
                held.remove(amount)

    threads = [Thread(target=stay, args=(amount,)) for amount in (4, 5, 40, 3, 6, 25, 1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(seen) == len(threads)
    assert all(sum(amounts) <= 10 or len(amounts) == 1 for amounts in seen)
