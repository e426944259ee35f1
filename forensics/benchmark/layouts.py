"""Readers of the folder layouts that researchers have; a folder is recognised by what it holds.

As published with FaceForensics++ (Roessler et al. 2019), Celeb-DF v2 (Li et al. 2020), DFDC
(Dolhansky et al. 2020), ForenSynths (Wang et al. 2020), GenImage (Zhu et al. 2023) and
UniversalFakeDetect (Ojha et al. 2023). Official test lists are followed where they lie inside.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from forensics.benchmark.collection import Collection, Partners, read_manifest, without_doubles
from forensics.benchmark.layouts_of_clips import celeb_df, dfdc, faceforensics
from forensics.benchmark.layouts_of_pictures import (
    folders,
    forensynths,
    genimage,
    universal_fake_detect,
)
from forensics.errors import InvalidManifest
from forensics.training import Sample

DEEPEST = 4
"""Levels below a folder that are searched to recognise its layout."""


@dataclass(frozen=True)
class Layout:
    """How a layout is recognised and read."""

    fits: Callable[[Path], bool]
    read: Callable[[Path], tuple[list[Sample], Partners]]


def read_collection(
    path: Path, *, layout: str | None = None, folds: Path | None = None
) -> Collection:
    """Read a manifest or a folder.

    Args:
        path: a CSV file, or a folder in one of `LAYOUTS`.
        layout: the name of the layout; None to recognise it.
        folds: the training data's folds, with its manifest only.

    Raises:
        InvalidManifest: nothing that can be read as a benchmark, or one class is missing.
    """
    if path.is_file():
        return read_manifest(path, folds)
    if not path.is_dir():
        raise InvalidManifest(f"{path.name} does not exist; give a manifest or a folder")
    name = layout or recognised(path)
    if name not in LAYOUTS:
        raise InvalidManifest(f"no layout is called {name!r}; there are {', '.join(LAYOUTS)}")
    samples, partners = LAYOUTS[name].read(path)
    groups = {sample.group for sample in samples}
    known = {fake: real for fake, real in partners.items() if {fake, *real} <= groups}
    return Collection(path, without_doubles(samples), known, name)


def recognised(path: Path) -> str:
    """The name of a folder's layout.

    Raises:
        InvalidManifest: none fits.
    """
    for name, layout in LAYOUTS.items():
        if layout.fits(path):
            return name
    raise InvalidManifest(
        f"{path.name} is in none of the known layouts ({', '.join(LAYOUTS)}); write a manifest, "
        "or put files into real/ and fake/GENERATOR/"
    )


def _has(*names: str) -> Callable[[Path], bool]:
    return lambda root: all((root / name).is_dir() for name in names)


def _has_below(*names: str) -> Callable[[Path], bool]:
    """Whether folders or files with all of these names lie below."""

    def fits(root: Path) -> bool:
        wanted = set(names)
        for folder, inside, files in os.walk(root):
            wanted -= {*inside, *files}
            if not wanted:
                return True
            if len(Path(folder).relative_to(root).parts) >= DEEPEST:
                inside.clear()
        return False

    return fits


def _shares_reals(root: Path) -> bool:
    return any((root / name / "0_real").is_dir() for name in ("laion", "imagenet"))


LAYOUTS = {
    "folders": Layout(_has("real", "fake"), folders),
    "FaceForensics++": Layout(_has("original_sequences", "manipulated_sequences"), faceforensics),
    "Celeb-DF": Layout(_has("Celeb-real", "Celeb-synthesis"), celeb_df),
    "UniversalFakeDetect": Layout(_shares_reals, universal_fake_detect),
    "ForenSynths": Layout(_has_below("0_real", "1_fake"), forensynths),
    "GenImage": Layout(_has_below("ai", "nature"), genimage),
    "DFDC": Layout(
        lambda root: _has_below("metadata.json")(root) or _has_below("labels.csv")(root), dfdc
    ),
}
