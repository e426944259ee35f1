"""The verification protocol of LFW (Huang et al. 2007) on any pairs of pictures, failures counted.

Pictures are named NAME_0001.jpg as in LFW; that name says whom all cross pairs show, and is checked
against the listed pairs.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forensics.benchmark.metrics import auc, tpr_at_fpr
from forensics.errors import ForensicsError, InvalidManifest
from forensics.faces.crowd import Crowd
from forensics.faces.detect import find_faces
from forensics.faces.embed import Matcher
from forensics.faces.strangers import all_pairs
from forensics.media import load_image
from forensics.schema import Face, Floats
from forensics.statistics import Reals

COLUMNS = ("fold", "a", "b", "same")
_LFW_NAME = re.compile(r"(.+)_\d{4}\.\w+")
FALSE_ACCEPTS = (1e-2, 1e-3)


@dataclass(frozen=True)
class Pair:
    """Two pictures, and whether they show one person."""

    fold: str
    a: str
    b: str
    same: bool


@dataclass(frozen=True)
class Verification:
    """What the protocol gives. Rates in [0, 1].

    `failures`: pairs with a picture in which no face was found; each counts as wrong everywhere.
    `true_accepts`: by rate of false accepts, over all cross pairs of the pictures.
    """

    pairs: int
    failures: int
    accuracy: float
    auc: float
    true_accepts: dict[float, float]
    genuine_pairs: int
    impostor_pairs: int
    pictures: int
    people: int


def read_pairs(path: Path) -> list[Pair]:
    """Read a pairs file with the columns fold, a, b, same (0 or 1).

    Raises:
        InvalidManifest: it cannot be read, lacks a column, or a row is not as above.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            lacking = set(COLUMNS) - set(reader.fieldnames or ())
            if lacking:
                raise InvalidManifest(f"{path} lacks the columns {sorted(lacking)}")
            pairs = [_pair(row, path, reader.line_num) for row in reader]
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidManifest(f"{path} cannot be read: {error}") from error
    if not pairs:
        raise InvalidManifest(f"{path} lists no pairs")
    return pairs


def _pair(row: dict[str, str], path: Path, line: int) -> Pair:
    if row["same"] not in ("0", "1"):
        raise InvalidManifest(f"{path}, line {line}: same must be 0 or 1, got {row['same']!r}")
    return Pair(row["fold"], row["a"], row["b"], row["same"] == "1")


def pictures_of(pairs: Iterable[Pair]) -> list[str]:
    """Every picture of the pairs, once, sorted."""
    return sorted({name for pair in pairs for name in (pair.a, pair.b)})


def embedded(
    names: Sequence[str], folder: Path, matcher: Matcher
) -> Iterator[tuple[str, Floats | None]]:
    """Yield each picture's vector, (D,) of length 1, or None where no face is found in it."""
    for name in names:
        try:
            image = load_image(folder / name)
        except ForensicsError as error:
            raise InvalidManifest(f"a picture of the pairs cannot be read: {error}") from error
        faces = find_faces(image)
        if not faces:
            yield name, None
            continue
        height, width = image.shape[:2]
        yield name, matcher.embed(image, [most_central(faces, height, width)])[0]


def most_central(faces: Sequence[Face], height: int, width: int) -> Face:
    """The face nearest to the middle of its picture: LFW shows its person there."""
    middle = np.asarray([width, height]) / 2
    return min(
        faces, key=lambda face: float(np.linalg.norm(face.box.reshape(2, 2).mean(0) - middle))
    )


def verify(
    pairs: Sequence[Pair], vectors: Mapping[str, Floats | None], crowd: Crowd | None = None
) -> Verification:
    """Score the pairs, and all cross pairs of their pictures; by adjusted cosines with a crowd.

    Raises:
        InvalidManifest: fewer than two folds, or pictures' names contradict the pairs.
    """
    cosines = np.asarray([_cosine(pair, vectors, crowd) for pair in pairs])
    same = np.asarray([pair.same for pair in pairs])
    folds = np.asarray([pair.fold for pair in pairs])
    failed = np.isnan(cosines)
    # Beyond every cosine, on the wrong side.
    scores = np.where(failed, np.where(same, -2.0, 2.0), cosines)
    cross, alike, names = cross_pairs(pairs, vectors, crowd)
    return Verification(
        pairs=len(pairs),
        failures=int(failed.sum()),
        accuracy=left_out_accuracy(cosines, same, folds),
        auc=auc(same.astype(int), scores),
        true_accepts={rate: tpr_at_fpr(alike.astype(int), cross, rate) for rate in FALSE_ACCEPTS},
        genuine_pairs=int(alike.sum()),
        impostor_pairs=int((~alike).sum()),
        pictures=len(names),
        people=len({person_of(name) for name in names}),
    )


