from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.errors import GalleryUnusable, NotCalibrated, WeightsUnavailable
from forensics.faces import embed, second
from forensics.faces import index as module
from forensics.faces.embed import Matcher
from forensics.faces.index import FaceIndex
from forensics.faces.likeness import Likeness
from forensics.faces.storage import Record
from forensics.faces.strangers import measure
from forensics.faces.vectors import unit_rows
from forensics.schema import Face, Floats, Image, Match, ModelCard

SQUARE = (10, 10, 60)


def strangers(name: str, dimensions: int, wide: float) -> Likeness:
    """Distributions of 1,200 people whose vectors differ much or little."""
    rng = np.random.default_rng(0)
    centres = np.ones(dimensions) + wide * rng.standard_normal((1200, dimensions))
    rows = np.repeat(centres, 2, axis=0) + 0.01 * rng.standard_normal((2400, dimensions))
    people = [f"{number // 2}" for number in range(2400)]
    return measure(unit_rows(rows.astype(np.float32)), people, matcher=name, measured_on="made")


LIKENESS = {"colours": strangers("colours", 16, 1.0), "brightness": strangers("brightness", 4, 1.0)}


@pytest.fixture
def index(
    tmp_path: Path,
    colours: Matcher,
    brightness: Matcher,
    found_faces: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> FaceIndex:
    """A gallery with two matchers, and Ada in it: red, of middling brightness."""

    def likeness(card: ModelCard) -> Likeness:
        return LIKENESS[card.name]

    for place in (module, second):
        monkeypatch.setattr(place, "load_likeness", likeness)
    monkeypatch.setattr(
        embed, "load_matcher", lambda name: {"colours": colours, "brightness": brightness}[name]
    )
    found_faces(SQUARE)
    made = FaceIndex(tmp_path / "gallery", matcher=colours, second=brightness, create=True)
    Pillow.fromarray(plain(200, 20, 0)).save(tmp_path / "ada.png")
    made.add(tmp_path / "ada.png", label="Ada", consent="asked")
    return made


def plain(*colour: int) -> Image:
    return np.full((100, 200, 3), colour, np.uint8)


def match(index: FaceIndex, *colour: int) -> Match:
    (found,) = index.search(plain(*colour))
    return found.matches[0]


def test_strong_words_name_both_matchers_where_both_agree(index: FaceIndex) -> None:
    found = match(index, 200, 20, 0)
    assert found.statement.startswith("Would pass as the same person to two matchers: ")
    assert found.second_similarity == pytest.approx(1)
    assert found.second_false_match_rate is not None


def test_strong_words_are_withheld_where_the_second_disagrees(index: FaceIndex) -> None:
    found = match(index, 100, 9, 0)
    assert found.similarity > 0.99
    assert "Would pass" not in found.statement
    assert "The matcher brightness does not agree: to it one in" in found.statement


def test_strong_words_are_withheld_where_the_second_cannot_be_asked(
    index: FaceIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    def embed(image: Image, faces: Sequence[Face]) -> Floats:
        raise WeightsUnavailable("get it with: forensics weights pull brightness")

    monkeypatch.setattr(index.second, "embed", embed)
    found = match(index, 200, 20, 0)
    assert "Would pass" not in found.statement
    assert "could not be asked: get it with: forensics weights pull brightness" in found.statement


def test_a_face_without_a_second_vector_gets_no_strong_words(index: FaceIndex) -> None:
    vector = index.matcher.embed(plain(0, 200, 0), [index.search(plain(0, 0, 0))[0].face])
    record = Record("Bob", "bob", "bb", 0, "asked", "now")
    index.add_vectors([record], vector)
    assert "no second vector of this face" in match(index, 0, 200, 0).statement


def test_a_gallery_opens_with_its_own_matchers(index: FaceIndex, tmp_path: Path) -> None:
    again = FaceIndex(tmp_path / "gallery")
    assert again.second is not None
    assert (again.matcher.card.name, again.second.card.name) == ("colours", "brightness")


def test_another_second_matcher_is_refused(
    index: FaceIndex, tmp_path: Path, colours: Matcher
) -> None:
    with pytest.raises(GalleryUnusable, match="vectors of the matcher brightness"):
        FaceIndex(tmp_path / "gallery", second=colours)


def test_a_second_matcher_needs_distributions(
    tmp_path: Path, colours: Matcher, brightness: Matcher
) -> None:
    with pytest.raises(NotCalibrated, match="calibrate --matcher brightness"):
        FaceIndex(tmp_path / "gallery", matcher=colours, second=brightness, create=True)
    assert not (tmp_path / "gallery").exists()


def test_who_is_removed_is_removed_from_the_second_matcher_too(
    index: FaceIndex, tmp_path: Path
) -> None:
    assert index.storage.second_vectors([1])
    index.remove(label="Ada")
    assert not index.storage.second_vectors([1])
    vector = unit_rows(np.asarray([[(200 + 20) / 3 / 64, 1, 1, 1]], np.float32))
    files = b"".join(path.read_bytes() for path in (tmp_path / "gallery").iterdir())
    assert vector.tobytes()[:8] not in files
