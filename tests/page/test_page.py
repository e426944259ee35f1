import ast
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from forensics.detector import CropDetector
from forensics.errors import UnreadableMedia
from forensics.faces.index import FaceIndex
from forensics.report import upload
from forensics.report.drawn_faces import new_face
from forensics.report.upload import Upload
from forensics.schema import Floats, Image
from forensics.writing import read_provenance

PAGE = Path(__file__).parents[2] / "app.py"
Replace = Callable[..., None]


@pytest.fixture(autouse=True)
def light(detectors: Replace) -> Iterator[None]:
    detectors(a="crops")
    upload._examiner.cache_clear()
    yield
    upload._examiner.cache_clear()


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_file(str(PAGE), default_timeout=60).run()


def shown(page: AppTest) -> str:
    return "".join(element.proto.body for element in page.get("html"))


def test_the_page_imports_no_pixels_and_no_networks() -> None:
    nodes = list(ast.walk(ast.parse(PAGE.read_text(encoding="utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)]
    heavy = {"numpy", "cv2", "PIL", "torch", "onnxruntime", "scipy", "sklearn"}
    assert not heavy & {name.partition(".")[0] for name in names}


def test_the_empty_page_asks_for_a_picture(page: AppTest) -> None:
    assert not page.exception
    assert len(page.file_uploader) == 1
    assert not page.get("html")


def test_an_upload_gets_its_verdict_and_downloads(page: AppTest, picture: Path) -> None:
    page.file_uploader[0].upload("photo.png", picture.read_bytes(), "image/png").run()
    assert not page.exception
    assert "No traces found" in shown(page)
    assert len(page.get("download_button")) == 2


def test_picture_and_maps_lie_side_by_side_in_a_frame(page: AppTest, picture: Path) -> None:
    page.file_uploader[0].upload("photo.png", picture.read_bytes(), "image/png").run()
    [frame] = page.get("iframe")
    assert "data-map=" in frame.proto.srcdoc
    assert "script-src 'sha256-" in frame.proto.srcdoc


def test_a_file_that_is_no_picture_is_one_clear_error(page: AppTest) -> None:
    page.file_uploader[0].upload("letter.txt", b"Dear Sir or Madam", "text/plain").run()
    assert not page.exception
    [error] = page.error
    assert "could not be examined" in error.value
    assert hashlib.sha256(b"Dear Sir or Madam").hexdigest() not in error.value


def test_a_name_in_an_error_makes_no_link(page: AppTest) -> None:
    page.file_uploader[0].upload("[x](http:evil.example).png", b"no picture", "image/png").run()
    [error] = page.error
    assert "](" not in error.value


def test_a_hostile_name_stays_text_on_the_page(page: AppTest, picture: Path) -> None:
    name = "<img src=x onerror=alert(1)>.png"
    page.file_uploader[0].upload(name, picture.read_bytes(), "image/png").run()
    assert "<img src=x" not in shown(page)
    assert "&lt;img src=x" in shown(page)


def test_a_click_does_not_examine_again(page: AppTest, picture: Path, detectors: Replace) -> None:
    calls: list[int] = []

    class Counting(CropDetector):
        def class_logits(self, images: Sequence[Image]) -> list[Floats]:
            calls.append(len(images))
            return [np.zeros((1, 3), np.float32) for _ in images]

    detectors(a=Counting)
    page.file_uploader[0].upload("photo.png", picture.read_bytes(), "image/png").run()
    page.run()
    assert len(calls) == 1


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    """Grace Hopper's, with the portrait that it was made from beside."""
    portrait = tmp_path / "grace.jpg"
    shutil.copy(Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg", portrait)
    with FaceIndex(tmp_path / "people", create=True) as index:
        index.add(portrait, label="<b>Grace</b> Hopper", consent="public domain")
    return tmp_path / "people"


def looked_up(page: AppTest, name: str, data: bytes, gallery: Path) -> AppTest:
    page.file_uploader[0].upload(name, data, "image/jpeg").run()
    return page.text_input[0].set_value(str(gallery)).run()


def test_a_tab_shows_whom_the_faces_are_like_and_how_unusual_that_is(
    page: AppTest, gallery: Path
) -> None:
    looked_up(page, "photo.jpg", (gallery.parent / "grace.jpg").read_bytes(), gallery)
    assert not page.exception
    assert "Look-alikes" in [tab.label for tab in page.tabs]
    assert "&lt;b&gt;Grace&lt;/b&gt; Hopper" in shown(page)
    assert "Would pass as the same person: less than one in" in shown(page)
    assert shown(page).count("alt='the face of the gallery' src='data:image/jpeg") == 1


def test_the_tab_says_that_the_gallery_keeps_no_pictures(page: AppTest, gallery: Path) -> None:
    data = (gallery.parent / "grace.jpg").read_bytes()
    (gallery.parent / "grace.jpg").unlink()
    assert "is not there any more" in shown(looked_up(page, "photo.jpg", data, gallery))


def test_a_picture_without_faces_is_looked_up_too(
    page: AppTest, picture: Path, gallery: Path
) -> None:
    looked_up(page, "photo.png", picture.read_bytes(), gallery)
    assert "0 faces, looked up among 1 face of 1 person" in shown(page)


def test_without_a_gallery_the_tab_says_how_to_make_one(page: AppTest, picture: Path) -> None:
    page.file_uploader[0].upload("photo.png", picture.read_bytes(), "image/png").run()
    assert any("forensics faces add" in text.value for text in page.markdown)


def test_a_folder_without_a_gallery_is_one_clear_error(
    page: AppTest, picture: Path, tmp_path: Path
) -> None:
    looked_up(page, "photo.png", picture.read_bytes(), tmp_path / "none")
    assert not page.exception
    [error] = page.error
    assert "there is no gallery in" in error.value
    assert not (tmp_path / "none").exists()


def test_nothing_of_an_upload_stays_on_disk(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    outcome = Upload("photo.png", picture.read_bytes()).outcome()
    assert outcome.exhibit.verdict.media.path == Path("photo.png")
    assert not list(scratch.iterdir())


def test_the_users_name_is_never_a_path(picture: Path) -> None:
    outcome = Upload("../../../etc/photo.png", picture.read_bytes()).outcome()
    assert str(outcome.exhibit.verdict.media.path) == "../../../etc/photo.png"


def test_an_error_names_the_file_as_the_user_does() -> None:
    with pytest.raises(UnreadableMedia, match=r"letter\.txt"):
        Upload("letter.txt", b"Dear Sir or Madam").outcome()


def test_no_face_is_drawn_before_anybody_asks(page: AppTest) -> None:
    assert page.number_input[0].value is None
    assert not page.get("image")


def test_a_click_draws_a_face_and_names_its_seed(page: AppTest) -> None:
    page.button[0].click().run()
    assert not page.exception
    seed = page.number_input[0].value
    assert f"Seed {seed}, psi 0.7, made at 64 px" in str(page.get("image")[0].proto)


def test_a_seed_gives_the_same_face_again_marked_as_synthetic() -> None:
    first, second = new_face(17, 0.7), new_face(17, 0.7)
    assert first == second
    for picture in (first.picture, first.shown):
        mark = read_provenance(picture)
        assert mark is not None
        assert (mark.generator, mark.seed) == ("stylegan2", 17)


def test_a_drawn_face_is_looked_up_in_a_gallery(page: AppTest, tmp_path: Path) -> None:
    with FaceIndex(tmp_path / "people", create=True):
        pass
    page.number_input[0].set_value(5).run()
    page.text_input[0].input(str(tmp_path / "people")).run()
    assert not page.exception
    assert "Look-alikes" in shown(page)


def test_no_string_stands_alone_where_streamlit_would_show_it() -> None:
    body = ast.parse(PAGE.read_text(encoding="utf-8")).body[1:]
    assert not [
        node for node in body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
