"""Laws of levels: clips with clips, faces with faces, and what shows no face is a failure."""

import json
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.benchmark.collection import sample_of
from forensics.benchmark.datasets import PictureStore
from forensics.benchmark.out_of_fold import clean
from forensics.benchmark.viewing import EQUALISED, ORIGINAL, Viewer
from forensics.cli import main
from forensics.errors import NoFace, UnreadableMedia
from forensics.schema import Image
from forensics.training import EQUALISE
from tests.benchmark.made_sets import detector, picture, save


def clip(path: Path, frames: list[Image]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.bit_rate = 8_000_000
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def portrait() -> Image:
    spec = find_spec("matplotlib")
    assert spec
    assert spec.origin
    path = Path(spec.origin).parent / "mpl-data" / "sample_data" / "grace_hopper.jpg"
    return np.asarray(Pillow.open(path).convert("RGB"))


def grey(level: int) -> Image:
    return np.full((64, 64, 3), level, np.uint8)


def test_of_a_clip_frames_are_seen_that_are_evenly_spread(tmp_path: Path) -> None:
    clip(tmp_path / "a.mp4", [grey(level) for level in range(20, 220, 10)])
    sample = sample_of("a.mp4", fake=False)
    views = Viewer(tmp_path, tmp_path, frames=3).views(sample, ORIGINAL)
    assert [round(float(view.mean()), -1) for view in views] == [20, 110, 210]
    assert Viewer(tmp_path, tmp_path).level_of(sample) == "video"


def test_a_clip_of_fewer_frames_gives_them_all(tmp_path: Path) -> None:
    clip(tmp_path / "a.mp4", [grey(90), grey(120)])
    assert len(Viewer(tmp_path, tmp_path).views(sample_of("a.mp4", fake=True), ORIGINAL)) == 2


def test_what_is_no_clip_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"not a clip")
    with pytest.raises(UnreadableMedia):
        Viewer(tmp_path, tmp_path).views(sample_of("a.mp4", fake=True), ORIGINAL)


def test_clips_are_scored_with_clips_and_pictures_with_pictures(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for index in range(11):
        save(picture(index), root / "real" / f"{index}.jpg")
        save(picture(index + 50, columns=True), root / "fake" / "gan" / f"{index}.jpg")
    for index in range(3):
        clip(root / "real" / f"{index}.mp4", [picture(index)] * 3)
        clip(root / "fake" / "gan" / f"{index}.mp4", [picture(index + 90, columns=True)] * 3)
    args = ["--detector", str(detector(tmp_path)), "--no-metadata", "--allow-confounded"]
    line = ["benchmark", str(root), "--out", str(tmp_path / "out"), "--jobs", "1", "--frames", "2"]
    assert main([*line, *args]) == 0
    rows = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").open()]
    found = [(r["level"], r["fakes"], r["reals"]) for r in rows if r["kind"] == "generator"]
    assert found == [("image", 11, 11), ("video", 3, 3)]


def test_at_face_level_the_largest_face_is_shown(tmp_path: Path) -> None:
    save(portrait(), tmp_path / "face.png")
    save(picture(0), tmp_path / "none.png")
    viewer = Viewer(tmp_path, tmp_path, level="face")
    (shown,) = viewer.views(sample_of("face.png", fake=False), ORIGINAL)
    assert shown.shape[0] == shown.shape[1] < 400
    with pytest.raises(NoFace):
        viewer.views(sample_of("none.png", fake=False), ORIGINAL)


def test_equalised_pictures_have_one_size_and_one_encoding(tmp_path: Path) -> None:
    save(picture(0, side=300), tmp_path / "a.png")
    save(picture(1, side=260), tmp_path / "b.jpg", quality=60)
    viewer = Viewer(tmp_path, tmp_path, side=200)
    for name in ("a.png", "b.jpg"):
        sample = sample_of(name, fake=False)
        assert viewer.views(sample, EQUALISED)[0].shape == (200, 200, 3)
        facts = viewer.facts(sample, EQUALISED)
        assert str(facts["format"]).startswith("JPEG")
        assert 84 <= float(facts["quality"]) <= 94


def test_at_the_largest_side_equalising_is_what_training_and_calibration_see(
    tmp_path: Path,
) -> None:
    save(picture(0, side=420), tmp_path / "a.png")
    sample = sample_of("a.png", fake=False)
    (shown,) = Viewer(tmp_path, tmp_path, side=384).views(sample, EQUALISED)
    expected = clean(PictureStore(tmp_path, tmp_path).read(sample), sample.seed(EQUALISE))
    assert (shown == expected).all()


def test_the_place_of_the_cut_depends_on_the_path_alone(tmp_path: Path) -> None:
    save(picture(0, side=300), tmp_path / "a.png")
    save(picture(0, side=300), tmp_path / "b.png")
    viewer = Viewer(tmp_path, tmp_path, side=100)
    same = [viewer.views(sample_of("a.png", fake=fake), EQUALISED)[0] for fake in (True, False)]
    assert (same[0] == same[1]).all()
    assert (viewer.views(sample_of("b.png", fake=True), EQUALISED)[0] != same[0]).any()
