"""The pixels that a benchmark shows to detectors: as stored, or equalised; whole or face by face.

Files are decoded to pixels first, so that no detector sees a name, a format or metadata. A clip
is a handful of frames, evenly spread.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from forensics.augmentation import equalised_jpeg
from forensics.benchmark.collection import is_clip
from forensics.benchmark.datasets import FRAMED_GROUPS, PictureStore
from forensics.benchmark.leaks import picture_facts
from forensics.errors import NoFace
from forensics.faces.align import face_crop
from forensics.faces.detect import find_faces
from forensics.schema import Image
from forensics.training import EQUALISE, Sample

ORIGINAL, EQUALISED = "original", "equalised"
SIDE = 224
"""The side that equalising cuts to, in px; what is smaller stays as it is, and the audit tells."""
LEVELS = ("image", "face")


@dataclass(frozen=True)
class Viewer:
    """How the files of a set are turned into pixels.

    Attributes:
        root: the folder that the paths of samples start from.
        cache: keeps the boxes of groups whose framing is known to leak.
        side: equalised pictures are at most `side` x `side` px, cut at native resolution.
        level: "image" shows whole pictures and frames, "face" the largest face of each.
        frames: of a clip.
    """

    root: Path
    cache: Path
    side: int = SIDE
    level: str = "image"
    frames: int = 8

    def views(self, sample: Sample, pixels: str) -> list[Image]:
        """Return the pictures to score: one, or of a clip `frames`; each (H, W, 3) uint8 RGB.

        Args:
            sample: the file.
            pixels: `ORIGINAL` or `EQUALISED`.

        Raises:
            UnreadableMedia, UnsupportedMedia, MediaTooLarge: the file cannot be decoded.
            NoFace: at level "face", no picture shows one.
        """
        if pixels == ORIGINAL:
            return list(self._originals(sample))
        return [_decoded(data) for data in self.equalised_files(sample)]

    def equalised_files(self, sample: Sample) -> list[bytes]:
        """Cut and encode each picture of a file as those of all files are: JPEG 84 to 94, 4:2:0.

        Place of the cut and quality depend on the path alone.
        """
        if self.level == "image" and not is_clip(sample):
            regions = [self._store.read(sample)]
        else:
            regions = list(self._originals(sample))
        return [
            equalised_jpeg(self._cut(region, sample.seed(-10 - index)), sample.seed(EQUALISE))
            for index, region in enumerate(regions)
        ]

    def facts(self, sample: Sample, pixels: str) -> dict[str, str | float]:
        """What is trivially read off a file, or off its equalised form; of a clip, a frame's."""
        if pixels == EQUALISED:
            data = self.equalised_files(sample)[0]
            return picture_facts(data, _decoded(data))
        if is_clip(sample):
            data = (self.root / sample.path).read_bytes()
            shown = list(self._originals(sample))
            return picture_facts(data, shown[len(shown) // 2], Path(sample.path).suffix.lower())
        return picture_facts(self._store.stored(sample), self._store.original(sample))

    def stored(self, sample: Sample) -> bytes:
        """The bytes of a file, also from inside an archive."""
        return self._store.stored(sample)

    def stamp(self, sample: Sample) -> str:
        """What changes when a file does: its size and time of change; "" inside an archive."""
        path = self.root / sample.path
        if not path.exists():
            return ""
        status = path.stat()
        return f"{status.st_size}-{status.st_mtime_ns}"

    def level_of(self, sample: Sample) -> str:
        """What a score is of: an image, a face, a video, or the faces of a video."""
        if not is_clip(sample):
            return self.level
        return "video" if self.level == "image" else "video faces"

    def find_boxes(self, samples: Sequence[Sample]) -> Iterator[Sample]:
        """Find and keep the face boxes of groups whose framing is known to leak."""
        framed = [sample for sample in samples if sample.group in FRAMED_GROUPS]
        return self._store.find_boxes(framed) if framed else iter(())

    def _originals(self, sample: Sample) -> Iterator[Image]:
        pictures = self._clip(sample) if is_clip(sample) else iter([self._store.original(sample)])
        if self.level == "image":
            yield from pictures
            return
        found = 0
        for picture in pictures:
            faces = sorted(find_faces(picture), key=lambda face: -face.size)
            if faces:
                found += 1
                yield face_crop(picture, faces[0])
        if not found:
            raise NoFace(f"{sample.path} shows no face; score it at level image")

    def _clip(self, sample: Sample) -> Iterator[Image]:
        # Pictures alone need no FFmpeg.
        from forensics.clips import Clip

        with Clip(self.root / sample.path) as clip:
            count = len(clip.timeline().stamps)
            wanted = set(np.linspace(0, count - 1, min(self.frames, count)).astype(int).tolist())
            for frame in clip.frames():
                if frame.index in wanted:
                    yield frame.image
                if frame.index >= max(wanted):
                    return

    def _cut(self, image: Image, seed: int) -> Image:
        rng = np.random.default_rng(seed)
        places = [int(rng.integers(max(0, size - self.side) + 1)) for size in image.shape[:2]]
        top, left = places
        return np.ascontiguousarray(image[top : top + self.side, left : left + self.side])

    @cached_property
    def _store(self) -> PictureStore:
        return PictureStore(self.root, self.cache)


def _decoded(data: bytes) -> Image:
    return np.asarray(Pillow.open(io.BytesIO(data), formats=["JPEG"]))
