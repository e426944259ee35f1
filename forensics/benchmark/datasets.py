"""Reads pictures and their folds, and equalises what must never decide: framing, size, format."""

import csv
import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from forensics.errors import InvalidManifest
from forensics.faces.detect import find_faces
from forensics.generator import Manipulator
from forensics.media import decode, load_image, open_media
from forensics.schema import Image
from forensics.training import Sample
from forensics.writing import write_whole

KINDS = {"real": 0, "gan": 1, "diffusion": 1, "swap": 2, "reenact": 2, "splice": 2}
FRAMED_GROUPS = frozenset({"openforensics-real", "openforensics-swap"})
"""Cropped tighter in one class than in the other at the source: re-cropped by the face's box."""
FRAME_SIDE = 224
REGION = 384
"""The largest native region of a picture that training and scoring look at, in px."""


def read_samples(folds: Path, manifest: Path) -> list[Sample]:
    """Join `folds.csv` with the families of `manifest.csv` and of the archives beside it.

    Raises:
        InvalidManifest: a column is missing, or a fake's family is unknown.
    """
    families = _families(manifest)
    return [_sample(row, families) for row in _rows(folds, {"path", "label", "fold", "cluster"})]


def _sample(row: dict[str, str], families: Mapping[str, str]) -> Sample:
    family = "real" if row["label"] == "real" else families.get(row["path"], "")
    if family not in KINDS or (row["label"] == "fake") != (KINDS[family] > 0):
        raise InvalidManifest(f"{row['path']}: label {row['label']!r} with family {family!r}")
    return Sample(
        path=row["path"],
        kind=KINDS[family],
        generator=row["generator"],
        group=row["group"],
        fold=row["fold"],
        cluster=row["cluster"],
        check=row["check"] == "1",
    )


def _families(manifest: Path) -> dict[str, str]:
    families = {row["path"]: row["family"] for row in _rows(manifest, {"path", "family"})}
    archive = manifest.parent / "crops256" / "crops256.csv"
    if archive.exists():
        for row in _rows(archive, {"file", "family"}):
            families[f"crops256/{row['file']}"] = row["family"]
    return families


def _rows(path: Path, needed: set[str]) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if missing := needed - set(reader.fieldnames or ()):
            raise InvalidManifest(f"{path.name} lacks the columns {', '.join(sorted(missing))}")
        yield from reader


