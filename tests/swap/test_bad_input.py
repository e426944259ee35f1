"""What a swap refuses, and how it says so."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.errors import (
    InvalidOption,
    NoFace,
    OutputFailed,
    UnknownPlugin,
    UnreadableMedia,
    UnsupportedMedia,
    WeightsCorrupt,
    WeightsUnavailable,
)
from forensics.schema import Image
from forensics.writing import read_provenance
from tests.small_networks import darkening_pair, identity_network, shifting_swapper
from tests.swap.conftest import EVEN, Run, write_clip


@pytest.mark.parametrize("kind", ["source", "target"])
def test_pictures_without_a_face_are_refused(
    run: Run, target: Path, source: Path, tmp_path: Path, kind: str
) -> None:
    Pillow.fromarray(np.full((200, 200, 3), 128, np.uint8)).save(tmp_path / "grey.png")
    given = {"source": source, "target": target} | {kind: tmp_path / "grey.png"}
    with pytest.raises(NoFace, match=r"grey\.png shows no face"):
        run(given["target"], "--source", given["source"], "--out", tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


def test_a_source_of_two_people_is_refused(
    run: Run, target: Path, tmp_path: Path, face: Image
) -> None:
    Pillow.fromarray(np.concatenate([face, face], axis=1)).save(tmp_path / "two.png")
    with pytest.raises(NoFace, match=r"two\.png shows 2 faces; cut it"):
        run(target, "--source", tmp_path / "two.png", "--out", tmp_path / "a.png")


def test_a_head_turned_too_far_is_refused(
    run: Run, target: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from forensics.faces import portrait as module

    monkeypatch.setattr(module, "turn", lambda landmarks: 0.9)
    with pytest.raises(NoFace, match=r"source\.png is turned or covered too far"):
        run(target, "--source", source, "--out", tmp_path / "a.png")


def test_a_clip_without_a_face_is_refused_and_leaves_nothing(
    run: Run, source: Path, tmp_path: Path
) -> None:
    grey = [np.full((96, 128, 3), 90, np.uint8)] * 4
    clip = write_clip(tmp_path / "grey.mp4", grey, stamps=EVEN[:4], sound=False)
    with pytest.raises(NoFace, match=r"grey\.mp4 shows no face"):
        run(clip, "--source", source, "--out", tmp_path / "out.mp4")
    assert sorted(path.name for path in tmp_path.glob("out*")) == []


@pytest.mark.parametrize("option", ["--source", "--only"])
def test_faces_are_taken_from_photographs(
    run: Run, target: Path, source: Path, tmp_path: Path, option: str
) -> None:
    clip = write_clip(
        tmp_path / "talk.mp4", [np.zeros((96, 128, 3), np.uint8)] * 4, stamps=EVEN[:4], sound=False
    )
    given = {"--source": source} | {option: clip}
    options = [part for pair in given.items() for part in pair]
    with pytest.raises(UnsupportedMedia, match=r"talk\.mp4 is no photograph"):
        run(target, *options, "--out", tmp_path / "a.png")


def test_an_unreadable_clip_is_said(run: Run, source: Path, tmp_path: Path) -> None:
    (tmp_path / "odd.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(300))
    with pytest.raises(UnreadableMedia, match=r"odd\.mp4 cannot be read as a clip"):
        run(tmp_path / "odd.mp4", "--source", source, "--out", tmp_path / "out.mp4")


@pytest.mark.parametrize("name", ["a.mp4", "a.gif"])
def test_output_must_be_of_the_target_s_kind(
    run: Run, target: Path, source: Path, tmp_path: Path, name: str
) -> None:
    with pytest.raises(InvalidOption, match=r"must end in \.png or"):
        run(target, "--source", source, "--out", tmp_path / name)


def test_a_certificate_that_cannot_sign_is_said_before_the_work(
    run: Run, clip: Path, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(InvalidOption, match=r"lost\.pem cannot be read"):
        run(clip, "--source", source, "--out", tmp_path / "o.mp4", "--sign", tmp_path / "lost.pem")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said(
    run: Run, target: Path, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(OutputFailed, match=r"target\.png cannot be made a folder"):
        run(target, "--source", source, "--out", target / "a.png")


def test_unknown_swappers_and_other_generators_are_refused(
    run: Run, target: Path, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(UnknownPlugin, match=r"there are .*landmark_swap"):
        run(target, "--source", source, "--out", tmp_path / "a.png", model="reconstruction")


def test_a_missing_source_is_a_usage_error(run: Run, target: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(target, "--out", tmp_path / "a.png")


@pytest.mark.parametrize("model", ["deepfakes", "onnx_swapper"])
def test_absent_networks_are_asked_for(
    run: Run, target: Path, source: Path, tmp_path: Path, model: str
) -> None:
    faces = ("--source", source) if model == "onnx_swapper" else ()
    with pytest.raises(WeightsUnavailable, match=r"there is no file lost\.onnx"):
        run(target, *faces, "--out", tmp_path / "a.png", "--weights", "lost.onnx", model=model)


def test_a_face_that_would_not_be_used_is_a_usage_error(
    run: Run, target: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(target, "--source", source, "--out", tmp_path / "a.png", model="deepfakes")
    assert "leave --source out" in capsys.readouterr().err


def test_a_network_that_does_not_ship_must_be_named(
    run: Run, target: Path, source: Path, tmp_path: Path
) -> None:
    arguments = (target, "--source", source, "--out", tmp_path / "a.png")
    with pytest.raises(WeightsUnavailable, match="none was given; name it with --weights FILE"):
        run(*arguments, model="onnx_swapper")


def test_networks_of_another_kind_are_refused(
    run: Run, target: Path, source: Path, tmp_path: Path
) -> None:
    pair, swapper = darkening_pair(tmp_path), shifting_swapper(tmp_path)
    (tmp_path / "noise.onnx").write_bytes(b"no network")
    learned = (target, "--out", tmp_path / "a.png", "--weights")
    arguments = (target, "--source", source, *learned[1:])
    for model, words, wrong in (
        ("deepfakes", learned, swapper),
        ("onnx_swapper", arguments, pair),
    ):
        with pytest.raises(WeightsCorrupt, match="is not"):
            run(*words, wrong, model=model)
    with pytest.raises(WeightsCorrupt, match=r"noise\.onnx is no ONNX file"):
        run(*learned, tmp_path / "noise.onnx", model="deepfakes")
    with pytest.raises(WeightsCorrupt, match=r"pair\.onnx is not an identity network"):
        run(*arguments, swapper, "--identity-weights", pair, model="onnx_swapper")


def test_a_user_s_network_swaps_and_is_named_by_its_hash(
    run: Run, target: Path, source: Path, tmp_path: Path
) -> None:
    network, namer = shifting_swapper(tmp_path), identity_network(tmp_path)
    weights = ("--weights", network, "--identity-weights", namer)
    run(target, "--source", source, "--out", tmp_path / "a.png", *weights, model="onnx_swapper")
    words = read_provenance((tmp_path / "a.png").read_bytes())
    assert words is not None
    assert words.weights_sha256 == hashlib.sha256(Path(network).read_bytes()).hexdigest()
