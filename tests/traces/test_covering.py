"""Crops that cover a picture reach every place of it, or nearly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.traces.crops import LEFT_OUT, covering_areas

SIDE = 64


@given(st.integers(SIDE, 400), st.integers(SIDE, 400))
def test_only_borders_of_a_single_crop_stay_unseen(height: int, width: int) -> None:
    areas = covering_areas((height, width), SIDE, 100)
    seen = np.zeros((height, width), bool)
    for rows, columns in areas:
        assert rows.stop <= height
        assert columns.stop <= width
        seen[rows, columns] = True
    border = round(LEFT_OUT * SIDE / 2) + 1
    assert seen[border : height - border, border : width - border].all()


@pytest.mark.parametrize(("shape", "number"), [((64, 70), 1), ((64, 80), 2), ((128, 129), 6)])
def test_no_more_crops_than_it_takes(shape: tuple[int, int], number: int) -> None:
    assert len(covering_areas(shape, SIDE, number)) == number
    assert not covering_areas(shape, SIDE, number - 1)
