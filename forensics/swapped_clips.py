"""Swaps faces through a whole clip: follow them, steady them, replace them, join with the sound.

What is done lies in a folder beside the output, so that a run that was stopped goes on there:
where each face is in each frame, then finished pieces of the clip and of its mask.
"""

import hashlib
import json
import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from forensics.clip_writing import PIECE, join, piece, whole_file
from forensics.clips import Clip, Timeline
from forensics.errors import NoFace, OutputFailed
from forensics.faces.portrait import Portrait, plain_faces
from forensics.faces.track import Sighting, Track, linked, steady_landmarks
from forensics.generator import Swapper
from forensics.marking import marked
from forensics.schema import Floats, Frame, Image, Map
from forensics.swapping import Chosen, checked_mask, grey
from forensics.writing import Provenance

COMPARED_EVERY = 5
"""Frames between two in which faces are compared with the chosen person."""


@dataclass(frozen=True, eq=False)
class ClipSwap:
    """Everything that decides what comes out.

    Attributes:
        swapper: replaces the faces.
        target: the clip.
        sources: pictures of the face to put in.
        provenance: what the output says of itself.
        chosen: whose face to replace; None replaces all.
        visible_mark: whether words on every frame say that it is a fake.
        certificate: signs a C2PA manifest where given.
    """

    swapper: Swapper
    target: Path
    sources: Sequence[Portrait]
    provenance: Provenance
    chosen: Chosen | None = None
    visible_mark: bool = True
    certificate: Path | None = None

    def key(self) -> str:
        """SHA-256 over all of it but the certificate, so that a resumed run is the same run."""
        pictures = [hashlib.sha256(one.image.tobytes()).hexdigest() for one in self.sources]
        who = "" if self.chosen is None else self.chosen.vector.tobytes().hex()
        facts = [asdict(self.provenance), repr(self.swapper.options), pictures, who]
        words = json.dumps([*facts, self.visible_mark], sort_keys=True)
        return hashlib.sha256(words.encode()).hexdigest()


