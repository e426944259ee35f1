"""Writes clips: pictures in pieces that survive a crash, joined in the end with sound and words.

A piece is a finished file of `PIECE` frames. The encoder gives one packet a frame in their order
(no B-frames), so that joining hands each packet the time of its frame, whatever the distances.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from forensics.clips import HD_ROWS, Timeline, readable
from forensics.errors import OutputFailed
from forensics.schema import Image
from forensics.writing import Provenance, clip_tags, finish_clip

PIECE = 48
"""Frames of a piece."""
_COPIED = frozenset({"aac", "mp3", "opus", "ac3", "eac3", "alac", "flac"})
"""Sound that fits into an MP4 file and plays in browsers, or did before; other sound becomes AAC.
"""
_SOUND_RATE = 160_000
_BT709, _BT601 = 1, 6


@contextmanager
def piece(path: Path, rate: Fraction, *, quality: int = 17) -> Iterator[Callable[[Image], None]]:
    """Open a piece; give it pictures by calling what this gives. It appears whole or not at all.

    Args:
        path: ends in .mp4.
        rate: frames a second, which guides the encoder's sizes alone.
        quality: x264's constant rate factor; lower is better and larger.

    Yields:
        A function that encodes one picture, (H, W, 3) uint8 RGB, all of one size.

    Raises:
        OutputFailed: the disk is full or cannot be written.
    """
    part = path.with_suffix(".part.mp4")
    with whole_file(part, path), av.open(str(part), "w", format="mp4") as container:
        streams: list[Any] = []

        def write(image: Image) -> None:
            if not streams:
                streams.append(_picture_stream(container, image, rate, quality))
            for packet in streams[0].encode(_frame(image, streams[0])):
                container.mux(packet)

        yield write
        for stream in streams:
            for packet in stream.encode():
                container.mux(packet)


def join(
    path: Path,
    pieces: Sequence[Path],
    timeline: Timeline,
    *,
    sound: Path | None,
    sound_start: Fraction = Fraction(0),
    provenance: Provenance,
    certificate: Path | None = None,
) -> None:
    """Join pieces to an MP4 file that starts to play before it is loaded.

    Args:
        path: the finished file; it appears whole or not at all.
        pieces: of `piece`, in their order.
        timeline: when each frame is shown.
        sound: the clip whose sound is kept, or None.
        sound_start: what that clip's clock shows at its first frame, in seconds.
        provenance: goes into the file's tags and its XMP.
        certificate: signs a C2PA manifest where given.

    Raises:
        OutputFailed: the disk is full, or a piece does not hold what it should.
    """
    part = path.with_name(f".{path.name}.part.mp4")
    options = {"movflags": "+faststart"}
    with whole_file(part, path):
        with av.open(str(part), "w", format="mp4", options=options) as container:
            container.metadata.update(clip_tags(provenance))
            _mux(container, pieces, timeline, sound, sound_start)
        finish_clip(part, provenance, certificate)


@contextmanager
def whole_file(part: Path, path: Path) -> Iterator[None]:
    """Rename `part` to `path` once all went well; remove it else.

    Raises:
        OutputFailed: whatever went wrong while writing.
    """
    try:
        yield
        part.replace(path)
    except (av.FFmpegError, OSError) as error:
        part.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputFailed(
            f"{path.name} could not be written ({reason}); make room or choose another folder, "
            "then run the same command again: what is finished is kept"
        ) from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _picture_stream(container: Any, image: Image, rate: Fraction, quality: int) -> Any:
    height, width = image.shape[:2]
    stream = container.add_stream("libx264", rate=Fraction(rate).limit_denominator(65_535))
    stream.width, stream.height = width, height
    # Colour at half size needs even sides.
    stream.pix_fmt = "yuv444p" if width % 2 or height % 2 else "yuv420p"
    stream.options = {"crf": str(quality), "preset": "veryfast", "bf": "0"}
    context = stream.codec_context
    context.colorspace = context.color_primaries = context.color_trc = _matrix(height, width)
    context.color_range = 1
    return stream


def _frame(image: Image, stream: Any) -> Any:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    name = "ITU709" if _matrix(*image.shape[:2]) == _BT709 else "ITU601"
    made = frame.reformat(
        format=stream.pix_fmt, dst_colorspace=name, src_color_range="JPEG", dst_color_range="MPEG"
    )
    made.pts = None
    return made


def _matrix(height: int, width: int) -> int:
    return _BT709 if min(height, width) >= HD_ROWS else _BT601


def _picture_packets(pieces: Sequence[Path], timeline: Timeline, stream: Any) -> Iterator[Any]:
    """Yield the packets of all pieces, each with the time of its frame."""
    index = 0
    for piece in pieces:
        with av.open(str(piece)) as container:
            for packet in container.demux(container.streams.video[0]):
                if packet.size == 0:
                    continue
                if index == len(timeline.stamps):
                    raise OutputFailed(f"{piece.name} holds more frames than the clip; remove it")
                packet.stream = stream
                packet.time_base = timeline.tick
                packet.pts = packet.dts = timeline.stamps[index]
                packet.duration = timeline.step(index)
                index += 1
                yield packet
    if index != len(timeline.stamps):
        raise OutputFailed(f"the pieces hold {index} of {len(timeline.stamps)} frames")


def _mux(
    container: Any, pieces: Sequence[Path], timeline: Timeline, sound: Path | None, start: Fraction
) -> None:
    with av.open(str(pieces[0])) as first:
        pictures: Any = container.add_stream_from_template(first.streams.video[0])
    pictures.time_base = timeline.tick
    packets = _picture_packets(pieces, timeline, pictures)
    if sound is not None:
        with readable(sound), av.open(str(sound)) as source:
            _mux_both(container, packets, source, start)
        return
    for packet in packets:
        container.mux(packet)


def _mux_both(container: Any, packets: Iterator[Any], source: Any, start: Fraction) -> None:
    """Interleave pictures with the sound of `source`, copied where MP4 can hold it."""
    heard = source.streams.audio[0]
    sound = _copied if heard.codec_context.name in _COPIED else _encoded
    waiting = next(packets, None)
    for packet in sound(container, source, heard, start):
        while (
            waiting is not None and waiting.pts * waiting.time_base <= packet.pts * packet.time_base
        ):
            container.mux(waiting)
            waiting = next(packets, None)
        container.mux(packet)
    while waiting is not None:
        container.mux(waiting)
        waiting = next(packets, None)


def _copied(container: Any, source: Any, heard: Any, start: Fraction) -> Iterator[Any]:
    stream = container.add_stream_from_template(heard)
    offset = round(start / heard.time_base)
    for packet in source.demux(heard):
        # Codecs put a packet or two before the first sound to run themselves in.
        if packet.size == 0 or packet.pts is None or packet.pts < offset - 2 * packet.duration:
            continue
        packet.pts -= offset
        packet.dts = packet.pts
        packet.stream = stream
        yield packet


def _encoded(container: Any, source: Any, heard: Any, start: Fraction) -> Iterator[Any]:
    stream = container.add_stream("aac", rate=heard.rate)
    stream.bit_rate = _SOUND_RATE
    for decoded in source.decode(heard):
        if decoded.pts is None or decoded.pts * decoded.time_base < start:
            continue
        decoded.pts -= round(start / decoded.time_base)
        yield from stream.encode(decoded)
    yield from stream.encode()
