import json
import shutil
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.cli import main
from forensics.examination import Examiner


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    source = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return Path(shutil.copy(source, tmp_path / "grace.jpg"))


@pytest.fixture
def gallery(tmp_path: Path, portrait: Path) -> Path:
    folder = tmp_path / "people"
    who = ["--label", "Grace Hopper", "--consent", "public domain"]
    assert main(["faces", "add", str(portrait), "--gallery", str(folder), *who]) == 0
    return folder


def test_search_prints_the_contracts_object(
    gallery: Path, portrait: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["faces", "search", str(portrait), "--gallery", str(gallery), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (match,) = found["faces"][0]["matches"]
    assert found["path"] == str(portrait)
    assert match["label"] == "Grace Hopper"
    assert match["similarity"] == pytest.approx(1)
    assert {"false_match_rate", "source", "sha256"} <= set(match)


def test_search_says_how_unusual_a_likeness_is(
    gallery: Path, portrait: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["faces", "search", str(portrait), "--gallery", str(gallery)])
    assert "Would pass as the same person: less than one in" in capsys.readouterr().out


def test_a_file_is_known_the_second_time(
    gallery: Path, portrait: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = ["--gallery", str(gallery), "--label-from", "stem", "--consent", "again"]
    assert main(["faces", "add", str(portrait.parent / "grace.jpg"), *again]) == 0
    assert "0 faces added, 1 files were there already" in capsys.readouterr().out


def test_a_bad_file_fails_and_the_others_are_added(
    tmp_path: Path, portrait: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    Pillow.fromarray(noise).save(tmp_path / "noise.png")
    (tmp_path / "text.jpg").write_text("no picture")
    arguments = ["--gallery", str(tmp_path / "g"), "--label-from", "stem", "--consent", "asked"]
    assert main(["faces", "add", str(tmp_path), *arguments]) == 1
    said = capsys.readouterr()
    assert "1 faces added" in said.out
    assert said.err.count("not added") == 2


def test_consent_is_required(portrait: Path, tmp_path: Path) -> None:
    arguments = ["--gallery", str(tmp_path / "g"), "--label", "Ada", "--consent", " "]
    with pytest.raises(SystemExit) as ended:
        main(["faces", "add", str(portrait), *arguments])
    assert ended.value.code == 2
    assert not (tmp_path / "g").exists()


def test_list_and_stats_tell_what_is_kept(
    gallery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    main(["faces", "list", "--gallery", str(gallery), "--json"])
    main(["faces", "stats", "--gallery", str(gallery), "--json"])
    record, stats = map(json.loads, capsys.readouterr().out.splitlines())
    assert (record["label"], record["consent"]) == ("Grace Hopper", "public domain")
    assert (stats["faces"], stats["people"]) == (1, 1)


def test_remove_and_destroy_leave_nothing(gallery: Path, tmp_path: Path) -> None:
    assert main(["faces", "remove", "--gallery", str(gallery), "--label", "Grace Hopper"]) == 0
    files = b"".join(path.read_bytes() for path in gallery.iterdir())
    assert b"Grace" not in files
    assert main(["faces", "remove", "--gallery", str(gallery), "--label", "Grace Hopper"]) == 1
    assert main(["faces", "destroy", "--gallery", str(gallery)]) == 0
    assert not gallery.exists()


def test_a_picture_without_a_face_finds_nobody_and_fails_nothing(
    gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Pillow.new("RGB", (90, 90)).save(tmp_path / "empty.png")
    capsys.readouterr()
    assert main(["faces", "search", str(tmp_path / "empty.png"), "--gallery", str(gallery)]) == 0
    assert "0 faces" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"no picture", "is not a picture"), (b"\xff\xd8\xff\xe0", "photo.jpg"), (None, "photo.jpg")],
)
def test_a_bad_picture_is_one_clear_error(
    gallery: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
    said: str,
) -> None:
    if content is not None:
        (tmp_path / "photo.jpg").write_bytes(content)
    assert main(["faces", "search", str(tmp_path / "photo.jpg"), "--gallery", str(gallery)]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_a_tiny_face_is_refused_with_the_reason(
    gallery: Path, portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = Pillow.open(portrait).resize((64, 75), Pillow.Resampling.BOX)
    small.save(tmp_path / "small.png")
    capsys.readouterr()
    arguments = ["faces", "search", str(tmp_path / "small.png"), "--gallery", str(gallery)]
    assert main([*arguments, "--json"]) == 0
    (face,) = json.loads(capsys.readouterr().out)["faces"]
    assert face["matches"] == []
    assert "px is too small to be compared (at least 24 px)" in face["refusal"]


def test_a_gallery_of_another_matcher_is_refused(
    gallery: Path, portrait: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["faces", "search", str(portrait), "--gallery", str(gallery)]
    assert main([*arguments, "--matcher", "facenet_vggface2"]) == 1
    assert "holds vectors of the matcher dlib_resnet" in capsys.readouterr().err


def test_a_damaged_gallery_is_one_clear_error(
    gallery: Path, portrait: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (gallery / "faces.sqlite").write_bytes(b"SQLite format 3\0" + bytes(5000))
    assert main(["faces", "search", str(portrait), "--gallery", str(gallery)]) == 1
    assert "faces.sqlite" in capsys.readouterr().err


def test_a_second_matcher_without_distributions_is_refused_and_makes_no_gallery(
    portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    who = ["--label", "Grace", "--consent", "asked", "--second", "facenet_vggface2"]
    assert main(["faces", "add", str(portrait), "--gallery", str(tmp_path / "two"), *who]) == 1
    assert "faces calibrate --matcher facenet_vggface2" in capsys.readouterr().err
    assert not (tmp_path / "two").exists()


def test_a_missing_gallery_is_said(
    portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["faces", "search", str(portrait), "--gallery", str(tmp_path / "none")]) == 1
    assert "there is no gallery" in capsys.readouterr().err


def test_export_writes_every_face(gallery: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.csv"
    assert main(["faces", "export", "--gallery", str(gallery), "--out", str(out)]) == 0
    assert out.read_text().count("Grace Hopper") == 1


def test_an_examination_carries_the_likeness_as_evidence(gallery: Path, portrait: Path) -> None:
    verdict = Examiner((), (), gallery=gallery).examine(portrait)
    (finding,) = verdict.evidence["likeness"].findings
    assert finding.statement.startswith("Face 1 is most like Grace Hopper of the gallery")
    assert verdict.evidence["likeness"].measurements["gallery_faces_count"] == 1


def test_an_audit_puts_generated_faces_beside_the_gallery(
    gallery: Path, portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fakes = tmp_path / "fakes"
    fakes.mkdir()
    Pillow.open(portrait).convert("RGB").save(fakes / "one.png")
    Pillow.new("RGB", (90, 90)).save(fakes / "empty.png")
    page = tmp_path / "audit.html"
    capsys.readouterr()
    arguments = ["--generated", str(fakes), "--gallery", str(gallery), "--out", str(page)]
    assert main(["faces", "audit", *arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["looked_up"], found["failures"], found["gallery_faces"]) == (1, 1, 1)
    assert found["above"] == {"0.01": 1, "0.001": 1, "0.0001": found["above"]["0.0001"]}
    assert page.read_text().count("data:image/jpeg") == 2
