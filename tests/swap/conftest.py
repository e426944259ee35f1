"""Clips made in sight: a portrait that moves, with a tone, at even or uneven distances."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.commands import swap
from forensics.commands.common import run_command
from forensics.commands.demo import portrait
from forensics.media import load_image
from forensics.schema import Image

Run = Callable[..., int]
TICK = Fraction(1, 12800)
EVEN = tuple(range(0, 12 * 512, 512))
"""Twelve frames at 25 a second."""


@pytest.fixture(scope="session")
def face() -> Image:
    """The demo's portrait at half its size: a face of 90 px."""
    return np.ascontiguousarray(load_image(portrait())[::2, ::2])


def moving(face: Image, count: int, size: tuple[int, int] = (320, 300)) -> list[Image]:
    """Frames of `size` (height, width), even, in which the portrait slides to the right."""
    frames = []
    for index in range(count):
        frame = np.full((*size, 3), (40, 90, 120), np.uint8)
        left = 10 + 2 * index
        frame[10 : 10 + face.shape[0], left : left + face.shape[1]] = face[: size[0] - 10]
        frames.append(frame)
    return frames


def write_clip(
    path: Path,
    frames: Sequence[Image],
    *,
    stamps: Sequence[int] = EVEN,
    sound: bool = True,
    rotation: int = 0,
) -> Path:
    """Write an MP4 file; `rotation` is the turn that players are told to make."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.width, stream.height = frames[0].shape[1], frames[0].shape[0]
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "12", "preset": "ultrafast"}
        stream.codec_context.time_base = TICK
        heard: Any = container.add_stream("aac", rate=16000) if sound else None
        if rotation:
            stream.set_display_rotation(rotation)
        for frame, stamp in zip(frames, stamps, strict=True):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = stamp, TICK
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
        if sound:
            length = int(16000 * (stamps[-1] * TICK + Fraction(1, 25)))
            tone = np.sin(np.arange(length) * 0.2).astype(np.float32)[None] * 0.3
            samples = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            samples.sample_rate, samples.pts = 16000, 0
            container.mux(heard.encode(samples))
            container.mux(heard.encode())
    return path


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory, face: Image) -> Path:
    """Twelve frames with a tone."""
    return write_clip(tmp_path_factory.mktemp("clip") / "moving.mp4", moving(face, 12))


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory, face: Image) -> Path:
    """The portrait mirrored and tinted, as a file."""
    path = tmp_path_factory.mktemp("source") / "source.png"
    tinted = (face[:, ::-1] * [1, 0.7, 0.5]).astype(np.uint8)
    Pillow.fromarray(np.ascontiguousarray(tinted)).save(path)
    return path


@pytest.fixture
def target(tmp_path: Path, face: Image) -> Path:
    """The portrait as a file."""
    path = tmp_path / "target.png"
    Pillow.fromarray(face).save(path)
    return path


@pytest.fixture
def run() -> Run:
    """Run `forensics swap` with landmark_swap, or the `model` given, and with consent."""

    def run(*arguments: object, model: str = "landmark_swap", consent: bool = True) -> int:
        words = [*map(str, arguments), "--model", model]
        return run_command("swap", swap, [*words, "--i-have-consent"] if consent else words)

    return run
