import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.errors import GalleryUnusable, NoFace, UnreadableMedia
from forensics.faces import index as module
from forensics.faces.embed import Matcher
from forensics.faces.index import FaceIndex
from forensics.faces.likeness import Likeness
from forensics.faces.storage import Record
from forensics.faces.strangers import measure
from forensics.faces.vectors import unit_rows
from forensics.schema import Image

Find = Callable[..., None]
SQUARE = (10, 10, 60)


def plain(*colour: int) -> Image:
    return np.full((100, 200, 3), colour, np.uint8)


def picture(folder: Path, *colour: int) -> Path:
    path = folder / f"{'-'.join(map(str, colour))}.png"
    Pillow.fromarray(plain(*colour)).save(path)
    return path


@pytest.fixture
def index(tmp_path: Path, colours: Matcher, monkeypatch: pytest.MonkeyPatch) -> FaceIndex:
    rows = unit_rows(np.random.default_rng(0).standard_normal((80, 16)).astype(np.float32))
    likeness: Likeness = measure(
        rows, [str(number // 2) for number in range(80)], matcher="colours", measured_on="made"
    )
    monkeypatch.setattr(module, "load_likeness", lambda card: likeness)
    return FaceIndex(tmp_path / "gallery", matcher=colours, create=True)


def test_a_face_is_found_again_under_its_label(
    index: FaceIndex, tmp_path: Path, found_faces: Find
) -> None:
    found_faces(SQUARE)
    for name, colour in (("red", (200, 0, 0)), ("green", (0, 200, 0)), ("blue", (0, 0, 200))):
        index.add(picture(tmp_path, *colour), label=name, consent="asked")
    (face,) = index.search(plain(190, 20, 0), top=2)
    assert [match.label for match in face.matches] == ["red", "green"]
    assert face.matches[0].source == str(tmp_path / "200-0-0.png")
    assert face.matches[0].similarity == pytest.approx(0.99, abs=0.01)


def test_a_file_is_added_once(index: FaceIndex, tmp_path: Path, found_faces: Find) -> None:
    found_faces(SQUARE)
    path = picture(tmp_path, 1, 2, 3)
    assert [index.add(path, label=name, consent="asked") for name in ("Ada", "Bob")] == [1, 0]
    assert [record.label for record in index.records()] == ["Ada"]


def test_every_face_of_a_picture_is_looked_up(
    index: FaceIndex, tmp_path: Path, found_faces: Find
) -> None:
    found_faces(SQUARE)
    index.add(picture(tmp_path, 200, 0, 0), label="red", consent="asked")
    found_faces(SQUARE, (100, 10, 60), (180, 10, 15))
    found = index.search(plain(200, 0, 0))
    assert [len(one.matches) for one in found] == [1, 1, 0]
    assert "15 px is too small" in found[2].refusal


@pytest.mark.parametrize(("several", "kept"), [("largest", 1), ("all", 2)])
def test_of_several_faces_those_chosen_are_kept(
    index: FaceIndex, tmp_path: Path, found_faces: Find, several: module.Several, kept: int
) -> None:
    found_faces(SQUARE, (100, 10, 70))
    path = picture(tmp_path, 1, 2, 3)
    assert index.add(path, label="Ada", consent="asked", several=several) == kept


def test_of_several_faces_nobody_guesses_whose_the_label_is(
    index: FaceIndex, tmp_path: Path, found_faces: Find
) -> None:
    found_faces(SQUARE, (100, 10, 70))
    with pytest.raises(NoFace, match="shows 2 faces"):
        index.add(picture(tmp_path, 1, 2, 3), label="Ada", consent="asked")
    assert len(index) == 0


def test_a_picture_without_a_face_is_refused(
    index: FaceIndex, tmp_path: Path, found_faces: Find
) -> None:
    found_faces()
    with pytest.raises(NoFace, match="shows no face"):
        index.add(picture(tmp_path, 1, 2, 3), label="Ada", consent="asked")


def test_a_tiny_face_is_refused(index: FaceIndex, tmp_path: Path, found_faces: Find) -> None:
    found_faces((10, 10, 20))
    with pytest.raises(NoFace, match="20 px is too small"):
        index.add(picture(tmp_path, 1, 2, 3), label="Ada", consent="asked")


def test_what_is_no_picture_is_refused_and_loses_nothing(
    index: FaceIndex, tmp_path: Path, found_faces: Find
) -> None:
    found_faces(SQUARE)
    index.add(picture(tmp_path, 1, 2, 3), label="Ada", consent="asked")
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(UnreadableMedia):
        index.add(tmp_path / "text.jpg", label="Bob", consent="asked")
    assert len(index) == 1


@pytest.mark.parametrize(("label", "consent"), [("", "asked"), ("Ada", " ")])
def test_nobody_is_kept_without_a_name_and_consent(
    index: FaceIndex, tmp_path: Path, found_faces: Find, label: str, consent: str
) -> None:
    found_faces(SQUARE)
    with pytest.raises(ValueError, match="consent"):
        index.add(picture(tmp_path, 1, 2, 3), label=label, consent=consent)


def test_what_another_process_changes_is_seen_by_the_next_search(
    index: FaceIndex, tmp_path: Path, colours: Matcher, found_faces: Find
) -> None:
    found_faces(SQUARE)
    other = FaceIndex(tmp_path / "gallery", matcher=colours)
    for name, colour in (("red", (200, 0, 0)), ("blue", (0, 0, 200))):
        other.add(picture(tmp_path, *colour), label=name, consent="asked")
    assert index.search(plain(200, 0, 0))[0].matches[0].label == "red"
    other.remove(label="red")
    assert [match.label for match in index.search(plain(200, 0, 0))[0].matches] == ["blue"]
    assert index.people == 1


def test_an_empty_gallery_matches_nobody(index: FaceIndex, found_faces: Find) -> None:
    found_faces(SQUARE)
    assert index.search(plain(1, 2, 3))[0].matches == ()


def test_the_chance_counts_people_and_not_pictures(
    index: FaceIndex, tmp_path: Path, found_faces: Find
) -> None:
    found_faces(SQUARE)
    for red in (100, 150, 200):
        index.add(picture(tmp_path, red, 0, 0), label="Ada", consent="asked")
    (match, *_) = index.search(plain(200, 0, 0))[0].matches
    assert match.in_gallery == pytest.approx(match.false_match_rate)


def test_the_export_holds_all_that_is_kept(
    index: FaceIndex, tmp_path: Path, found_faces: Find
) -> None:
    found_faces(SQUARE)
    index.add(picture(tmp_path, 9, 9, 9), label="Ada", consent="release 7")
    assert index.export(tmp_path / "all.csv") == 1
    (row,) = csv.DictReader((tmp_path / "all.csv").open())
    assert (row["label"], row["consent"], row["matcher"]) == ("Ada", "release 7", index.key)
    vector = np.frombuffer(bytes.fromhex(row["vector"]), "<f4")
    assert np.array_equal(vector, index.all_vectors()[0])


def test_counts_tell_faces_people_and_files(
    index: FaceIndex, tmp_path: Path, found_faces: Find
) -> None:
    found_faces(SQUARE, (100, 10, 60))
    index.add(picture(tmp_path, 1, 1, 1), label="Ada", consent="asked", several="all")
    assert index.stats() == {"faces": 2, "people": 1, "files": 1}


def test_a_vector_that_changed_on_disk_is_said(
    index: FaceIndex, tmp_path: Path, colours: Matcher
) -> None:
    record = Record("Ada", "a", "aa", 0, "asked", "now")
    index.add_vectors([record], np.full((1, 16), 0.5, np.float32))
    with pytest.raises(GalleryUnusable, match="has not length 1"):
        FaceIndex(tmp_path / "gallery", matcher=colours)
