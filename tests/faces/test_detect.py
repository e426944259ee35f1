import subprocess
import sys
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.faces.align import aligned_crop
from forensics.faces.cascade import overlap
from forensics.faces.detect import find_faces, turned_back
from forensics.schema import Image


@pytest.fixture(scope="module")
def portrait() -> Image:
    """The public-domain portrait that matplotlib ships, (600, 512, 3)."""
    path = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return np.asarray(Pillow.open(path).convert("RGB"))


def scaled(image: Image, factor: float) -> Image:
    return cv2.resize(image, None, fx=factor, fy=factor).astype(np.uint8)


def test_the_cascade_agrees_with_the_package(portrait: Image) -> None:
    # The package's own boxes overlap each other by only .84 from one pyramid to another, so ours
    # is compared with their median.
    package = pytest.importorskip("facenet_pytorch")
    runs = [
        package.MTCNN(min_face_size=smallest).detect(portrait, landmarks=True)
        for smallest in (20, 24, 30, 40, 60)
    ]
    box, points = (
        np.median([run[part][0].astype(np.float32) for run in runs], axis=0) for part in (0, 2)
    )
    (face,) = find_faces(portrait)
    assert overlap(box, face.box[None])[0] > 0.9
    assert face.landmarks == pytest.approx(points, abs=0.03 * face.size)


def test_a_face_hardly_depends_on_the_pyramid(portrait: Image) -> None:
    (one,), (other,) = find_faces(portrait, at_least=20), find_faces(portrait, at_least=40)
    assert overlap(one.box, other.box[None])[0] > 0.9


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_face_is_found_where_it_is(portrait: Image, quarters: int) -> None:
    (upright,), (turned,) = find_faces(portrait), find_faces(np.rot90(portrait, quarters))
    back = turned_back(turned.landmarks, portrait.shape[:2], quarters)
    low, high = np.sort(turned_back(turned.box.reshape(2, 2), portrait.shape[:2], quarters), axis=0)
    assert np.abs(back - upright.landmarks).max() < 0.03 * upright.size
    assert overlap(upright.box, np.concatenate([low, high])[None])[0] > 0.9


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_points_of_a_turned_copy_return_to_their_pixel(quarters: int) -> None:
    image = np.arange(6 * 9).reshape(6, 9)
    turned = np.rot90(image, quarters)
    x, y = np.meshgrid(np.arange(turned.shape[1]), np.arange(turned.shape[0]))
    centres = np.stack([x, y], axis=2).astype(np.float32) + 0.5
    columns, rows = np.moveaxis(turned_back(centres, image.shape, quarters), 2, 0).astype(int)
    assert np.array_equal(image[rows, columns], turned)


def test_a_turned_face_is_aligned_upright(portrait: Image) -> None:
    chips = [
        aligned_crop(image, find_faces(image)[0], 112).astype(np.float32)
        for image in (portrait, np.ascontiguousarray(np.rot90(portrait)))
    ]
    assert np.corrcoef(chips[0].ravel(), chips[1].ravel())[0, 1] > 0.95


def test_turned_faces_are_left_out_on_request(portrait: Image) -> None:
    assert not any(face.confidence > 0.9 for face in find_faces(np.rot90(portrait), turns=False))


def test_both_of_two_faces_are_found(portrait: Image) -> None:
    canvas = np.full((700, 900, 3), 90, np.uint8)
    canvas[:600, :512] = portrait
    canvas[380:680, 600:856] = scaled(portrait, 0.5)
    boxes = np.stack([face.box for face in find_faces(canvas)])
    (alone,) = find_faces(portrait)
    assert len(boxes) == 2
    assert overlap(alone.box, boxes).max() > 0.85
    small = (alone.box / 2 + [600, 380, 600, 380]).astype(np.float32)
    assert overlap(small, boxes).max() > 0.85


def test_a_large_picture_gives_its_own_pixels(portrait: Image) -> None:
    (small,), (large,) = find_faces(portrait), find_faces(scaled(portrait, 4))
    assert overlap(small.box * 4, large.box[None])[0] > 0.85
    assert large.landmarks == pytest.approx(small.landmarks * 4, abs=0.05 * large.size)


def test_a_face_cut_by_the_border_has_its_box_within_the_picture(portrait: Image) -> None:
    (face,) = find_faces(portrait[130:, 190:])
    assert face.box.min() >= 0


def test_no_face_is_smaller_than_asked_for(portrait: Image) -> None:
    (face,) = find_faces(portrait)
    assert find_faces(portrait, at_least=int(face.size) + 60) == []


def test_the_most_confident_face_comes_first(portrait: Image) -> None:
    blurred = cv2.GaussianBlur(portrait, (0, 0), 6).astype(np.uint8)
    found = find_faces(np.hstack([blurred, portrait]))
    confidence = [face.confidence for face in found]
    assert len(found) > 1
    assert confidence == sorted(confidence, reverse=True)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_flat_picture_has_no_face(value: int) -> None:
    assert find_faces(np.full((200, 300, 3), value, np.uint8)) == []


def test_noise_has_no_face() -> None:
    assert find_faces(np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (11, 12), (19, 19), (40000, 2), (21, 5000)])
def test_a_tiny_or_narrow_picture_has_no_face(shape: tuple[int, int]) -> None:
    assert find_faces(np.full((*shape, 3), 99, np.uint8)) == []


def test_finding_is_deterministic_and_ignores_memory_layout(portrait: Image) -> None:
    planes = np.ascontiguousarray(portrait.transpose(2, 0, 1)).transpose(1, 2, 0)
    (first,), (again,), (other,) = map(find_faces, (portrait, portrait.copy(), planes))
    assert np.array_equal(first.landmarks, again.landmarks)
    assert np.array_equal(first.box, other.box)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((9, 9), np.uint8),
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((9, 9, 3), np.float32),
        np.zeros((0, 9, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(image: Image) -> None:
    with pytest.raises(ValueError, match=r"must be \(H, W, 3\) uint8"):
        find_faces(image)


def test_faces_below_the_window_of_the_network_are_refused() -> None:
    with pytest.raises(ValueError, match="at_least must be 12 px or more, got 11"):
        find_faces(np.zeros((9, 9, 3), np.uint8), at_least=11)


def test_finding_faces_loads_no_torch() -> None:
    code = (
        "import sys, numpy; from forensics.faces.detect import find_faces; "
        "find_faces(numpy.zeros((50, 50, 3), numpy.uint8)); "
        "sys.exit(bool({'torch', 'facenet_pytorch', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
