"""The page of the face swaps: a face of nobody, a sheet and a row a maker."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.commands import swap_sheets
from forensics.commands.common import run_command
from forensics.commands.swap_sheets import average_face
from forensics.errors import NoFace
from forensics.faces.portrait import Portrait, only_portrait
from forensics.schema import Image


@pytest.fixture(scope="module")
def person(face: Image) -> Portrait:
    return only_portrait(face, "face")


def test_the_average_of_one_face_twice_is_that_of_one(person: Portrait) -> None:
    one, two = average_face([person]), average_face([person, person])
    np.testing.assert_allclose(one.landmarks, two.landmarks, atol=1e-3)
    assert np.abs(one.image.astype(int) - two.image).max() <= 1


def test_an_average_lies_between_its_faces(person: Portrait) -> None:
    darker = Portrait((person.image * 0.5).astype(np.uint8), person.face, person.landmarks)
    light, middle, dark = (
        average_face(faces).image.mean() for faces in ([person], [person, darker], [darker])
    )
    assert middle == pytest.approx((light + dark) / 2, abs=1)


def test_no_faces_have_no_average() -> None:
    with pytest.raises(NoFace, match="--faces holds none"):
        average_face([])


def test_the_page_has_a_sheet_and_a_row_a_maker(tmp_path: Path, face: Image) -> None:
    (tmp_path / "faces").mkdir()
    Pillow.fromarray(face).save(tmp_path / "faces" / "one.png")
    (tmp_path / "notes.md").write_text("Seen by people.\n", encoding="utf-8")
    words = ["--faces", tmp_path / "faces", "--images", tmp_path, "--page", tmp_path / "page.md"]
    words += ["--notes", tmp_path / "notes.md"]
    assert run_command("swap-sheets", swap_sheets, [str(word) for word in words]) == 0
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    for name in ("landmark_swap", "self_blended"):
        assert f"| `{name}` | ![" in page
        assert (tmp_path / f"swaps-{name}.jpg").is_file()
    assert "too few" in page
    assert page.endswith("Seen by people.\n")
