"""Follows faces through the frames of a clip and steadies their landmarks. Arrays, no pictures."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forensics.faces.cascade import overlap
from forensics.schema import Floats

SAME_FACE = 0.3
"""Overlap (intersection over union) of the boxes of one face in two frames, at least."""
LONGEST_GAP = 0.4
"""Seconds for which a face may be lost before it counts as gone."""
FEWEST = 3
"""Frames a face must be seen in; a single sighting in a longer clip is a mistake."""
STEADIED = 0.08
"""Seconds: the spread of the weights by which neighbouring frames take part."""
_REACH = 2.5
_DEGREE = 2


@dataclass(frozen=True, eq=False)
class Sighting:
    """A face in one frame: (4,) box, (68, 2) landmarks, and how alike the wanted person it looks.

    `likeness` is a cosine, None where nobody compared.
    """

    box: Floats
    landmarks: Floats
    likeness: float | None = None


@dataclass(eq=False)
class Track:
    """One face through a clip: sightings by the index of their frame, rising."""

    number: int
    sightings: dict[int, Sighting] = field(default_factory=dict)

    @property
    def last(self) -> int:
        """The frame of the latest sighting."""
        return next(reversed(self.sightings))

    @property
    def likeness(self) -> float | None:
        """The mean cosine of those sightings that were compared, None where none was."""
        compared = [one.likeness for one in self.sightings.values() if one.likeness is not None]
        return float(np.mean(compared)) if compared else None


def linked(frames: Sequence[Sequence[Sighting]], times: Sequence[float]) -> list[Track]:
    """Join the sightings of successive frames to tracks, those that overlap most first.

    Args:
        frames: what was seen in each frame.
        times: seconds of each frame.

    Returns:
        Tracks seen in `FEWEST` frames or more (in clips shorter than that, in any).
    """
    tracks: list[Track] = []
    for index, sightings in enumerate(frames):
        alive = [track for track in tracks if times[index] - times[track.last] <= LONGEST_GAP]
        left = list(sightings)
        for track, sighting in _pairs(alive, left):
            track.sightings[index] = sighting
            left = [one for one in left if one is not sighting]
        for sighting in left:
            tracks.append(Track(len(tracks), {index: sighting}))
    fewest = min(FEWEST, len(frames))
    return [track for track in tracks if len(track.sightings) >= fewest]


def steady_landmarks(track: Track, times: Sequence[float]) -> dict[int, Floats]:
    """Landmarks of a track in every frame from its first to its last sighting, steadied.

    Frames between, where it was lost, are filled in on a straight line.

    Args:
        track: of `linked`.
        times: seconds of each frame of the clip.

    Returns:
        (68, 2) float32 by frame index.
    """
    seen = np.asarray(list(track.sightings))
    frames = np.arange(seen[0], seen[-1] + 1)
    clock = np.asarray(times, np.float64)
    found = np.stack([one.landmarks for one in track.sightings.values()]).reshape(len(seen), -1)
    filled = np.stack([np.interp(clock[frames], clock[seen], column) for column in found.T], axis=1)
    steady = smoothed(filled, clock[frames]).reshape(len(frames), -1, 2)
    return dict(zip(frames.tolist(), steady, strict=True))


def smoothed(
    values: NDArray[np.float64], times: NDArray[np.float64], spread: float = STEADIED
) -> Floats:
    """Fit a parabola around each moment, neighbours weighing less the further off they are.

    Local regression (Cleveland 1979): it steadies what trembles, keeps what moves evenly or
    bends, looks as far ahead as back, and takes frames at any distance.

    Args:
        values: (T, D).
        times: (T,) seconds, rising.
        spread: standard deviation of the weights in seconds.

    Returns:
        (T, D) float32.
    """
    made = np.empty(values.shape, np.float32)
    starts = np.searchsorted(times, times - _REACH * spread)
    ends = np.searchsorted(times, times + _REACH * spread, side="right")
    for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
        apart = (times[start:end] - times[row]) / spread
        powers = np.vander(apart, min(_DEGREE + 1, end - start), increasing=True)
        weights = np.exp(-(apart**2) / 2)[:, None]
        # The parabola's value at 0 is its first coefficient.
        fit = np.linalg.lstsq(powers * weights**0.5, values[start:end] * weights**0.5, rcond=None)
        made[row] = fit[0][0]
    return made


def _pairs(tracks: list[Track], sightings: list[Sighting]) -> list[tuple[Track, Sighting]]:
    """Tracks and sightings that overlap enough, each in one pair at most, the best first."""
    overlaps = [
        (float(overlap(track.sightings[track.last].box, one.box[None])[0]), track, one)
        for track in tracks
        for one in sightings
    ]
    taken: set[int] = set()
    pairs = []
    for share, track, sighting in sorted(overlaps, key=lambda row: -row[0]):
        if share < SAME_FACE or {id(track), id(sighting)} & taken:
            continue
        taken |= {id(track), id(sighting)}
        pairs.append((track, sighting))
    return pairs
