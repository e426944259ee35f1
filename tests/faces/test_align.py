import numpy as np
import pytest

from forensics.faces.align import TEMPLATE, aligned_crop, face_crop, similarity
from forensics.schema import Face, Image

NOISE: Image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


def face(*box: float) -> Face:
    return Face(np.array(box, np.float32), np.zeros((5, 2), np.float32), 1.0)


def smooth(height: int, width: int) -> Image:
    """A picture whose red is x / 2 and whose green is y / 2 of each pixel's centre, in px."""
    y, x = np.mgrid[:height, :width] + 0.5
    return np.stack([x / 2, y / 2, np.full_like(x, 7)], axis=2).round().astype(np.uint8)


def placed(size: int, turn: float, scale: float, centre: tuple[float, float]) -> Face:
    """A face whose landmarks are the template, turned by `turn` radians and scaled."""
    spots = (TEMPLATE - 0.5) @ np.array([1, 1j]) * size * scale * np.exp(1j * turn)
    points = np.stack([spots.real, spots.imag], axis=1) + centre
    return Face(np.zeros(4, np.float32), points.astype(np.float32), 1.0)


def test_a_crop_is_a_slice() -> None:
    assert np.array_equal(face_crop(NOISE, face(50, 30, 70, 50), margin=0.5), NOISE[20:60, 40:80])


def test_a_crop_at_a_border_moves_inwards() -> None:
    assert np.array_equal(face_crop(NOISE, face(0, 0, 20, 20), margin=0.5), NOISE[:40, :40])


def test_the_margin_gives_way_where_the_picture_is_narrow() -> None:
    assert np.array_equal(face_crop(NOISE, face(30, 5, 90, 75), margin=1), NOISE[:, 15:105])


def test_a_box_longer_than_the_picture_is_narrow_is_mirrored() -> None:
    crop = face_crop(NOISE[:30], face(20, 0, 60, 30), margin=0)
    assert np.array_equal(crop[5:35], NOISE[:30, 20:60])
    assert np.array_equal(crop[:5], NOISE[:5, 20:60][::-1])


@pytest.mark.parametrize("box", [(0, 0, 0, 0), (-30, -30, -20, -20), (0, 0, 400, 3)])
def test_any_box_gives_a_square(box: tuple[float, ...]) -> None:
    height, width = face_crop(NOISE, face(*box)).shape[:2]
    assert height == width >= 1


def test_a_negative_margin_is_refused() -> None:
    with pytest.raises(ValueError, match="margin must not be negative, got -1"):
        face_crop(NOISE, face(0, 0, 9, 9), margin=-1)


def test_similarity_takes_landmarks_to_where_they_belong() -> None:
    turned = placed(100, 2.0, 0.7, (33, 44))
    matrix = similarity(turned.landmarks, (TEMPLATE * 100).astype(np.float32))
    assert turned.landmarks @ matrix[:, :2].T + matrix[:, 2] == pytest.approx(
        TEMPLATE * 100, abs=1e-3
    )


def test_similarity_never_mirrors() -> None:
    mirrored = (TEMPLATE * (-1, 1)).astype(np.float32)
    assert np.linalg.det(similarity(mirrored, TEMPLATE.astype(np.float32))[:, :2]) > 0


@pytest.mark.parametrize("turn", [0, 0.4, np.pi / 2, np.pi, -np.pi / 2])
@pytest.mark.parametrize("scale", [0.5, 1.0, 3.3])
def test_each_template_point_shows_the_pixel_under_its_landmark(turn: float, scale: float) -> None:
    there = placed(64, turn, scale, (250, 240))
    chip = aligned_crop(smooth(490, 500), there, 64)
    columns, rows = (TEMPLATE * 64).astype(int).T
    # The pixel whose area holds the point: at most .71 px of the chip away from it.
    assert chip[rows, columns, :2] * 2.0 == pytest.approx(there.landmarks, abs=0.71 * scale + 2)


def test_a_face_in_template_position_is_not_resampled() -> None:
    there = placed(64, 0, 1, (60, 45))
    assert np.array_equal(aligned_crop(NOISE, there, 64), NOISE[13:77, 28:92])


def test_a_large_face_is_averaged_and_does_not_alias() -> None:
    stripes = np.zeros((800, 800, 3), np.uint8)
    stripes[:, ::2] = 255
    chip = aligned_crop(stripes, placed(64, 0, 10, (400, 400)), 64)
    assert np.abs(chip.astype(int) - 127).max() <= 26


def test_a_face_cut_off_by_the_border_still_gives_a_whole_chip() -> None:
    assert aligned_crop(NOISE, placed(64, 0.3, 1, (0, 0)), 64).shape == (64, 64, 3)


def test_landmarks_on_one_spot_are_refused() -> None:
    with pytest.raises(ValueError, match="one spot"):
        aligned_crop(NOISE, face(0, 0, 9, 9), 64)


def test_a_chip_without_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="size must be 1 px or more, got 0"):
        aligned_crop(NOISE, face(0, 0, 9, 9), 0)
