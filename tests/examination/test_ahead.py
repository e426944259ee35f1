"""Laws of what is read ahead on another thread."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.detector import Detector
from forensics.examination import Examiner
from forensics.keeping import once
from forensics.schema import Floats


def test_what_two_threads_ask_for_at_a_time_is_computed_once() -> None:
    begun, goes_on, calls = Event(), Event(), []

    @once
    def slow(number: int) -> object:
        calls.append(number)
        begun.set()
        assert goes_on.wait(10)
        return object()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(slow, 1)
        assert begun.wait(10)
        second = threads.submit(slow, 1)
        goes_on.set()
        assert first.result() is second.result()
    assert slow(1) is first.result()
    assert slow(2) is not first.result()
    assert calls == [1, 2]


def test_nothing_is_kept_of_a_call_that_raises() -> None:
    calls: list[int] = []

    @once
    def works_later() -> str:
        calls.append(len(calls))
        if len(calls) == 1:
            raise ValueError("not yet")
        return "there"

    with pytest.raises(ValueError, match="not yet"):
        works_later()
    assert works_later() == works_later() == "there"
    assert calls == [0, 1]


def test_what_fails_ahead_fails_again_where_it_is_needed_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Event()

    def broken(detector: Detector) -> None:
        asked.set()
        raise OSError("the disk is gone")

    def level(detector: Detector, images: list[np.ndarray]) -> list[Floats]:
        return [np.zeros((1, 3), np.float32) for _ in images]

    path = tmp_path / "grey.png"
    Pillow.fromarray(np.full((96, 96, 3), 127, np.uint8)).save(path)
    loaded = type(Examiner(["spectrum"], []).detectors["spectrum"])
    monkeypatch.setattr(loaded, "prepare", broken)
    monkeypatch.setattr(loaded, "class_logits", level)
    verdict = Examiner(["spectrum"], []).examine(path)
    assert asked.wait(10)
    assert verdict.evidence["spectrum"].measurements["crops_count"] == 1
