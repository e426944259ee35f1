"""What a benchmark is run on: labelled files, who made them, and which belong together.

A manifest is a CSV file with the columns `path` (relative to it) and `label` (`real` or `fake`, or
0 and 1); of these more, each may be absent:

| column | meaning, and what is taken where it is absent |
|---|---|
| `generator` | what made a fake; else `family`, else "fake" |
| `group` | the source of a real picture, or a part of a generator's fakes; else "real", generator |
| `cluster` | near-duplicates share one: frames of a clip, a swap and its target; else the path |
| `fold` | for scores that are left out by fold; else none |
| `partners` | of a fake: the real groups of its own pipeline, separated by `;`; else all |
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from forensics.benchmark.datasets import read_samples
from forensics.benchmark.tables import MATCHED
from forensics.errors import InvalidManifest
from forensics.training import Sample

PICTURES = frozenset(
    f".{suffix}"
    for suffix in ("jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "gif", "tif", "tiff")
) | {".heic", ".heif", ".avif"}
CLIPS = frozenset({".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv"})
LABELS = {"real": 0, "0": 0, "fake": 1, "1": 1}
MOST_FILES = 5_000_000
Partners = dict[str, tuple[str, ...]]
"""Of a group of fakes, the real groups of its own pipeline."""


@dataclass(frozen=True, eq=False)
class Collection:
    """Labelled files below `root`.

    `partners`: of a group of fakes, the real groups of the same pipeline, where the layout knows
    them; `layout`: how the folder was read.
    """

    root: Path
    samples: tuple[Sample, ...]
    partners: Mapping[str, tuple[str, ...]]
    layout: str

    def __post_init__(self) -> None:
        labels = {sample.fake for sample in self.samples}
        if labels != {False, True}:
            there = {(): "nothing", (True,): "fakes only", (False,): "real files only"}
            raise InvalidManifest(
                f"{self.root.name} read as {self.layout} has "
                f"{there[tuple(labels)]}; a benchmark needs files of both classes"
            )


def sample_of(
    path: str,
    *,
    fake: bool,
    generator: str = "",
    group: str = "",
    cluster: str = "",
    fold: str = "",
    kind: int = 1,
) -> Sample:
    """One file; what is not given takes the values that the manifest's table names."""
    made_by = (generator or "fake") if fake else ""
    return Sample(
        path=path,
        kind=kind if fake else 0,
        generator=made_by,
        group=group or made_by or "real",
        fold=fold,
        cluster=cluster or path,
        check=False,
    )


def is_clip(sample: Sample) -> bool:
    """Whether a sample is a video file, by its name."""
    return Path(sample.path).suffix.lower() in CLIPS


def read_manifest(path: Path, folds: Path | None = None) -> Collection:
    """Read a manifest, or the training data's own with its folds.

    Raises:
        InvalidManifest: it cannot be read, a column is missing, or a row makes no sense.
    """
    if folds is not None:
        samples = tuple(read_samples(folds, path))
        groups = {sample.group for sample in samples}
        matched = {fake: (real,) for fake, real in MATCHED.items() if {fake, real} <= groups}
        return Collection(path.parent, samples, matched, "manifest with folds")
    partners: Partners = {}
    samples_read = []
    for line, row in enumerate(_rows(path), 2):
        samples_read.append(_sample(row, f"{path.name}, line {line}"))
        if row.get("partners"):
            partners[samples_read[-1].group] = tuple(row["partners"].split(";"))
    return Collection(path.parent, without_doubles(samples_read), partners, "manifest")


def _sample(row: Mapping[str, str], place: str) -> Sample:
    label = LABELS.get(row["label"].strip().lower())
    if label is None or not row["path"]:
        raise InvalidManifest(f"{place}: label must be real or fake, got {row['label'][:40]!r}")
    if Path(row["path"]).is_absolute() or ".." in Path(row["path"]).parts:
        raise InvalidManifest(f"{place}: paths are relative to the manifest and stay below it")
    return sample_of(
        row["path"],
        fake=label == 1,
        generator=row.get("generator") or row.get("family") or "",
        group=row.get("group") or "",
        cluster=row.get("cluster") or "",
        fold=row.get("fold") or "",
    )


def _rows(path: Path) -> Iterator[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if missing := {"path", "label"} - set(reader.fieldnames or ()):
                raise InvalidManifest(f"{path.name} lacks the columns {', '.join(sorted(missing))}")
            for row in reader:
                yield {name: value or "" for name, value in row.items() if isinstance(name, str)}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidManifest(f"{path.name} cannot be read as CSV in UTF-8: {error}") from error


def without_doubles(samples: Iterable[Sample]) -> tuple[Sample, ...]:
    """The samples in the order of their paths.

    Raises:
        InvalidManifest: one path comes twice, or there are too many.
    """
    ordered = sorted(samples, key=lambda sample: sample.path)
    if len(ordered) > MOST_FILES:
        raise InvalidManifest(f"{len(ordered)} files are more than {MOST_FILES}; take a part")
    for one, next_one in pairwise(ordered):
        if one.path == next_one.path:
            raise InvalidManifest(f"{one.path} comes twice; every file has one label")
    return tuple(ordered)
