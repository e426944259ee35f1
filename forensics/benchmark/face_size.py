"""How small may a face be? Pictures are shrunk until their face is so many px, and compared again.

A small face beside one of full size is the usual lookup: a face from a crowd or a thumbnail against
a portrait. What is accepted is decided at the score that promises one false match in a thousand at
full size, so that two questions are answered: are people still found, and does the promise hold?
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forensics.benchmark.face_verification import most_central, person_of
from forensics.faces.cascade import WINDOW, resized
from forensics.faces.detect import find_faces
from forensics.faces.embed import Matcher
from forensics.faces.likeness import Likeness
from forensics.media import load_image
from forensics.schema import Face, Floats, Image


@dataclass(frozen=True)
class SmallFaces:
    """Faces of `size` px (shorter side) beside full-size ones, at one threshold.

    `found`: share of pictures with a face found; `true_accepts`: of pairs of one person, pictures
    without a face counted as not accepted; `false_accepts`: of pairs of two people. `median`: the
    median adjusted cosine of one person's pairs.
    """

    size: int
    pictures: int
    found: float
    true_accepts: float
    false_accepts: float
    median: float
    genuine_pairs: int
    impostor_pairs: int


def small_faces(
    names: Sequence[str],
    folder: Path,
    vectors: Mapping[str, Floats | None],
    sizes: Sequence[int],
    *,
    matcher: Matcher,
    likeness: Likeness,
    threshold: float,
) -> Iterator[SmallFaces]:
    """Shrink each picture to each size; compare it with all others of full size.

    Args:
        names: pictures to shrink.
        folder: where they lie.
        vectors: of full-size pictures by name, among them those to compare with.
        sizes: shorter sides of the face in px, 12 or more.
        matcher: what embeds.
        likeness: of this matcher.
        threshold: pairs with this adjusted cosine or more are accepted.
    """
    known = {name: vector for name, vector in vectors.items() if vector is not None}
    others = np.stack(list(known.values()))
    who = np.asarray([person_of(name) for name in known])
    for size in sizes:
        rows = [_shrunk_vector(load_image(folder / name), size, matcher) for name in names]
        scores = np.stack([_scores(row, others, likeness) for row in rows])
        itself = np.asarray(names)[:, None] == np.asarray(list(known))
        same = np.asarray([person_of(name) for name in names])[:, None] == who
        yield _result(size, scores, same & ~itself, ~same, threshold)


def _result(
    size: int,
    scores: Floats,
    same: NDArray[np.bool_],
    strangers: NDArray[np.bool_],
    threshold: float,
) -> SmallFaces:
    found = np.isfinite(scores[:, 0])
    accepted = scores >= threshold
    return SmallFaces(
        size=size,
        pictures=len(scores),
        found=float(found.mean()),
        true_accepts=float(accepted[same].mean()),
        false_accepts=float(accepted[strangers].mean()),
        median=float(np.median(scores[same])),
        genuine_pairs=int(same.sum()),
        impostor_pairs=int(strangers.sum()),
    )


def _shrunk_vector(image: Image, size: int, matcher: Matcher) -> Floats | None:
    faces = _central(image)
    if not faces:
        return None
    scale = min(1.0, size / faces[0].size)
    height, width = (max(1, round(length * scale)) for length in image.shape[:2])
    small = resized(image, width, height)
    faces = _central(small)
    return matcher.embed(small, faces)[0] if faces else None


def _central(image: Image) -> list[Face]:
    faces = find_faces(image, at_least=WINDOW)
    return [most_central(faces, *image.shape[:2])] if faces else []


def _scores(row: Floats | None, others: Floats, likeness: Likeness) -> Floats:
    if row is None:
        return np.full(len(others), -np.inf, np.float32)
    return np.asarray(likeness.scores(row[None], others)[0], np.float32)
