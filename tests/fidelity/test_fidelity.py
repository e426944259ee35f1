import numpy as np
import pytest
from numpy.typing import NDArray

from forensics import fidelity


def normal(count: int, seed: int, shift: float = 0.0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal((count, 6)) + shift


def slow_distance(real: NDArray[np.float64], fake: NDArray[np.float64]) -> float:
    """Pair by pair, as the definition has it."""

    def k(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
        return float((x @ y / len(x) + 1) ** 3)

    def within(rows: NDArray[np.float64]) -> float:
        return float(np.mean([k(x, y) for i, x in enumerate(rows) for y in np.delete(rows, i, 0)]))

    return within(real) + within(fake) - 2 * float(np.mean([k(x, y) for x in real for y in fake]))


def slow_covered(points: NDArray[np.float64], support: NDArray[np.float64], k: int) -> list[bool]:
    def radius(index: int) -> float:
        others = np.linalg.norm(np.delete(support, index, 0) - support[index], axis=1)
        return float(np.sort(others)[k - 1])

    return [
        any(np.linalg.norm(point - row) <= radius(i) for i, row in enumerate(support))
        for point in points
    ]


def test_kernel_distance_is_that_of_its_slow_twin() -> None:
    real, fake = normal(12, 0), normal(9, 1, 0.4)
    assert fidelity.kernel_distance(real, fake) == pytest.approx(slow_distance(real, fake))


def test_kernel_distance_of_one_distribution_is_zero_on_average() -> None:
    found = [fidelity.kernel_distance(normal(60, s), normal(60, 1000 + s)) for s in range(60)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))


def test_kernel_distance_grows_with_a_shift() -> None:
    found = [fidelity.kernel_distance(normal(80, 0), normal(80, 1, s)) for s in (0.0, 0.5, 1.0)]
    assert found == sorted(found)
    assert found[1] > 5 * abs(found[0])


def test_interval_holds_the_distance_and_shrinks_with_more_pictures() -> None:
    def interval(count: int) -> tuple[float, float]:
        return fidelity.kernel_distance_interval(normal(count, 0), normal(count, 1, 0.5))

    few, many = interval(30), interval(300)
    assert few[0] < fidelity.kernel_distance(normal(30, 0), normal(30, 1, 0.5)) < few[1]
    assert many[1] - many[0] < few[1] - few[0]


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    truth = fidelity.kernel_distance(normal(2000, 0), normal(2000, 1, 0.3))
    hits = 0
    for s in range(40):
        pair = normal(60, 10 + s), normal(60, 500 + s, 0.3)
        low, high = fidelity.kernel_distance_interval(*pair, rounds=60)
        hits += low <= truth <= high
    assert 33 <= hits <= 40


@pytest.mark.parametrize("neighbours", [1, 3])
def test_covered_is_its_slow_twin(neighbours: int) -> None:
    points, support = normal(20, 0, 0.5), normal(25, 1)
    found = fidelity.covered(points, support, neighbours).tolist()
    assert found == slow_covered(points, support, neighbours)
    assert 0 < sum(found) < len(found)


def test_precision_of_a_part_is_one_and_its_recall_is_less() -> None:
    real = normal(200, 0)
    part = real[real[:, 0] > 0.5]
    assert fidelity.precision(real, part) == 1
    assert fidelity.recall(real, part) < 0.7


def test_far_pictures_have_neither_precision_nor_recall() -> None:
    assert fidelity.precision(normal(50, 0), normal(50, 1, 20)) == 0
    assert fidelity.recall(normal(50, 0), normal(50, 1, 20)) == 0


def test_share_interval_holds_the_share() -> None:
    hits = np.arange(100) < 30
    low, high = fidelity.share_interval(hits)
    assert 0.15 < low < 0.3 < high < 0.45


def test_nearest_is_found_with_its_distance() -> None:
    index, distance = fidelity.nearest(np.array([[0.0, 3], [9, 9]]), np.array([[9.0, 8], [0, 0]]))
    assert index.tolist() == [1, 0]
    assert distance.tolist() == pytest.approx([3, 1])


def test_floor_compares_two_halves() -> None:
    assert fidelity.floor_of(normal(100, 0), lambda a, b: float(len(a) + len(b))) == 100


def test_features_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="features must be"):
        fidelity.kernel_distance(np.zeros((4, 3)), np.zeros((4, 2)))
    with pytest.raises(ValueError, match="rows or more"):
        fidelity.kernel_distance(np.zeros((1, 3)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="neighbours must be 1 to 3"):
        fidelity.covered(np.zeros((4, 3)), np.zeros((4, 3)), 4)
