"""Photographs that trained no detector: Labeled Faces in the Wild, and the archive of small faces.

LFW is a source of its own. The small faces come from sources that the detectors know from other
pictures, brought to 64 px; they count as real sources too, judged at their own size.
"""

import csv
import hashlib
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from forensics.errors import InvalidManifest
from forensics.media import decode, open_media
from forensics.schema import Image

SMALL = ", 64 px"
"""How the name of a source of small faces ends."""


@dataclass(frozen=True)
class Photograph:
    """One real picture: its source, what shares a person with it, and how to get its pixels."""

    source: str
    name: str
    person: str
    stored: Callable[[], bytes]

    def read(self) -> Image:
        """The pixels, upright, (H, W, 3) uint8 RGB."""
        data = self.stored()
        return decode(open_media(Path(self.name), data), data).image


def photographs(root: Path, at_most: int, small: int) -> list[Photograph]:
    """Photographs below the folder of the data, drawn by their names.

    Args:
        root: where `lfw/images` and `faces64` lie.
        at_most: how many of LFW.
        small: how many of each source of small faces.

    Raises:
        InvalidManifest: the folder has neither of the two sets.
    """
    wild, faces = list(_wild_faces(root / "lfw" / "images")), list(_small_faces(root / "faces64"))
    if not wild and not faces:
        raise InvalidManifest(f"{root} holds neither lfw/images nor faces64/faces64.csv")
    by_source: dict[str, list[Photograph]] = {}
    for each in sorted(faces, key=_place):
        by_source.setdefault(each.source, []).append(each)
    chosen = (each for source in sorted(by_source) for each in by_source[source][:small])
    return [*sorted(wild, key=_place)[:at_most], *chosen]


def _place(photograph: Photograph) -> str:
    """Where it stands in the order in which photographs are drawn."""
    return hashlib.sha256(photograph.name.encode()).hexdigest()


def _wild_faces(folder: Path) -> Iterator[Photograph]:
    for path in sorted(folder.rglob("*.jpg")):
        # Named PERSON_0001.jpg.
        yield Photograph("LFW", path.name, path.stem.rpartition("_")[0], path.read_bytes)


def _small_faces(folder: Path) -> Iterator[Photograph]:
    table = folder / "faces64.csv"
    if not table.exists():
        return
    archive = zipfile.ZipFile(folder / "faces64.zip")
    with table.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name = row["file"]
            yield Photograph(
                row["source"] + SMALL,
                f"faces64/{name}",
                row["identity"] or name,
                partial(archive.read, name),
            )
