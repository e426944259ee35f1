"""The command: consent, outputs that say what they are, bad input, and going on after a stop."""

import csv
import hashlib
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image as Pillow

from forensics import clip_writing, swapped_clips
from forensics.clips import Clip
from forensics.errors import (
    ConsentMissing,
    NoFace,
    OutputFailed,
)
from forensics.marking import marked
from forensics.media import load_image
from forensics.schema import Face, Image
from forensics.swapping import Chosen
from forensics.writing import read_provenance
from tests.swap.conftest import EVEN, Run, moving, write_clip

IMAGES = Path(__file__).resolve().parents[3] / "shared" / "data" / "images"
UNEVEN = (0, 512, 1024, 2048, 2300, 4096, 6000, 6400, 8000, 8512, 9900, 12000)


def packets(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        found = [packet for packet in container.demux(stream) if packet.size]
        assert stream.time_base is not None
        return [(Fraction(p.pts or 0) * stream.time_base, bytes(p)) for p in found]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if "part" in path.name.split(".")[1:]]


def test_nothing_is_made_without_consent(
    run: Run, target: Path, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConsentMissing, match="--i-have-consent"):
        run(target, "--source", source, "--out", tmp_path / "out" / "a.png", consent=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_swapped_picture_says_what_it_is(
    run: Run, target: Path, source: Path, tmp_path: Path, name: str
) -> None:
    assert run(target, "--source", source, "--out", tmp_path / name, "--seed", 4) == 0
    words = read_provenance((tmp_path / name).read_bytes())
    assert words is not None
    assert (words.generator, words.seed, words.composite) == ("landmark_swap", 4, True)
    assert words.parent_sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    (row,) = rows(tmp_path)
    assert (row["path"], row["mask"], row["label"]) == (name, "a-mask.png", "fake")
    assert row["parent"] == words.parent_sha256
    assert row["sha256"] == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()


def test_the_mark_is_there_unless_it_is_refused(
    run: Run, target: Path, source: Path, tmp_path: Path, face: Image
) -> None:
    run(target, "--source", source, "--out", tmp_path / "marked.png")
    run(target, "--source", source, "--out", tmp_path / "plain.png", "--no-visible-mark")
    marked, plain = (load_image(tmp_path / name) for name in ("marked.png", "plain.png"))
    corner = slice(-8, None), slice(0, 30)
    assert not np.array_equal(marked[corner], face[corner])
    assert np.array_equal(plain[corner], face[corner])
    assert read_provenance((tmp_path / "plain.png").read_bytes()) is not None


def test_mask_holds_what_was_changed(
    run: Run, target: Path, source: Path, tmp_path: Path, face: Image
) -> None:
    run(target, "--source", source, "--out", tmp_path / "a.png", "--no-visible-mark")
    mask = load_image(tmp_path / "a-mask.png")[..., 0]
    assert mask.shape == face.shape[:2]
    changed = (load_image(tmp_path / "a.png") != face).any(axis=2)
    assert not changed[mask == 0].any()
    assert 0.01 < (mask == 255).mean() < 0.3


@pytest.mark.parametrize("stamps", [EVEN, UNEVEN])
def test_a_swapped_clip_keeps_times_and_sound(
    run: Run, source: Path, tmp_path: Path, face: Image, stamps: tuple[int, ...]
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", moving(face, 12), stamps=stamps)
    assert run(clip, "--source", source, "--out", tmp_path / "out.mp4") == 0
    before, after = (packets(path, "video") for path in (clip, tmp_path / "out.mp4"))
    assert [at for at, _ in after] == [at for at, _ in before]
    assert packets(tmp_path / "out.mp4", "audio") == packets(clip, "audio")
    assert not swapped_clips.pieces_folder(tmp_path / "out.mp4").exists()


def test_faces_of_every_frame_are_replaced_and_the_rest_kept(
    run: Run, clip: Path, source: Path, tmp_path: Path
) -> None:
    run(clip, "--source", source, "--out", tmp_path / "out.mp4", "--no-visible-mark")
    paths = (clip, tmp_path / "out.mp4", tmp_path / "out-mask.mp4")
    before, after, masks = ([f.image.astype(int) for f in Clip(p).frames()] for p in paths)
    assert len(before) == len(after) == len(masks) == 12
    for one, other, mask in zip(before, after, masks, strict=True):
        difference = np.abs(one - other).mean(axis=2)
        assert difference[mask[..., 0] > 200].mean() > 6
        assert difference[mask[..., 0] < 20].mean() < 3


def test_a_clip_says_what_it_is(run: Run, clip: Path, source: Path, tmp_path: Path) -> None:
    run(clip, "--source", source, "--out", tmp_path / "out.mp4")
    words = read_provenance((tmp_path / "out.mp4").read_bytes())
    assert words is not None
    assert words.parent_sha256 == hashlib.sha256(clip.read_bytes()).hexdigest()
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.metadata["comment"] == words.sentence
    assert rows(tmp_path)[0]["mask"] == "out-mask.mp4"


def test_a_turned_clip_comes_out_upright(
    run: Run, source: Path, tmp_path: Path, face: Image
) -> None:
    stored = [np.ascontiguousarray(np.rot90(frame, -1)) for frame in moving(face, 4)]
    clip = write_clip(tmp_path / "c.mp4", stored, stamps=EVEN[:4], rotation=90)
    run(clip, "--source", source, "--out", tmp_path / "out.mp4")
    with Clip(tmp_path / "out.mp4") as made:
        assert next(made.frames()).image.shape == (320, 300, 3)


def test_a_clip_of_odd_sides_keeps_them(
    run: Run, source: Path, tmp_path: Path, face: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [np.ascontiguousarray(frame[:-1, :-1]) for frame in moving(face, 3)]
    monkeypatch.setattr(Clip, "frames", lambda self, start=0: _frames(frames[start:], start))
    clip = write_clip(tmp_path / "c.mp4", moving(face, 3), stamps=EVEN[:3], sound=False)
    run(clip, "--source", source, "--out", tmp_path / "out.mp4")
    monkeypatch.undo()
    with Clip(tmp_path / "out.mp4") as made:
        assert next(made.frames()).image.shape == (319, 299, 3)


def _frames(images: list[Image], start: int) -> Any:
    from forensics.schema import Frame

    return iter(Frame(image, start + index) for index, image in enumerate(images))


@pytest.fixture
def left_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the matcher see the chosen person in the left half of a 600 px scene alone."""

    def likeness(self: Chosen, image: Image, faces: list[Face]) -> list[float]:
        return [0.99 if face.box[0] < image.shape[1] / 2 else 0.1 for face in faces]

    monkeypatch.setattr(Chosen, "likeness", likeness)


@pytest.mark.usefixtures("left_is_meant")
def test_only_the_chosen_person_is_replaced_in_a_picture(
    run: Run, source: Path, tmp_path: Path, face: Image
) -> None:
    Pillow.fromarray(np.concatenate([face, face], axis=1)).save(tmp_path / "scene.png")
    run(tmp_path / "scene.png", "--source", source, "--only", source, "--out", tmp_path / "o.png")
    mask, width = load_image(tmp_path / "o-mask.png"), face.shape[1]
    assert mask[:, :width].max() == 255
    assert mask[:, width:].max() == 0


@pytest.mark.usefixtures("left_is_meant")
def test_only_the_chosen_person_is_replaced_in_a_clip(
    run: Run, source: Path, tmp_path: Path, face: Image
) -> None:
    frames = [np.concatenate([frame, frame], axis=1) for frame in moving(face, 3)]
    clip = write_clip(tmp_path / "c.mp4", frames, stamps=EVEN[:3], sound=False)
    run(clip, "--source", source, "--only", source, "--out", tmp_path / "o.mp4")
    for mask in Clip(tmp_path / "o-mask.mp4").frames():
        assert mask.image[:, :300].max() > 240
        assert mask.image[:, 310:].max() < 20


@pytest.mark.data
@pytest.mark.skipif(not IMAGES.is_dir(), reason="the shared data set is not beside this checkout")
def test_a_person_is_told_from_others_by_a_photograph(
    run: Run, target: Path, source: Path, tmp_path: Path
) -> None:
    stranger = sorted((IMAGES / "house-portraits").iterdir())[0]
    run(target, "--source", stranger, "--only", source, "--out", tmp_path / "a.png")
    with pytest.raises(NoFace, match=r"nobody in target\.png looks like"):
        run(target, "--source", source, "--only", stranger, "--out", tmp_path / "b.png")


def test_nobody_like_the_chosen_person_is_said(
    run: Run, target: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Chosen, "is_meant", lambda self, cosine: False)
    with pytest.raises(NoFace, match=r"nobody in target\.png looks like the chosen person"):
        run(target, "--source", source, "--only", source, "--out", tmp_path / "a.png")


def test_a_full_disk_half_way_leaves_pieces_and_the_same_command_goes_on(
    run: Run, clip: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swapped_clips, "PIECE", 4)
    out, arguments = tmp_path / "out.mp4", (clip, "--source", source, "--out")
    run(*arguments, tmp_path / "whole.mp4")
    calls: list[int] = []

    def filling(image: Image) -> Image:
        calls.append(1)
        if len(calls) == 7:
            raise OSError(28, "No space left on device")
        return marked(image)

    monkeypatch.setattr(swapped_clips, "marked", filling)
    with pytest.raises(OutputFailed, match=r"No space left.*run the same command again"):
        run(*arguments, out)
    assert not out.exists()
    assert left_over(tmp_path) == []
    run(*arguments, out)
    # Six frames and the failing one in the first run; the first piece of four is not made again.
    assert len(calls) == 7 + 8
    assert [data for _, data in packets(out, "video")] == [
        data for _, data in packets(tmp_path / "whole.mp4", "video")
    ]


def stopped(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_another_command_does_not_go_on_with_foreign_pieces(
    run: Run, clip: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swapped_clips, "PIECE", 4)
    out = tmp_path / "out.mp4"
    with monkeypatch.context() as broken:
        broken.setattr(
            swapped_clips, "join", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            run(clip, "--source", source, "--out", out)
    run(clip, "--source", source, "--out", out, "--no-visible-mark")
    run(clip, "--source", source, "--out", tmp_path / "fresh.mp4", "--no-visible-mark")
    assert packets(out, "video") == packets(tmp_path / "fresh.mp4", "video")


def test_pieces_that_do_not_fit_are_not_joined(clip: Path, tmp_path: Path) -> None:
    from forensics.writing import Provenance

    with Clip(clip) as opened:
        line = opened.timeline().shortened(9)
    words = Provenance("x", "1", 0, "")
    with pytest.raises(OutputFailed, match="more frames than the clip"):
        clip_writing.join(tmp_path / "o.mp4", [clip], line, sound=None, provenance=words)
    assert list(tmp_path.iterdir()) == []


def test_swapping_loads_no_torch(target: Path, source: Path, tmp_path: Path) -> None:
    words = ["swap", str(target), "--source", str(source), "--model", "landmark_swap", "--out"]
    call = [*words, str(tmp_path / "a.png"), "--i-have-consent"]
    code = (
        f"import sys; from forensics.cli import main; assert main({call!r}) == 0; "
        "sys.exit(not {'torch', 'torchvision', 'sklearn', 'av'}.isdisjoint(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
