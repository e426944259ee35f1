"""The border of the suite for clips: a path in, upright RGB frames with their times out.

Decoding goes packet by packet, so that a damaged stretch costs its frames and no more.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from forensics.errors import ForensicsError, MediaTooLarge, UnreadableMedia, UnsupportedMedia
from forensics.media import MAX_BYTES
from forensics.schema import Frame, Image, Media, MediaKind

MAX_FRAME_PIXELS = 36_000_000
"""Pixels of a frame; 8K has 33 million."""
MAX_FRAMES = 216_000
"""Two hours at 30 a second: a few bytes a frame are enough to fill any machine with black."""
SHORT = 0.9
"""A clip that ends before this share of the duration it declares is cut off."""
# Perceptual quantiser and hybrid log-gamma (ITU-T H.273): 8-bit RGB cannot hold what they mean.
_HDR = {16: "PQ", 18: "HLG"}
_MATRICES = {1: "ITU709", 5: "ITU601", 6: "ITU601", 4: "FCC", 7: "SMPTE240M"}
_SLOWEST, _FASTEST, _USUAL = 1, 240, 25
"""Frames a second: what a header may say and be believed, and what is taken instead."""
HD_ROWS = 720
"""Frames of so many rows and more are BT.709 where a file does not say."""


@dataclass(frozen=True)
class Timeline:
    """When each frame of a clip is shown.

    `stamps`: in ticks of `tick` seconds, rising, the first 0. `lost`: packets that could not be
    decoded. `declared`: the duration in seconds that the file states, or None.
    """

    stamps: tuple[int, ...]
    tick: Fraction
    lost: int
    declared: float | None

    @property
    def times(self) -> tuple[float, ...]:
        """Seconds from the start."""
        return tuple(float(stamp * self.tick) for stamp in self.stamps)

    def step(self, index: int) -> int:
        """Ticks for which a frame is shown; of the last, as long as the one before."""
        last = max(0, min(index, len(self.stamps) - 2))
        if len(self.stamps) == 1:
            return 1
        return self.stamps[last + 1] - self.stamps[last]

    @property
    def frame_rate(self) -> Fraction | None:
        """Frames a second on average, None of a single frame."""
        if len(self.stamps) == 1:
            return None
        return Fraction(len(self.stamps) - 1) / (self.stamps[-1] * self.tick)

    def shortened(self, count: int) -> "Timeline":
        """The first `count` frames."""
        return replace(self, stamps=self.stamps[:count])

    @property
    def notes(self) -> tuple[str, ...]:
        """What went wrong while reading, one sentence each."""
        said = []
        if self.lost:
            said.append(f"{self.lost} packets of the picture stream could not be decoded.")
        end = self.times[-1]
        if self.declared and end < SHORT * self.declared - 1:
            said.append(
                f"The clip ends after {end:.1f} s of the {self.declared:.1f} s it declares."
            )
        return tuple(said)


class Clip:
    """One clip, open for reading. Use it with `with`."""

    def __init__(self, path: Path | str) -> None:
        """Open a clip and read its header; no frame is decoded.

        Raises:
            UnreadableMedia: it is missing, empty, damaged or holds no pictures.
            UnsupportedMedia: its brightness is coded for HDR.
            MediaTooLarge: more than 300 MB, or frames of more than 36 megapixels.
        """
        self.path = Path(path)
        _check_file(self.path)
        self._container: Any = None
        self._reopen()

    def __enter__(self) -> "Clip":
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    @property
    def has_audio(self) -> bool:
        """Whether there is sound."""
        return bool(self._container.streams.audio)

    def start(self) -> Fraction:
        """When the first frame is shown, in seconds of the container's own clock."""
        first = next(self._decoded())
        return Fraction(first.pts or 0) * Fraction(first.time_base)

    def media(self) -> Media:
        """Describe the clip. Decodes it once to count frames."""
        line = self.timeline()
        first = next(self.frames())
        height, width = first.image.shape[:2]
        with self.path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return Media(
            path=self.path,
            kind=MediaKind.VIDEO,
            sha256=digest,
            width=width,
            height=height,
            format=self._container.format.name.split(",")[0].upper(),
            frame_rate=line.frame_rate,
            duration=line.times[-1] + (float(1 / line.frame_rate) if line.frame_rate else 0.0),
            notes=line.notes,
        )

    def timeline(self) -> Timeline:
        """Decode everything once and keep the times.

        Raises:
            UnreadableMedia: not one frame can be decoded.
            MediaTooLarge: more than two hours at 30 frames a second.
        """
        raw = [frame.pts for frame in self._decoded()]
        declared = self._stream.duration or self._container.duration
        tick = Fraction(self._stream.time_base)
        clock = tick if self._stream.duration else Fraction(1, av.time_base)
        return Timeline(
            stamps=_rising(raw, self._usual_step()),
            tick=tick,
            lost=self._lost,
            declared=float(declared * clock) if declared else None,
        )

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield the frames in the order they are shown, upright, 8-bit RGB.

        `time` is the frame's own stamp; `timeline` puts right what is missing or falls back.

        Args:
            start: how many frames to pass over.
        """
        tick, first = Fraction(self._stream.time_base), None
        for index, decoded in enumerate(self._decoded()):
            stamp = decoded.pts or 0
            first = stamp if first is None else first
            if index < start:
                continue
            with readable(self.path):
                image = self._upright(decoded)
            yield Frame(image, index, float((stamp - first) * tick))

    def _decoded(self) -> Iterator[Any]:
        """Yield decoded frames from the start; a damaged packet is counted and left out."""
        self._lost = count = 0
        self._reopen()
        for packet in self._packets():
            try:
                frames = packet.decode()
            except (av.FFmpegError, ValueError):
                self._lost += 1
                continue
            for frame in frames:
                count += 1
                if count > MAX_FRAMES:
                    raise MediaTooLarge(f"{self.path.name} has more than {MAX_FRAMES} frames.")
                yield frame
        if not count:
            raise UnreadableMedia(
                f"not one frame of {self.path.name} can be decoded; fetch it again from its source."
            )

    def _reopen(self) -> None:
        # Seeking back to the start loses the first frames of streams without an index.
        if self._container is not None:
            self._container.close()
        with readable(self.path):
            self._container = av.open(str(self.path))
            if not self._container.streams.video:
                raise UnreadableMedia(f"{self.path.name} holds no pictures; give a clip.")
            self._stream = self._container.streams.video[0]
            self._stream.thread_type = "AUTO"
            self._check_pictures()

    def _packets(self) -> Iterator[Any]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.FFmpegError, ValueError):
                # What follows a tear in the container cannot be found.
                self._lost += 1
                return
            yield packet

    def _upright(self, decoded: Any) -> Image:
        height, width = decoded.height, decoded.width
        if height * width > MAX_FRAME_PIXELS:
            raise MediaTooLarge(f"{self.path.name} has frames of {width} x {height} px.")
        image = decoded.to_ndarray(
            format="rgb24", src_colorspace=matrix_of(decoded), dst_color_range="JPEG"
        )
        # FFmpeg counts degrees counter-clockwise, as numpy counts quarters.
        return np.ascontiguousarray(np.rot90(image, round(decoded.rotation / 90) % 4))

    def _usual_step(self) -> int:
        rate = self._stream.average_rate or 0
        if not _SLOWEST <= rate <= _FASTEST:
            rate = _USUAL
        return max(1, round(float(1 / (rate * self._stream.time_base))))

    def _check_pictures(self) -> None:
        context = self._stream.codec_context
        if context is None:
            raise UnsupportedMedia(f"{self.path.name} is of a codec that FFmpeg does not know.")
        if context.width * context.height > MAX_FRAME_PIXELS:
            raise MediaTooLarge(
                f"{self.path.name} has frames of {context.width} x {context.height} px; "
                f"the limit is {MAX_FRAME_PIXELS // 10**6} megapixels."
            )
        if context.color_trc in _HDR:
            raise UnsupportedMedia(
                f"{self.path.name} is an HDR clip ({_HDR[context.color_trc]}); "
                "convert it to standard brightness (SDR) first."
            )


def matrix_of(decoded: Any) -> str:
    """The name of the matrix between a frame's YCbCr and RGB; of old clips without one, BT.601."""
    given = int(decoded.colorspace)
    if given in _MATRICES:
        return _MATRICES[given]
    return "ITU709" if min(decoded.height, decoded.width) >= HD_ROWS else "ITU601"


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what FFmpeg raises into one sentence of ours."""
    try:
        yield
    except ForensicsError:
        raise
    except MemoryError as error:
        raise MediaTooLarge(f"{path.name} needs more memory than there is left.") from error
    except (av.FFmpegError, OSError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UnreadableMedia(
            f"{path.name} cannot be read as a clip ({reason}); fetch it again from its source."
        ) from error


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise UnreadableMedia(f"{path.name} is not a file; check the path.")
    size = path.stat().st_size
    if not size:
        raise UnreadableMedia(f"{path.name} is empty (0 bytes); fetch it again from its source.")
    if size > MAX_BYTES:
        raise MediaTooLarge(f"{path.name} has {size / 10**6:.0f} MB; the limit is 300 MB.")


def _rising(raw: list[int | None], step: int) -> tuple[int, ...]:
    """Stamps from 0 that always rise; what is missing or falls back follows by a usual step."""
    stamps: list[int] = []
    start = next((stamp for stamp in raw if stamp is not None), 0)
    for stamp in raw:
        moved = None if stamp is None else stamp - start
        if stamps and (moved is None or moved <= stamps[-1]):
            moved = stamps[-1] + step
        stamps.append(max(moved or 0, 0))
    return tuple(stamps)
