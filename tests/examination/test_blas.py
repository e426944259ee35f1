"""Laws of the limit on threads of matrix products."""

from collections.abc import Generator
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PIL import Image as Pillow
from threadpoolctl import threadpool_info, threadpool_limits

from forensics.blas import one_blas_thread
from forensics.examination import Examiner
from forensics.stages import Stage


def threads() -> set[int]:
    np.dot(np.ones(2), np.ones(2))
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_one_thread_inside_and_what_was_before_outside() -> None:
    with threadpool_limits(3, user_api="blas"):
        with one_blas_thread():
            assert threads() == {1}
        assert threads() == {3}


def test_the_last_holder_restores_in_whatever_order_they_leave() -> None:
    with threadpool_limits(3, user_api="blas"):
        first, second = one_blas_thread(), one_blas_thread()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert threads() == {1}
        second.__exit__(None, None, None)
        assert threads() == {3}


def test_an_error_and_an_examination_given_up_restore_it(tmp_path: Path) -> None:
    with threadpool_limits(3, user_api="blas"):
        with pytest.raises(ZeroDivisionError), one_blas_thread():
            raise ZeroDivisionError
        path = tmp_path / "grey.png"
        Pillow.fromarray(np.full((96, 96, 3), 127, np.uint8)).save(path)
        stages = cast("Generator[Stage]", Examiner([], ["metadata"]).stages(path))
        next(stages)
        assert threads() == {1}
        stages.close()
        assert threads() == {3}