class PictureStore:
    """Gives the pixels of samples: decoded once a call, upright, at native resolution.

    Pictures of groups whose framing tells the class are cut to the square of their face box and
    brought to one size; all others are cut to a native region of at most 384 px, at a place that
    depends on the path alone.
    """

    def __init__(self, root: Path, cache: Path) -> None:
        """Read below `root` (files, or `NAME/NAME.zip`); keep face boxes and twins in `cache`.

        A sample's path may also be that of a twin in `cache`, as `twin_path` gives it.
        """
        self.root, self.cache = root, cache
        self._archives: dict[str, zipfile.ZipFile] = {}

    def read(self, sample: Sample) -> Image:
        """Return a sample's region, (H, W, 3) uint8 RGB."""
        if sample.group in FRAMED_GROUPS:
            return _square(self.original(sample), self.boxes.get(sample.path))
        return self.region(sample)

    def large(self, samples: Iterable[Sample]) -> frozenset[str]:
        """Paths of those of which `read` shows a part: their shorter side exceeds `REGION`."""
        return frozenset(sample.path for sample in samples if self._is_large(sample))

    def _is_large(self, sample: Sample) -> bool:
        if sample.group in FRAMED_GROUPS:
            return False
        media = open_media(self.root / sample.path, self.stored(sample))
        return min(media.width, media.height) > REGION

    def region(self, sample: Sample) -> Image:
        """Return a native region of at most 384 px, as it is framed in the file."""
        image = self.original(sample)
        rng = np.random.default_rng(sample.seed(-1))
        top, left = (int(rng.integers(0, max(0, size - REGION) + 1)) for size in image.shape[:2])
        return np.ascontiguousarray(image[top : top + REGION, left : left + REGION])

    def original(self, sample: Sample) -> Image:
        """Return the whole picture as it is stored, decoded."""
        data = self.stored(sample)
        return decode(open_media(self.root / sample.path, data), data).image

    def stored(self, sample: Sample) -> bytes:
        """Return the bytes of the file as it is stored."""
        folder, _, name = sample.path.partition("/")
        for path in (self.root / sample.path, self.cache / sample.path):
            if path.exists():
                return path.read_bytes()
        return self._archive(folder).read(name)

    def _archive(self, folder: str) -> zipfile.ZipFile:
        if folder not in self._archives:
            self._archives[folder] = zipfile.ZipFile(self.root / folder / f"{folder}.zip")
        return self._archives[folder]

    @cached_property
    def boxes(self) -> dict[str, list[float]]:
        """Face boxes by path, from `find_boxes`, which must have run."""
        path = self.cache / "boxes.json"
        loaded: dict[str, list[float]] = json.loads(path.read_text(encoding="utf-8"))
        return loaded

    def find_boxes(self, samples: list[Sample]) -> Iterator[Sample]:
        """Detect and keep the most confident face of every sample whose framing leaks.

        Several runs may share the folder: what they keep appears whole, the last one's stays.
        """
        path, boxes = self.cache / "boxes.json", {}
        if path.exists():
            boxes = json.loads(path.read_text(encoding="utf-8"))
        known = len(boxes)
        for sample in samples:
            if sample.group in FRAMED_GROUPS and sample.path not in boxes:
                faces = find_faces(self.original(sample))
                boxes[sample.path] = [float(edge) for edge in faces[0].box] if faces else []
            yield sample
        if len(boxes) > known or not path.exists():
            self.cache.mkdir(parents=True, exist_ok=True)
            write_whole(path, json.dumps(boxes).encode())

    def twin(self, maker: Manipulator, name: str = "") -> Callable[[Sample], Image]:
        """Return a reader of twins by `maker`, made once and kept as lossless files.

        Args:
            maker: changes pictures.
            name: under which twins are kept; "" is the maker's own.
        """

        def read(sample: Sample) -> Image:
            path = self.cache / twin_path(name or maker.card.name, sample)
            if path.exists():
                return load_image(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            made = maker.apply([self.read(sample)], seed=sample.seed(0))[0][0]
            part = path.with_suffix(".part")
            Pillow.fromarray(made).save(part, "PNG", compress_level=1)
            part.replace(path)
            return made

        return read


def twin_path(name: str, sample: Sample) -> str:
    """Where the twin of a sample lies below the cache; `name` is its maker's."""
    return f"twins-{name}/{hashlib.sha256(sample.path.encode()).hexdigest()[:20]}.png"


def check_rows(samples: Sequence[Sample], per_group: int) -> list[Sample]:
    """The check rows, at most so many of each group, chosen by their paths."""
    held = [sample for sample in samples if sample.check]
    # `capped` spares check rows.
    chosen = capped([replace(sample, check=False) for sample in held], per_group)
    paths = {sample.path for sample in chosen}
    return [sample for sample in held if sample.path in paths]


def without_fold(samples: list[Sample], fold: str | None) -> list[Sample]:
    """The rows that a run may learn from: all but one fold, or all but the `check` rows."""
    if fold is None:
        return [sample for sample in samples if not sample.check]
    return [sample for sample in samples if sample.fold != fold]


def capped(samples: list[Sample], per_group: int) -> list[Sample]:
    """At most `per_group` rows of each group, chosen by their paths; check rows always stay."""
    kept: dict[str, list[Sample]] = {}
    for sample in sorted(samples, key=lambda sample: sample.seed(-3)):
        rows = kept.setdefault(sample.group, [])
        if sample.check or len(rows) < per_group:
            rows.append(sample)
    chosen = {sample.path for rows in kept.values() for sample in rows}
    return [sample for sample in samples if sample.path in chosen]


def _square(image: Image, box: list[float] | None) -> Image:
    """Cut the square around a face, 1.2 times its box, and bring it to one size."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = box or [0.0, 0.0, float(width), float(height)]
    half = 0.6 * max(x2 - x1, y2 - y1)
    left, right = max(0, round((x1 + x2) / 2 - half)), min(width, round((x1 + x2) / 2 + half))
    top, bottom = max(0, round((y1 + y2) / 2 - half)), min(height, round((y1 + y2) / 2 + half))
    cut = Pillow.fromarray(image[top:bottom, left:right])
    return np.asarray(cut.resize((FRAME_SIDE, FRAME_SIDE), Pillow.Resampling.LANCZOS))
