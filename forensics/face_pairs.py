"""Faces of two people to learn a swap from: out of clips or folders of pictures."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forensics.errors import NoFace, UnreadableMedia
from forensics.faces.portrait import Portrait, plain_faces
from forensics.media import load_image
from forensics.schema import Image

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


@dataclass(frozen=True, eq=False)
class SwapData:
    """What a swapper trains on.

    Attributes:
        source: gives the portraits of whose face is put in, in the same order every time.
        target: gives those of whose face is replaced.
        folder: the run's own folder: log, checkpoints, weights.
    """

    source: Callable[[], Iterator[Portrait]]
    target: Callable[[], Iterator[Portrait]]
    folder: Path


def portraits(path: Path, *, at_most: int) -> Iterator[Portrait]:
    """Yield the largest plain face of each picture of a folder, or of frames of a clip.

    Args:
        path: a clip, or a folder of pictures.
        at_most: pictures or frames looked at, spread evenly over all.

    Raises:
        UnreadableMedia: a file cannot be read, or a folder holds no pictures.
        NoFace: no picture showed a face that can be used.
    """
    count = 0
    for image in _pictures(path, at_most):
        faces, landmarks = plain_faces(image)
        if not faces:
            continue
        largest = int(np.argmax([face.size for face in faces]))
        yield Portrait(image, faces[largest], landmarks[largest])
        count += 1
    if not count:
        raise NoFace(f"{path.name} shows no face of 48 px or more that is seen from the front")


def _pictures(path: Path, at_most: int) -> Iterator[Image]:
    if not path.is_dir():
        # Importing PyAV takes a fifth of a second, which only clips should cost.
        from forensics.clips import Clip

        with Clip(path) as clip:
            step = max(1, len(clip.timeline().times) // at_most)
            for frame in clip.frames():
                if frame.index % step == 0:
                    yield frame.image
        return
    files = [file for file in sorted(path.iterdir()) if file.suffix.lower() in PICTURES]
    if not files:
        raise UnreadableMedia(f"{path.name} holds no pictures ({', '.join(sorted(PICTURES))})")
    for file in files[:: max(1, len(files) // at_most)]:
        yield load_image(file)
