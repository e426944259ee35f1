"""Which files a user means by files, folders and patterns."""

import glob
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

SUFFIXES = (
    *(".apng", ".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jpe"),
    *(".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"),
)
"""Files of a folder that are examined; a file named by itself is examined whatever its name."""


def files_of(paths: Sequence[str]) -> Iterator[Path]:
    """Every file once. What leads to no file is given back, for the intake to say what is wrong."""
    return iter(dict.fromkeys(found for path in paths for found in _under(path)))


def _under(path: str) -> list[Path]:
    place = Path(path)
    if place.is_dir():
        return _pictures_in(place) or [place]
    if place.exists():
        return [place]
    # Path.glob refuses absolute patterns.
    return [Path(found) for found in sorted(glob.glob(path, recursive=True))] or [place]  # noqa: PTH207


def _pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder and its folders; hidden ones, which systems make, are left out."""
    visible = [
        path
        for path in sorted(folder.rglob("*"))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    files = [path for path in visible if path.is_file()]
    pictures = [path for path in files if path.suffix.lower() in SUFFIXES]
    if len(files) > len(pictures):
        others = len(files) - len(pictures)
        print(f"{folder}: {others} files that are no pictures are left out", file=sys.stderr)
    return pictures
