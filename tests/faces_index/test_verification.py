from pathlib import Path

import numpy as np
import pytest

from forensics.benchmark.face_verification import (
    Pair,
    best_threshold,
    cross_pairs,
    most_central,
    read_pairs,
    verify,
)
from forensics.benchmark.likeness_check import check_promises, cosine_at
from forensics.errors import InvalidManifest
from forensics.faces.strangers import measure
from forensics.schema import Face, Floats


def near(axis: int, lean: float) -> Floats:
    """A unit vector near one axis, leaning to the last one."""
    row = np.zeros(8, np.float32)
    row[[axis, 7]] = np.cos(lean), np.sin(lean)
    return row


PEOPLE = {name: axis for axis, name in enumerate(("Ada", "Bob", "Eve", "Max"))}
VECTORS: dict[str, Floats | None] = {
    f"{name}_000{number}.jpg": near(axis, 0.1 * number)
    for name, axis in PEOPLE.items()
    for number in (1, 2)
}
PAIRS = [
    Pair("1", "Ada_0001.jpg", "Ada_0002.jpg", True),
    Pair("1", "Ada_0001.jpg", "Bob_0001.jpg", False),
    Pair("1", "Bob_0001.jpg", "Bob_0002.jpg", True),
    Pair("2", "Eve_0001.jpg", "Eve_0002.jpg", True),
    Pair("2", "Max_0001.jpg", "Max_0002.jpg", True),
    Pair("2", "Eve_0002.jpg", "Max_0002.jpg", False),
]


def test_whom_a_matcher_tells_apart_it_scores_full() -> None:
    result = verify(PAIRS, VECTORS)
    assert (result.accuracy, result.auc, result.failures) == (1, 1, 0)
    assert result.true_accepts == {1e-2: 1, 1e-3: 1}


def test_all_cross_pairs_are_counted_once() -> None:
    result = verify(PAIRS, VECTORS)
    assert (result.pictures, result.people) == (8, 4)
    assert (result.genuine_pairs, result.impostor_pairs) == (4, 24)


def test_a_picture_without_a_face_is_wrong_in_every_pair() -> None:
    result = verify(PAIRS, {**VECTORS, "Ada_0002.jpg": None})
    assert result.failures == 1
    assert result.accuracy == pytest.approx(5 / 6)
    assert result.auc < 1
    assert result.true_accepts[1e-3] == 0.75


def test_a_lost_picture_is_no_strangers_double() -> None:
    cosines, same, _ = cross_pairs(PAIRS, {**VECTORS, "Ada_0001.jpg": None})
    assert cosines[~same].max() < 0.5
    assert same.sum() == 4


def test_the_threshold_comes_from_the_other_folds() -> None:
    swapped = [Pair(p.fold, p.a, p.b, p.same) for p in PAIRS if p.fold == "1"]
    with pytest.raises(InvalidManifest, match="needs another fold"):
        verify(swapped, VECTORS)


def test_the_best_threshold_lies_between_the_classes() -> None:
    scores = np.array([0.1, 0.2, 0.6, 0.9])
    same = np.array([False, False, True, True])
    assert best_threshold(scores, same) == pytest.approx(0.4)


def test_names_that_contradict_the_pairs_are_refused() -> None:
    wrong = [*PAIRS, Pair("1", "Ada_0001.jpg", "Bob_0002.jpg", True)]
    with pytest.raises(InvalidManifest, match="contradict same=1"):
        verify(wrong, VECTORS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fold,a,b\n1,x,y\n", "lacks the columns"),
        ("fold,a,b,same\n1,x,y,maybe\n", "line 2: same must be 0 or 1"),
        ("fold,a,b,same\n", "lists no pairs"),
    ],
)
def test_a_wrong_pairs_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(InvalidManifest, match=message):
        read_pairs(tmp_path / "pairs.csv")


def test_the_person_of_a_picture_stands_in_its_middle() -> None:
    boxes = np.array([[0, 0, 90, 90], [110, 120, 140, 150]], np.float32)
    faces = [Face(box, np.zeros((5, 2), np.float32), 0.9) for box in boxes]
    assert most_central(faces, 250, 250) is faces[1]


def population(count: int, seed: int) -> tuple[Floats, list[str]]:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((2 * count, 32)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows, [f"{seed}-{number // 2}" for number in range(2 * count)]


def test_promises_hold_among_others_of_the_same_kind() -> None:
    likeness = measure(*population(250, 0), matcher="m", measured_on="made")
    promises = check_promises(likeness, *population(250, 1))
    assert all(promise.holds for promise in promises)
    (hundredth,) = [p for p in promises if p.among == "everyone" and p.promised == 1e-2]
    assert hundredth.measured == pytest.approx(1e-2, rel=0.2)


def test_promises_break_where_strangers_look_more_alike() -> None:
    likeness = measure(*population(250, 0), matcher="m", measured_on="made")
    rows, people = population(250, 1)
    rows = rows + np.float32(0.15)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    promises = check_promises(likeness, rows, people)
    assert not any(promise.holds for promise in promises if promise.among == "everyone")


def test_the_cosine_of_a_rate_has_that_rate() -> None:
    impostors = measure(*population(250, 0), matcher="m", measured_on="made").everyone
    for rate in (0.3, 1e-2, 1e-3):
        assert impostors.measured(cosine_at(impostors, rate)) == pytest.approx(rate, rel=0.02)
