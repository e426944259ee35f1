"""The scores of a benchmark, a line a file and detector: what two runs are compared by.

`scores.csv.gz` of a run holds everything that a comparison needs, so that a copy of it is a
baseline for CI.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forensics.benchmark.collection import sample_of
from forensics.benchmark.judging import Shown
from forensics.benchmark.rows import Said
from forensics.errors import InvalidManifest
from forensics.statistics import Names, Reals
from forensics.training import Sample

COLUMNS = (
    "path",
    "label",
    "generator",
    "group",
    "cluster",
    "fold",
    "level",
    "partners",
    "detector",
    "pixels",
    "degradation",
    "ranking",
    "score",
    "called",
)
NAME = "scores.csv.gz"
_DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError)
_LARGEST = 2_000_000_000


@dataclass(frozen=True, eq=False)
class Published:
    """Rankings by detector and way of showing, each (n,) in the order of `samples`, NaN if failed.

    `levels` (n,); `partners` by group of fakes.
    """

    samples: tuple[Sample, ...]
    levels: Names
    partners: Mapping[str, tuple[str, ...]]
    rankings: Mapping[tuple[str, Shown], Reals]

    @property
    def detectors(self) -> list[str]:
        """Names, in the order in which they came."""
        return list(dict.fromkeys(name for name, _ in self.rankings))


def as_published(
    samples: Sequence[Sample],
    levels: Names,
    partners: Mapping[str, tuple[str, ...]],
    said: Iterable[Said],
) -> Published:
    """What a run has said, ready to be compared."""
    rankings = {(each.name, each.shown): each.column.ranking for each in said}
    return Published(tuple(samples), levels, partners, rankings)


def write_scores(path: Path, given: Published, said: Iterable[Said]) -> None:
    """Write `scores.csv.gz`: the same scores give the same bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in said:
        for index, sample in enumerate(given.samples):
            if not each.column.failed[index]:
                writer.writerow(_line(given, each, index, sample))
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))
    part.replace(path)


def _line(given: Published, said: Said, index: int, sample: Sample) -> list[object]:
    column = said.column
    return [
        sample.path,
        int(sample.fake),
        sample.generator,
        sample.group,
        sample.cluster,
        sample.fold,
        given.levels[index],
        ";".join(given.partners.get(sample.group, ())) if sample.fake else "",
        said.name,
        *said.shown,
        f"{column.ranking[index]:.6g}",
        f"{column.scores[index]:.6g}",
        int(column.called[index]),
    ]


def read_published(place: Path) -> Published:
    """Read the scores of a run: its folder, or its `scores.csv.gz`.

    Raises:
        InvalidManifest: there are none, or the file holds something else.
    """
    path = place / NAME if place.is_dir() else place
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            return _read(csv.DictReader(_limited(file)))
    except (*_DAMAGE, zlib.error, csv.Error) as error:
        raise InvalidManifest(
            f"{path.name} holds no scores of a benchmark ({error}); give the --out folder of a "
            f"run, or a copy of its {NAME}"
        ) from error


def _limited(lines: Iterable[str]) -> Iterable[str]:
    """The lines, as long as they do not swell beyond what any benchmark writes."""
    total = 0
    for line in lines:
        total += len(line)
        if total > _LARGEST:
            raise ValueError("it unpacks to more than 2 GB")
        yield line


def _read(rows: Iterable[Mapping[str, str]]) -> Published:
    samples: dict[str, Sample] = {}
    levels: dict[str, str] = {}
    partners: dict[str, tuple[str, ...]] = {}
    found: dict[tuple[str, Shown], dict[str, float]] = {}
    for row in rows:
        path = row["path"]
        if path not in samples:
            samples[path] = sample_of(
                path,
                fake=row["label"] == "1",
                generator=row["generator"],
                group=row["group"],
                cluster=row["cluster"],
                fold=row["fold"],
            )
            levels[path] = row["level"]
            if row["partners"]:
                partners[row["group"]] = tuple(row["partners"].split(";"))
        key = (row["detector"], (row["pixels"], row["degradation"]))
        found.setdefault(key, {})[path] = float(row["ranking"])
    if not samples:
        raise ValueError("no line")
    rankings = {
        key: np.asarray([scores.get(path, np.nan) for path in samples], np.float64)
        for key, scores in found.items()
    }
    ordered = np.asarray([levels[path] for path in samples])
    return Published(tuple(samples.values()), ordered, partners, rankings)


def on_common_files(first: Published, second: Published) -> tuple[Published, Published]:
    """Both, of the files that both have, in one order."""
    theirs = {sample.path for sample in second.samples}
    paths = [sample.path for sample in first.samples if sample.path in theirs]
    return _of_paths(first, paths), _of_paths(second, paths)


def _of_paths(given: Published, paths: Sequence[str]) -> Published:
    place = {sample.path: index for index, sample in enumerate(given.samples)}
    rows = np.asarray([place[path] for path in paths], np.intp)
    return Published(
        tuple(given.samples[index] for index in rows),
        given.levels[rows],
        given.partners,
        {key: ranking[rows] for key, ranking in given.rankings.items()},
    )
