import numpy as np
import pytest

from forensics.faces.track import LONGEST_GAP, Sighting, linked, smoothed, steady_landmarks


def seen(left: float, value: float = 0.0) -> Sighting:
    box = np.array([left, 0, left + 50, 50], np.float32)
    return Sighting(box, np.full((68, 2), value, np.float32))


def even(count: int, rate: float = 25) -> list[float]:
    return [index / rate for index in range(count)]


def test_two_faces_that_pass_side_by_side_keep_their_tracks() -> None:
    frames = [[seen(10 + 2 * i), seen(300 - 2 * i)] for i in range(20)]
    tracks = linked(frames, even(20))
    assert [len(track.sightings) for track in tracks] == [20, 20]
    assert tracks[0].sightings[19].box[0] == 10 + 38


def test_a_face_lost_for_a_moment_stays_the_same_face() -> None:
    frames = [[seen(10)] if not 5 <= i < 9 else [] for i in range(15)]
    assert len(linked(frames, even(15))) == 1


def test_a_face_lost_for_long_comes_back_as_another() -> None:
    gone = int(LONGEST_GAP * 25) + 2
    frames = [[seen(10)] if i < 5 or i >= 5 + gone else [] for i in range(10 + gone)]
    assert len(linked(frames, even(len(frames)))) == 2


def test_a_single_sighting_in_a_long_clip_is_dropped_and_in_a_short_one_kept() -> None:
    assert linked([[seen(10)], [], [], []], even(4)) == []
    assert len(linked([[seen(10)]], even(1))) == 1


def test_frames_without_a_sighting_are_filled_on_a_straight_line() -> None:
    frames = [[seen(10, value=float(i))] if i not in (4, 5) else [] for i in range(10)]
    (track,) = linked(frames, even(10))
    found = steady_landmarks(track, even(10))
    assert sorted(found) == list(range(10))
    assert found[4][0, 0] == pytest.approx(4, abs=1e-4)


def test_trembling_is_steadied_and_even_movement_kept() -> None:
    times = np.arange(100) / 25
    trembling = np.random.default_rng(0).normal(0, 1, (100, 4))
    path = np.stack([40 * times, times**2, 3 - times, np.ones(100)], axis=1)
    assert smoothed(trembling, times).std() < 0.6
    assert smoothed(path, times) == pytest.approx(path, abs=1e-3)


def test_smoothing_looks_at_seconds_and_not_at_frames() -> None:
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.uniform(0.01, 0.09, 80))
    assert smoothed(times[:, None] * 7, times) == pytest.approx(times[:, None] * 7, abs=1e-3)


def test_one_and_two_frames_stay_as_they_are() -> None:
    for count in (1, 2):
        values = np.arange(count * 3, dtype=float).reshape(count, 3)
        assert smoothed(values, np.arange(count) / 25) == pytest.approx(values, abs=1e-4)
