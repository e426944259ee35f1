import numpy as np
import pytest

from forensics.faces import cascade

BOXES = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 30, 40], [2, 2, 6, 6]], np.float32)


def test_the_largest_level_shows_the_smallest_face_in_one_window() -> None:
    assert cascade.pyramid_scales(300, 400, 24)[0] * 24 == cascade.WINDOW


def test_the_smallest_level_still_holds_one_window_and_the_next_would_not() -> None:
    last = cascade.pyramid_scales(300, 400, 20)[-1] * 300
    assert last * cascade.STEP < cascade.WINDOW <= last


def test_a_picture_narrower_than_the_smallest_face_has_no_level() -> None:
    assert cascade.pyramid_scales(19, 400, 20) == []


def test_window_boxes_undo_the_scale_of_their_level() -> None:
    probability = np.zeros((4, 5), np.float32)
    probability[1, 3] = 0.9
    boxes, facts = cascade.window_boxes(
        probability, np.ones((4, 5, 4), np.float32), np.array([0.5, 0.25], np.float32), 0.7
    )
    assert boxes.tolist() == [[12, 8, 36, 56]]
    assert facts.tolist() == [[np.float32(0.9), 1, 1, 1, 1]]


def test_a_shift_is_measured_in_sides_of_the_box() -> None:
    box = np.array([[10, 10, 20, 30]], np.float32)
    shift = np.array([[0.5, 0.5, -0.5, 0]], np.float32)
    assert cascade.shifted(box, shift).tolist() == [[15, 20, 15, 30]]


def test_squares_are_square_on_whole_pixels_and_keep_the_centre() -> None:
    rng = np.random.default_rng(0)
    corner, size = rng.uniform(-9, 99, (50, 2)), rng.uniform(1, 40, (50, 2))
    squares = cascade.squared(np.hstack([corner, corner + size]).astype(np.float32))
    sides = squares[:, 2:] - squares[:, :2]
    moved = (squares[:, :2] + squares[:, 2:]) / 2 - (corner + size / 2)
    assert np.array_equal(squares, np.round(squares))
    assert np.array_equal(sides[:, 0], sides[:, 1])
    assert np.abs(moved).max() <= 0.5


def test_a_crop_of_its_own_size_is_a_slice_and_black_outside() -> None:
    image = np.random.default_rng(0).integers(1, 256, (40, 50, 3), dtype=np.uint8)
    inside, across = cascade.crops(
        image, np.array([[3, 5, 27, 29], [-4, 20, 20, 44]], np.float32), 24
    )
    assert np.array_equal(inside, image[5:29, 3:27])
    assert np.array_equal(across[:20, 4:], image[20:40, :20])
    assert not across[:, :4].any()
    assert not across[20:].any()


def test_overlap_agrees_with_counted_pixels() -> None:
    def pixels(box: np.ndarray) -> np.ndarray:
        x1, y1, x2, y2 = box.astype(int)
        mask = np.zeros((50, 50), bool)
        mask[y1:y2, x1:x2] = True
        return mask

    masks = [pixels(box) for box in BOXES]
    counted = [(masks[0] & mask).sum() / (masks[0] | mask).sum() for mask in masks]
    assert cascade.overlap(BOXES[0], BOXES) == pytest.approx(counted)


def test_a_box_within_a_box_overlaps_the_smaller_one_wholly() -> None:
    assert cascade.overlap(BOXES[0], BOXES[3:], of_smaller=True)[0] == 1


def test_of_doubles_the_best_stays_and_strangers_stay_too() -> None:
    scores = np.array([0.8, 0.9, 0.7, 0.6], np.float32)
    assert cascade.without_doubles(BOXES, scores, 0.5).tolist() == [1, 2, 3]


def test_no_kept_box_overlaps_a_better_one_and_each_dropped_one_does() -> None:
    rng = np.random.default_rng(1)
    corner = rng.uniform(0, 60, (80, 2))
    boxes = np.hstack([corner, corner + rng.uniform(5, 40, (80, 2))]).astype(np.float32)
    scores = rng.random(80).astype(np.float32)
    kept = cascade.without_doubles(boxes, scores, 0.3)
    better = [kept[scores[kept] > scores[row]] for row in range(80)]
    overlapping = [(cascade.overlap(boxes[r], boxes[better[r]]) > 0.3).any() for r in range(80)]
    assert set(kept) == {row for row in range(80) if not overlapping[row]}


def test_without_boxes_nothing_is_kept() -> None:
    assert not cascade.without_doubles(BOXES[:0], np.zeros(0, np.float32), 0.5).size