def left_out_accuracy(cosines: Reals, same: NDArray[np.bool_], folds: NDArray[np.str_]) -> float:
    """Mean accuracy of folds, each at the threshold that is best on all the others.

    A pair whose cosine is NaN is wrong, and helps to choose no threshold.
    """
    known = np.unique(folds)
    if len(known) < 2:  # noqa: PLR2004
        raise InvalidManifest(f"the threshold needs another fold, got only {known.tolist()}")
    return float(np.mean([_accuracy_on(folds == fold, cosines, same) for fold in known]))


def _accuracy_on(left_out: NDArray[np.bool_], cosines: Reals, same: NDArray[np.bool_]) -> float:
    there = ~np.isnan(cosines)
    threshold = best_threshold(cosines[~left_out & there], same[~left_out & there])
    right = there & ((cosines >= threshold) == same)
    return float(np.mean(right[left_out]))


def best_threshold(scores: Reals, same: NDArray[np.bool_]) -> float:
    """The threshold at which most pairs are right; the middle one of several."""
    order = np.sort(np.unique(scores))
    between = np.concatenate([[order[0] - 1], (order[1:] + order[:-1]) / 2, [order[-1] + 1]])
    right = [np.sum((scores >= threshold) == same) for threshold in between]
    best = np.flatnonzero(np.asarray(right) == max(right))
    return float(between[best[len(best) // 2]])


def cross_pairs(
    pairs: Sequence[Pair], vectors: Mapping[str, Floats | None], crowd: Crowd | None = None
) -> tuple[Reals, NDArray[np.bool_], list[str]]:
    """Cosines of all pairs of the pictures, and which show one person.

    A picture without a face fails with every picture of its person, and is no stranger's double.

    Returns:
        (n,) cosines, (n,) whether one person, and the pictures.
    """
    names = pictures_of(pairs)
    _check_names(pairs)
    seen = [name for name in names if vectors[name] is not None]
    matrix = np.stack([vector for name in seen if (vector := vectors[name]) is not None])
    people = np.asarray([person_of(name) for name in seen])
    cosines, first, second = all_pairs(matrix, crowd)
    everyone = [person_of(name) for name in names]
    lost = _same_person_pairs(everyone) - _same_person_pairs(people.tolist())
    cosines = np.concatenate([cosines, np.full(lost, -2.0)])
    same = np.concatenate([people[first] == people[second], np.ones(lost, bool)])
    return cosines, same, names


def person_of(name: str) -> str:
    """Whom an LFW picture shows, by its name.

    Raises:
        InvalidManifest: it is not named NAME_0001.jpg.
    """
    found = _LFW_NAME.fullmatch(name)
    if found is None:
        raise InvalidManifest(f"{name} is not named NAME_0001.jpg, so cross pairs are unknown")
    return found[1]


def _check_names(pairs: Sequence[Pair]) -> None:
    for pair in pairs:
        if (person_of(pair.a) == person_of(pair.b)) != pair.same:
            raise InvalidManifest(f"the names {pair.a} and {pair.b} contradict same={pair.same:d}")


def _same_person_pairs(people: Sequence[str]) -> int:
    _, counts = np.unique(np.asarray(people), return_counts=True)
    return int((counts * (counts - 1) // 2).sum())


def _cosine(pair: Pair, vectors: Mapping[str, Floats | None], crowd: Crowd | None) -> float:
    a, b = vectors[pair.a], vectors[pair.b]
    if a is None or b is None:
        return float("nan")
    cosine = np.asarray([[a @ b]], np.float32)
    return float((cosine if crowd is None else crowd.adjusted(cosine, a[None], b[None]))[0, 0])
