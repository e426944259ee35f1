from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.case import Case
from forensics.evidence.lighting_and_geometry import LightingAndGeometry
from forensics.plugins import entries
from forensics.schema import Face, Image
from forensics.traces.eyes import compare_eyes

EYES = ((160, 200), (320, 200))
CARD = entries("analysis")["lighting_and_geometry"].card


def face(eyes: tuple[tuple[int, int], ...] = EYES) -> Face:
    rest = [(240, 280), (200, 330), (280, 330)]
    landmarks = np.array([*eyes, *rest], np.float32)
    return Face(np.array([80, 60, 400, 420], np.float32), landmarks, 0.99)


def portrait(
    *, glints: tuple[tuple[int, int], ...] = ((4, -4), (4, -4)), pupil: int = 6, dent: int = 0
) -> Image:
    """Skin, two eyes of 15 px radius with a pupil and a glint each, at these offsets."""
    image = np.full((480, 480, 3), (205, 170, 150), np.uint8)
    for (x, y), (dx, dy) in zip(EYES, glints, strict=True):
        cv2.ellipse(image, (x, y), (32, 17), 0, 0, 360, (225, 222, 220), -1, cv2.LINE_AA)
        cv2.circle(image, (x, y), 15, (96, 92, 88), -1, cv2.LINE_AA)
        cv2.circle(image, (x, y), pupil, (18, 16, 15), -1, cv2.LINE_AA)
        if dent:
            cv2.rectangle(image, (x, y - 1), (x + dent, y + 1), (18, 16, 15), -1)
            cv2.rectangle(image, (x - 1, y), (x + 1, y + dent), (18, 16, 15), -1)
        cv2.circle(image, (x + dx, y + dy), 3, (250, 250, 250), -1, cv2.LINE_AA)
    return image


def test_equal_highlights_overlap() -> None:
    eyes = compare_eyes(portrait(), face())
    assert eyes is not None
    assert eyes.highlights is not None
    assert eyes.highlights > 0.7


def test_highlights_in_other_places_overlap_less() -> None:
    eyes = compare_eyes(portrait(glints=((7, -7), (-7, 6))), face())
    assert eyes is not None
    assert eyes.highlights is not None
    assert eyes.highlights < 0.12


def test_a_round_pupil_fits_its_ellipse_better_than_a_ragged_one() -> None:
    far = ((10, -9), (10, -9))
    whole = compare_eyes(portrait(glints=far), face())
    ragged = compare_eyes(portrait(glints=far, pupil=4, dent=11), face())
    assert whole is not None
    assert whole.pupils is not None
    assert whole.pupils > 0.85
    assert ragged is not None
    assert ragged.pupils is None or ragged.pupils < whole.pupils - 0.1


@pytest.mark.filterwarnings("error")
def test_an_eye_of_one_shade_has_no_pupil() -> None:
    eyes = compare_eyes(np.full((480, 480, 3), 90, np.uint8), face())
    assert eyes is None or eyes.pupils is None


def test_eyes_of_a_tilted_head_are_made_level() -> None:
    turn = cv2.getRotationMatrix2D((240, 240), 20, 1)
    image = np.asarray(cv2.warpAffine(portrait(), turn, (480, 480)), np.uint8)
    first, second = (tuple(np.rint(turn @ [*eye, 1]).astype(int)) for eye in EYES)
    eyes = compare_eyes(image, face((first, second)))
    assert eyes is not None
    assert eyes.highlights is not None
    assert eyes.highlights > 0.5


@pytest.mark.parametrize(
    "eyes", [((160, 200), (200, 200)), ((-300, 200), (-100, 200)), ((0, 0), (9999, 0))]
)
def test_small_eyes_and_eyes_outside_are_not_compared(eyes: tuple[tuple[int, int], ...]) -> None:
    assert compare_eyes(portrait(), face(eyes)) is None


def test_each_face_gets_its_findings(tmp_path: Path) -> None:
    Pillow.fromarray(portrait()).save(tmp_path / "a.png")
    case = Case(tmp_path / "a.png")
    case.__dict__["faces"] = [face(), face(((160, 200), (200, 200)))]
    evidence = LightingAndGeometry(CARD).examine(case)
    assert {finding.face for finding in evidence.findings} == {0}
    assert evidence.findings[0].code == "highlights_alike"
    assert evidence.measurements["faces_compared_count"] == 1


def test_without_large_eyes_it_says_so(tmp_path: Path) -> None:
    Pillow.new("RGB", (300, 300)).save(tmp_path / "a.png")
    [finding] = LightingAndGeometry(CARD).examine(Case(tmp_path / "a.png")).findings
    assert finding.code == "eyes_not_compared"
