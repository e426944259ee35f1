"""The page that `forensics generate --report` writes."""

import base64
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from forensics.plugins import entries
from forensics.report.made_page import LEAST, Shown, entry, page_of_made, surroundings
from forensics.writing import Provenance, read_provenance

SIDE = 200
MARK = Provenance("inpainting", "0", 0, "", None, composite=True)


def mask_with(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.float32)
    for top, left, height, width in boxes:
        mask[top : top + height, left : left + width] = 1
    return mask


def page(shown: Shown) -> str:
    card = entries("generator")["inpainting"].card
    return page_of_made(card, [entry(shown)], ["Seeds are <plain>."])


def encoded_in(html: str) -> list[bytes]:
    found = re.findall(r'src="data:image/\w+;base64,([^"]+)"', html)
    return [base64.b64decode(each) for each in found]


def pictures_of(html: str) -> list[np.ndarray]:
    return [np.asarray(Pillow.open(io.BytesIO(each)).convert("RGB")) for each in encoded_in(html)]


@given(st.integers(0, SIDE - 1), st.integers(0, SIDE - 1), st.integers(1, 90), st.integers(1, 90))
def test_surroundings_hold_the_hole_and_lie_inside(
    top: int, left: int, height: int, width: int
) -> None:
    mask = mask_with((top, left, height, width))
    around = surroundings(mask)
    assert around is not None
    assert mask[around].sum() == mask.sum()
    for span in around:
        assert 0 <= span.start < span.stop <= SIDE


def test_surroundings_are_those_of_the_largest_hole() -> None:
    around = surroundings(mask_with((10, 10, 4, 4), (100, 100, 20, 20)))
    assert around == (slice(100 - LEAST, 120 + LEAST), slice(100 - LEAST, 120 + LEAST))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_nothing_and_everything_have_no_surroundings(value: float) -> None:
    assert surroundings(np.full((9, 9), value, np.float32)) is None


def test_change_of_a_part_shows_mask_and_surroundings() -> None:
    before = np.full((SIDE, SIDE, 3), 200, np.uint8)
    mask = mask_with((100, 100, 20, 20))
    made = np.where(mask[:, :, None] > 0, np.uint8(0), before)
    html = page(Shown("a.png", "seed 0", made, mask, MARK, before))
    photograph, picture, shown_mask, was, became = pictures_of(html)
    around = 20 + 2 * LEAST
    assert {photograph.shape, picture.shape, shown_mask.shape} == {(SIDE, SIDE, 3)}
    assert was.shape == became.shape == (around, around, 3)
    middle = around // 2
    assert was[middle, middle].min() > 190
    assert became[middle, middle].max() < 10
    assert shown_mask[110, 110].min() > 245
    # What was made says so inside, the photograph does not.
    said = [read_provenance(each) is not None for each in encoded_in(html)]
    assert said == [False, True, False, False, True]


def test_picture_from_nothing_is_shown_alone() -> None:
    made = np.zeros((32, 32, 3), np.uint8)
    html = page(Shown("a.png", "seed 0", made, np.ones((32, 32), np.float32), MARK))
    assert len(pictures_of(html)) == 1


def test_page_fetches_nothing_and_escapes_words() -> None:
    made = np.zeros((32, 32, 3), np.uint8)
    html = page(Shown("<b>.png", "seed 0", made, np.ones((32, 32), np.float32), MARK))
    assert "<b>" not in html
    assert "<plain>" not in html
    assert "http" not in re.sub(r'http-equiv="[^"]*"', "", html)
    assert "Synthetic" in html