@dataclass(frozen=True)
class Progress:
    """`done` of `total` frames; `stage` is "following" or "replacing"."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True, eq=False)
class Followed:
    """Where faces are: landmarks (68, 2) of each face by frame, and when frames are shown."""

    timeline: Timeline
    start: Fraction
    landmarks: Mapping[int, Floats]


def swap_clip(job: ClipSwap, out: Path, mask_out: Path) -> Iterator[Progress]:
    """Write the swapped clip and the clip of its mask, yielding progress.

    Both appear whole or not at all, and where a run fails its pieces stay for the next one.

    Raises:
        NoFace: the clip shows no face that can be replaced, or not the chosen person's.
        UnreadableMedia, UnsupportedMedia, MediaTooLarge: the clip.
        OutputFailed: the disk is full; the same call goes on where it stopped.
    """
    folder = _opened_folder(job, out)
    followed = yield from _followed(job, folder)
    starts = range(0, len(followed.timeline.stamps), PIECE)
    pieces = [folder / f"swap-{start:06d}.mp4" for start in starts]
    masks = [folder / f"mask-{start:06d}.mp4" for start in starts]
    yield from _replaced(job, followed, pieces, masks)
    with Clip(job.target) as clip:
        sound = job.target if clip.has_audio else None
    line, words = followed.timeline, job.provenance
    join(mask_out, masks, line, sound=None, provenance=words, certificate=job.certificate)
    join(
        out,
        pieces,
        line,
        sound=sound,
        sound_start=followed.start,
        provenance=words,
        certificate=job.certificate,
    )
    shutil.rmtree(folder)


def pieces_folder(out: Path) -> Path:
    """Where the pieces of `out` lie until it is finished."""
    return out.with_name(f".{out.name}.pieces")


def _opened_folder(job: ClipSwap, out: Path) -> Path:
    """The folder of pieces; those of another run are removed."""
    folder, key = pieces_folder(out), job.key()
    note = folder / "job.json"
    try:
        if folder.is_dir() and (not note.is_file() or note.read_text(encoding="utf-8") != key):
            shutil.rmtree(folder)
        folder.mkdir(exist_ok=True)
        note.write_text(key, encoding="utf-8")
    except OSError as error:
        raise OutputFailed(f"{out.name} cannot be written beside ({error.strerror})") from error
    return folder


def _followed(job: ClipSwap, folder: Path) -> Generator[Progress, None, Followed]:
    """Find the faces of all frames, or read what an earlier run found; returns `Followed`."""
    path = folder / "faces.npz"
    if path.is_file():
        return _read_followed(path)
    with Clip(job.target) as clip:
        start, line = clip.start(), clip.timeline()
        total = len(line.stamps)
        frames = []
        for frame in clip.frames():
            frames.append(_sightings(job.chosen, frame))
            yield Progress("following", frame.index + 1, total)
    # A damaged clip may give fewer frames the second time; those are the ones that count.
    line = line.shortened(len(frames))
    tracks = _wanted(job, linked(frames, line.times))
    by_frame: dict[int, list[Floats]] = {}
    for track in tracks:
        for index, landmarks in steady_landmarks(track, line.times).items():
            by_frame.setdefault(index, []).append(landmarks)
    followed = Followed(line, start, {key: np.stack(rows) for key, rows in by_frame.items()})
    _write_followed(path, followed)
    return followed


def _sightings(chosen: Chosen | None, frame: Frame) -> list[Sighting]:
    faces, landmarks = plain_faces(frame.image, turns=False)
    alike: list[float] | list[None] = [None] * len(faces)
    if chosen is not None and frame.index % COMPARED_EVERY == 0:
        alike = chosen.likeness(frame.image, faces)
    return [
        Sighting(face.box, points, cosine)
        for face, points, cosine in zip(faces, landmarks, alike, strict=True)
    ]


def _wanted(job: ClipSwap, tracks: list[Track]) -> list[Track]:
    if not tracks:
        raise NoFace(
            f"{job.target.name} shows no face of 48 px or more, seen from the front, to be replaced"
        )
    if job.chosen is None:
        return tracks
    compared = [(track, track.likeness) for track in tracks]
    wanted = [
        track for track, alike in compared if alike is not None and job.chosen.is_meant(alike)
    ]
    if not wanted:
        raise NoFace(
            f"nobody in {job.target.name} looks like the chosen person; "
            "leave --only out to replace all faces"
        )
    return wanted


def _replaced(
    job: ClipSwap, followed: Followed, pieces: Sequence[Path], masks: Sequence[Path]
) -> Iterator[Progress]:
    """Make the pieces that are missing."""
    total = len(followed.timeline.stamps)
    done = [one.is_file() and two.is_file() for one, two in zip(pieces, masks, strict=True)]
    first = done.index(False) if False in done else len(pieces)
    if first == len(pieces):
        return
    with Clip(job.target) as clip:
        frames = clip.frames(first * PIECE)
        for number in range(first, len(pieces)):
            end = min((number + 1) * PIECE, total)
            rate = followed.timeline.frame_rate or Fraction(25)
            with ExitStack() as stack:
                write = stack.enter_context(piece(pieces[number], rate))
                write_mask = stack.enter_context(piece(masks[number], rate))
                for index in range(number * PIECE, end):
                    image, mask = _made(job, next(frames), followed)
                    write(marked(image) if job.visible_mark else image)
                    write_mask(grey(mask))
                    yield Progress("replacing", index + 1, total)


def _made(job: ClipSwap, frame: Frame, followed: Followed) -> tuple[Image, Map]:
    faces = followed.landmarks.get(frame.index)
    if faces is None:
        return frame.image, np.zeros(frame.image.shape[:2], np.float32)
    made, mask = job.swapper.swap(frame, job.sources, faces=faces)
    return made.image, checked_mask(mask, frame.image)


def _write_followed(path: Path, followed: Followed) -> None:
    line = followed.timeline
    frames = [(index, row) for index, rows in followed.landmarks.items() for row in rows]
    part = path.with_suffix(".part.npz")
    with whole_file(part, path):
        np.savez(
            part,
            stamps=np.asarray(line.stamps, np.int64),
            tick=np.asarray(line.tick.as_integer_ratio(), np.int64),
            start=np.asarray(followed.start.as_integer_ratio(), np.int64),
            lost=np.asarray(line.lost),
            declared=np.asarray(np.nan if line.declared is None else line.declared),
            frames=np.asarray([index for index, _ in frames], np.int64),
            landmarks=np.stack([row for _, row in frames]),
        )


def _read_followed(path: Path) -> Followed:
    with np.load(path, allow_pickle=False) as kept:
        facts = {name: kept[name] for name in kept.files}
    declared = float(facts["declared"])
    line = Timeline(
        stamps=tuple(facts["stamps"].tolist()),
        tick=Fraction(*facts["tick"].tolist()),
        lost=int(facts["lost"]),
        declared=None if np.isnan(declared) else declared,
    )
    by_frame: dict[int, list[Floats]] = {}
    for index, row in zip(facts["frames"].tolist(), facts["landmarks"], strict=True):
        by_frame.setdefault(index, []).append(row)
    landmarks = {index: np.stack(rows) for index, rows in by_frame.items()}
    return Followed(line, Fraction(*facts["start"].tolist()), landmarks)
