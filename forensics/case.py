"""One media under examination: decoded once, lazily, for every analysis and detector."""

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forensics.faces.detect import find_faces
from forensics.media import decode, open_media, read_bytes
from forensics.schema import Face, Floats, Frame, Image, Media
from forensics.traces.luminance import stored_luminance


class Case:
    """Gives bytes, frames and faces of one media, each computed once at first use.

    Raises on construction or first use: `UnreadableMedia`, `UnsupportedMedia`, `MediaTooLarge`.
    """

    def __init__(self, path: Path | str, *, smallest_face: int = 20) -> None:
        """Open `path`: read its bytes and header, decode no pixels yet.

        Args:
            path: of the file.
            smallest_face: shorter side in px of the smallest face that is looked for.
        """
        self.data: bytes = read_bytes(Path(path))
        self.media: Media = open_media(Path(path), self.data)
        self.smallest_face = smallest_face
        self.class_logits: dict[str, list[Floats]] = {}
        """By detector: (k, 3) class logits of the whole picture, then of each face crop."""

    @cached_property
    def frame(self) -> Frame:
        """The picture, upright, (H, W, 3) uint8 RGB in sRGB."""
        return decode(self.media, self.data)

    @property
    def image(self) -> Image:
        """The pixels of `frame`."""
        return self.frame.image

    @cached_property
    def stored_luminance(self) -> NDArray[np.uint8] | None:
        """(H, W) luminance as a JPEG stores it, not turned; None for other formats and CMYK."""
        return stored_luminance(self.data) if self.media.format == "JPEG" else None

    @cached_property
    def faces(self) -> list[Face]:
        """All faces from `smallest_face` px up, most confident first."""
        return find_faces(self.image, at_least=self.smallest_face)
