"""Reading clips: times, turns, damage."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from forensics import clips
from forensics.clips import Clip
from forensics.errors import MediaTooLarge, UnreadableMedia
from forensics.schema import Image
from tests.swap.conftest import EVEN, moving, write_clip

UNEVEN = (0, 512, 1024, 2048, 2300, 4096, 6000, 6400, 8000, 8512, 9900, 12000)


@pytest.mark.parametrize("stamps", [EVEN, UNEVEN])
def test_frames_keep_their_times(tmp_path: Path, face: Image, stamps: tuple[int, ...]) -> None:
    path = write_clip(tmp_path / "clip.mp4", moving(face, 12), stamps=stamps)
    with Clip(path) as clip:
        assert clip.timeline().times == pytest.approx([stamp / 12800 for stamp in stamps])
        assert [frame.time for frame in clip.frames()] == pytest.approx(clip.timeline().times)


def test_pixels_are_those_that_were_written(clip: Path, face: Image) -> None:
    wanted = moving(face, 12)
    with Clip(clip) as opened:
        for frame in opened.frames():
            assert np.abs(frame.image.astype(int) - wanted[frame.index]).mean() < 3


@pytest.mark.parametrize(("rotation", "quarters"), [(90, 1), (180, 2), (-90, 3)])
def test_a_turn_that_players_make_is_made(
    tmp_path: Path, face: Image, rotation: int, quarters: int
) -> None:
    upright = moving(face, 2)
    stored = [np.ascontiguousarray(np.rot90(frame, -quarters)) for frame in upright]
    path = write_clip(tmp_path / "turned.mp4", stored, stamps=(0, 512), rotation=rotation)
    with Clip(path) as clip:
        first = next(clip.frames())
    assert first.image.shape == upright[0].shape
    assert np.abs(first.image.astype(int) - upright[0]).mean() < 4


def test_frames_can_be_passed_over(clip: Path) -> None:
    with Clip(clip) as opened:
        late, every = list(opened.frames(start=9)), list(opened.frames())
    assert [frame.index for frame in late] == [9, 10, 11]
    assert np.array_equal(late[0].image, every[9].image)


def test_a_clip_describes_itself(clip: Path) -> None:
    with Clip(clip) as opened:
        media = opened.media()
    assert (media.kind, media.width, media.height) == ("video", 300, 320)
    assert media.duration == pytest.approx(12 / 25)
    assert media.frame_rate == 25


@pytest.mark.parametrize("data", [b"", b"no clip at all" * 50, b"\0\0\0\x20ftypisom" + bytes(400)])
def test_what_is_no_clip_is_said_to_be_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "odd.mp4").write_bytes(data)
    with pytest.raises(UnreadableMedia, match=r"odd\.mp4"):
        Clip(tmp_path / "odd.mp4").timeline()


def test_sound_alone_is_no_clip(tmp_path: Path, clip: Path) -> None:
    import av

    with av.open(str(clip)) as source, av.open(str(tmp_path / "tone.m4a"), "w") as made:
        stream = made.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = stream
                made.mux(packet)
    with pytest.raises(UnreadableMedia, match="holds no pictures"):
        Clip(tmp_path / "tone.m4a")


def test_a_truncated_clip_gives_the_frames_it_has_or_an_error(tmp_path: Path, clip: Path) -> None:
    data = clip.read_bytes()
    for share in (0.3, 0.7, 0.95):
        (tmp_path / "cut.mp4").write_bytes(data[: int(len(data) * share)])
        try:
            with Clip(tmp_path / "cut.mp4") as opened:
                assert len(opened.timeline().stamps) <= 12
        except UnreadableMedia:
            continue


def test_flipped_bits_raise_nothing_but_ours(tmp_path: Path, clip: Path) -> None:
    rng = np.random.default_rng(0)
    sound = np.frombuffer(clip.read_bytes(), np.uint8)
    for _ in range(40):
        changed = sound.copy()
        changed[rng.integers(0, len(changed), 6)] = rng.integers(0, 256, 6)
        (tmp_path / "odd.mp4").write_bytes(changed.tobytes())
        try:
            with Clip(tmp_path / "odd.mp4") as opened:
                assert opened.timeline().stamps[0] == 0
                assert next(opened.frames()).image.ndim == 3
        except (UnreadableMedia, MediaTooLarge):
            pass


def test_a_header_that_claims_too_much_is_refused(
    monkeypatch: pytest.MonkeyPatch, clip: Path
) -> None:
    monkeypatch.setattr(clips, "MAX_FRAME_PIXELS", 1000)
    with pytest.raises(MediaTooLarge, match="300 x 320 px"):
        Clip(clip)


def test_a_clip_without_end_is_refused(monkeypatch: pytest.MonkeyPatch, clip: Path) -> None:
    monkeypatch.setattr(clips, "MAX_FRAMES", 5)
    with Clip(clip) as opened, pytest.raises(MediaTooLarge, match="more than 5 frames"):
        opened.timeline()


def test_stamps_that_stand_still_or_fall_back_are_put_right() -> None:
    assert clips._rising([None, 10, 10, 5, 40], 10) == (0, 10, 20, 30, 40)
    assert clips._rising([7, 7, 7], 3) == (0, 3, 6)


def test_a_clip_cut_off_early_says_so() -> None:
    line = clips.Timeline((0, 512), Fraction(1, 512), lost=2, declared=30.0)
    assert line.notes == (
        "2 packets of the picture stream could not be decoded.",
        "The clip ends after 1.0 s of the 30.0 s it declares.",
    )
