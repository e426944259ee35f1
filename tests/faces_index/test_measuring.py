import csv
import shutil
from pathlib import Path
from zipfile import ZipFile

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image as Pillow
from safetensors.numpy import load_file

from forensics.benchmark.face_size import small_faces
from forensics.benchmark.face_verification import embedded
from forensics.cli import main
from forensics.faces import crowd
from forensics.faces.embed import load_matcher
from forensics.faces.likeness import load_likeness


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Grace Hopper twice, the second time mirrored, and a picture of noise."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    source = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    shutil.copy(source, pictures / "Grace_0001.jpg")
    mirrored = Pillow.open(source).transpose(Pillow.Transpose.FLIP_LEFT_RIGHT)
    mirrored.save(pictures / "Grace_0002.jpg", quality=95)
    noise = np.random.default_rng(0).integers(0, 256, (120, 120, 3), dtype=np.uint8)
    Pillow.fromarray(noise).save(pictures / "Noise_0001.jpg")
    return pictures


def test_a_face_is_told_less_well_the_smaller_it_is(folder: Path) -> None:
    matcher = load_matcher()
    names = ["Grace_0001.jpg", "Grace_0002.jpg", "Noise_0001.jpg"]
    vectors = dict(embedded(names, folder, matcher))
    found = list(
        small_faces(
            names,
            folder,
            vectors,
            (14, 40, 4000),
            matcher=matcher,
            likeness=load_likeness(matcher.card),
            threshold=0.9,
        )
    )
    assert [one.found for one in found] == pytest.approx([2 / 3] * 3)
    assert [one.genuine_pairs for one in found] == [2, 2, 2]
    assert found[0].median < found[1].median < found[2].median
    assert found[2].true_accepts == 1
    assert found[2].false_accepts == 0


@pytest.mark.parametrize("packed", [False, True])
def test_a_crowd_is_made_of_faces_of_people_who_are_not_left_out(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr(crowd, "CENTRES", 1)
    monkeypatch.setattr(crowd, "FEWEST", 1)
    rows = [("Grace_0001.jpg", "Grace Hopper"), ("Grace_0002.jpg", "Ada"), ("Noise_0001.jpg", "")]
    with (tmp_path / "list.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("file", "identity"), *rows])
    (tmp_path / "pairs.csv").write_text("fold,a,b,same\n1,Ada_0001.jpg,Ada_0002.jpg,1\n")
    with ZipFile(tmp_path / "pictures.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"deep/{path.name}")
    place = tmp_path / "pictures.zip" if packed else folder
    given = [str(tmp_path / "list.csv"), "--pictures", str(place), "--out", str(tmp_path)]
    assert main(["faces", "crowd", *given, "--without", str(tmp_path / "pairs.csv")]) == 0
    (centre,) = load_file(tmp_path / "dlib_resnet_crowd.safetensors")["centres"]
    (_, vector), *_ = embedded(["Grace_0001.jpg"], folder, load_matcher())
    assert vector is not None
    assert float(centre.astype(np.float32) @ vector) > 0.99


@pytest.mark.parametrize("text", ["", "name\nx\n", "file,identity\n"])
def test_a_wrong_list_is_one_clear_error(
    folder: Path, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.csv").write_text(text)
    given = [str(tmp_path / "list.csv"), "--pictures", str(folder), "--out", str(tmp_path)]
    assert main(["faces", "crowd", *given]) == 1
    assert "the columns file and identity" in capsys.readouterr().err


def test_too_few_faces_are_one_clear_error(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.csv").write_text("file,identity\nGrace_0001.jpg,Grace\n")
    for name in ("list.csv", "none.csv"):
        given = [str(tmp_path / name), "--pictures", str(folder), "--out", str(tmp_path)]
        assert main(["faces", "crowd", *given]) == 1
    assert "gives 1 faces, too few" in (said := capsys.readouterr().err)
    assert "none.csv cannot be read" in said


def test_missing_pictures_are_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.csv").write_text("file,identity\na.jpg,Ada\n")
    (tmp_path / "pictures.zip").write_bytes(b"no archive")
    for place in ("pictures.zip", "none"):
        given = [str(tmp_path / "list.csv"), "--pictures", str(tmp_path / place)]
        assert main(["faces", "crowd", *given, "--out", str(tmp_path)]) == 1
        assert "cannot be read" in capsys.readouterr().err
