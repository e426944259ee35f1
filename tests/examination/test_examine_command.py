import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from forensics.cli import main
from forensics.schema import Image

Replace = Callable[..., None]
XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmp:CreatorTool="&lt;script&gt;alert(2)&lt;/script&gt;"/></rdf:RDF></x:xmpmeta>"""
QUICK = ["--analysis", "metadata"]


@pytest.fixture(autouse=True)
def light(detectors: Replace) -> None:
    detectors(a="crops")


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_prints_one_object_a_file_and_nothing_else(
    picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["examine", str(picture), "--json", *QUICK]) == 0
    [line] = lines(capsys.readouterr().out)
    assert line["path"] == str(picture)


def test_a_missing_file_is_an_error_object_and_status_1(
    picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["examine", "missing.jpg", str(picture), "--json", *QUICK]) == 1
    failed, examined = lines(capsys.readouterr().out)
    assert failed["path"] == "missing.jpg"
    assert "error" in failed
    assert "label" in examined


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["a.jpg", "--report", "a.pdf"],
        ["a.jpg", "--report", "a.txt"],
        ["a.jpg", "--report", "no/such/folder/a.html"],
        ["a.jpg", "--fast", "--detector", "a"],
        ["a.jpg", "--trust-anchors", "missing.pem"],
    ],
)
def test_wrong_usage_is_status_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["examine", *wrong])
    assert stopped.value.code == 2
    assert not capsys.readouterr().out


def test_an_unknown_plugin_is_status_2(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["examine", str(picture), "--detector", "crystal_ball"]) == 2
    assert "crystal_ball" in capsys.readouterr().err


def test_a_pdf_is_said_to_come_later(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["examine", "a.jpg", "--report", "a.pdf"])
    assert "later version" in capsys.readouterr().err


def test_a_folder_is_searched_with_its_folders_for_pictures(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "all" / "deep"
    folder.mkdir(parents=True)
    for name in ("b.png", "a.PNG", ".hidden.png", "notes.txt"):
        shutil.copy(picture, folder / name)
    main(["examine", str(tmp_path / "all"), "--json", *QUICK])
    out, err = capsys.readouterr()
    assert [Path(str(line["path"])).name for line in lines(out)] == ["a.PNG", "b.png"]
    assert "1 files that are no pictures" in err


@pytest.mark.parametrize("pattern", ["*.png", "phot?.png", "photo.png"])
def test_a_pattern_finds_files_once(
    picture: Path, pattern: str, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(picture), str(picture.parent / pattern)]
    main(["examine", *paths, "--json", *QUICK])
    assert len(lines(capsys.readouterr().out)) == 1


def test_an_empty_folder_is_a_failure_not_a_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["examine", str(tmp_path), "--json", *QUICK]) == 1
    assert len(lines(capsys.readouterr().out)) == 1


def test_the_terminal_reads_label_score_rates_and_findings(
    picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["examine", str(picture), *QUICK])
    text = " ".join(capsys.readouterr().out.split())
    for part in ("NO TRACES FOUND", "0.10 (0.05 to 0.20)", "one in 100 is", "The mean logit over"):
        assert part in text


def test_a_hostile_name_cannot_steer_the_terminal(
    picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = picture.rename(picture.with_name("a\x1b[2J\u202eb.png"))
    main(["examine", str(hostile), str(hostile.with_name("\x1b[2Jmissing")), *QUICK])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_a_script_in_the_metadata_stays_text_in_the_report(image: Image, tmp_path: Path) -> None:
    texts = PngInfo()
    texts.add_text("<script>alert(1)", "a text")
    texts.add_itxt("XML:com.adobe.xmp", XMP)
    Pillow.fromarray(image).save(tmp_path / "<b>.png", pnginfo=texts)
    main(["examine", str(tmp_path / "<b>.png"), "--report", str(tmp_path / "r.html"), *QUICK])
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;script&gt;alert(2)" in page


def test_a_report_shows_every_file_and_every_failure(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.html"
    main(["examine", str(picture), "missing.jpg", "--json", "--report", str(report), *QUICK])
    page = report.read_text(encoding="utf-8")
    assert page.count("<article") == 1
    assert "missing.jpg" in page
    assert len(lines(capsys.readouterr().out)) == 2
