"""The actions that measure a matcher: verify (LFW's protocol) and calibrate (strangers)."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics.commands import faces_page
from forensics.commands.faces_gallery import matcher_argument
from forensics.commands.faces_page import verification_lines

if TYPE_CHECKING:
    from forensics.benchmark.face_verification import Pair, Verification
    from forensics.faces.likeness import Likeness
    from forensics.schema import Floats


PROBES = 240
"""How many pictures are shrunk, at most."""


def add_actions(actions: Any) -> None:
    """Declare the actions of this file."""
    verifying = actions.add_parser(
        "verify",
        help="score a matcher on pairs of pictures",
        description="LFW's protocol on any pairs file: columns fold, a, b, same.",
        epilog="example: forensics faces verify pairs.csv --images lfw --json",
    )
    verifying.add_argument("--json", action="store_true", help="print one JSON object")
    verifying.set_defaults(act=_verify)
    calibrating = actions.add_parser(
        "calibrate",
        help="measure how alike strangers look to a matcher",
        description=(
            "Build the distributions of strangers from all pairs of pictures of one fold, check "
            "them on another, and write both with the matcher's verification to a page."
        ),
        epilog="example: forensics faces calibrate pairs.csv --images lfw --page faces.md",
    )
    calibrating.add_argument("--fold", default="1", help="measured on; default 1")
    calibrating.add_argument("--check-fold", default="2", help="checked on; default 2")
    calibrating.add_argument("--name", default="LFW", help="what the set is called")
    calibrating.add_argument(
        "--out", type=Path, metavar="DIR", help="default: beside the matcher's card"
    )
    calibrating.add_argument("--page", type=Path, metavar="FILE.md", help="write a results page")
    calibrating.add_argument(
        "--sizes",
        type=int,
        nargs="*",
        default=(),
        metavar="PX",
        help="also shrink pictures of the checked fold until their faces are so many px",
    )
    calibrating.set_defaults(act=_calibrate)
    for parser in (verifying, calibrating):
        parser.add_argument("pairs", type=Path, metavar="PAIRS.csv")
        parser.add_argument("--images", type=Path, required=True, metavar="DIR")
        matcher_argument(parser)


def _verify(args: argparse.Namespace) -> int:
    from forensics.benchmark.face_verification import read_pairs, verify
    from forensics.faces.crowd import load_crowd
    from forensics.faces.embed import load_matcher

    pairs = read_pairs(args.pairs)
    vectors = _vectors(pairs, args)
    result = verify(pairs, vectors, load_crowd(load_matcher(args.matcher).card))
    if args.json:
        facts = verification_object(result, args.matcher)
        plain = verify(pairs, vectors).true_accepts
        print(json.dumps({**facts, "tar_at_far_1e-3_cosine": plain[1e-3]}))
    else:
        print("\n".join(verification_lines(result)))
    return 0


def _calibrate(args: argparse.Namespace) -> int:
    from forensics.benchmark.face_verification import read_pairs

    pairs = read_pairs(args.pairs)
    vectors = _vectors(pairs, args)
    page, likeness = calibrated(
        pairs,
        vectors,
        matcher=args.matcher,
        measured_on=f"{args.name}, fold {args.fold}",
        folds=(args.fold, args.check_fold),
        out=args.out,
    )
    if args.sizes:
        page += "\n" + _size_part(pairs, vectors, likeness, args)
    if args.page:
        args.page.write_text(page, encoding="utf-8")
    else:
        print(page)
    return 0


def calibrated(
    pairs: "Sequence[Pair]",
    vectors: "dict[str, Floats | None]",
    *,
    matcher: str,
    measured_on: str,
    folds: tuple[str, str],
    out: Path | None,
) -> "tuple[str, Likeness]":
    """Write the distributions of strangers of one fold, check them on the other; with the page."""
    from forensics.benchmark.likeness_check import check_promises
    from forensics.faces.crowd import crowd_key, load_crowd
    from forensics.faces.embed import load_matcher
    from forensics.faces.likeness import likeness_path, to_json
    from forensics.faces.strangers import measure
    from forensics.plugins import fingerprint

    rows, people = fold_vectors(pairs, vectors, folds[0])
    card = load_matcher(matcher).card
    likeness = measure(
        rows,
        people,
        matcher=fingerprint(card),
        measured_on=measured_on,
        crowd=load_crowd(card),
        crowd_key=crowd_key(card),
    )
    path = likeness_path(card)
    path = path if out is None else out / path.name
    path.write_text(json.dumps(to_json(likeness)) + "\n", encoding="utf-8")
    known = set(people)
    rows, people = fold_vectors(pairs, vectors, folds[1])
    new = [index for index, person in enumerate(people) if person not in known]
    promises = check_promises(likeness, rows[new], [people[index] for index in new])
    return "\n".join(
        [
            *faces_page.verification_part(matcher, pairs, vectors, likeness.crowd),
            *faces_page.strangers_part(likeness, promises, folds),
        ]
    ), likeness


def fold_vectors(
    pairs: "Sequence[Pair]", vectors: "dict[str, Floats | None]", fold: str
) -> "tuple[Floats, list[str]]":
    """The vectors of one fold's pictures, (N, D), and whom each shows; faceless ones left out."""
    import numpy as np

    from forensics.benchmark.face_verification import person_of, pictures_of
    from forensics.errors import InvalidManifest

    names = pictures_of(pair for pair in pairs if pair.fold == fold)
    found = [(vector, person_of(name)) for name in names if (vector := vectors[name]) is not None]
    if not found:
        raise InvalidManifest(f"fold {fold} has no picture with a face")
    rows, people = zip(*found, strict=True)
    return np.stack(rows), list(people)


def verification_object(result: "Verification", matcher: str) -> dict[str, object]:
    """The JSON object of `faces verify`."""
    return {
        "pairs": result.pairs,
        "failures": result.failures,
        "accuracy": result.accuracy,
        "auc": result.auc,
        "tar_at_far_1e-2": result.true_accepts[1e-2],
        "tar_at_far_1e-3": result.true_accepts[1e-3],
        "matcher": matcher,
        "genuine_pairs": result.genuine_pairs,
        "impostor_pairs": result.impostor_pairs,
        "pictures": result.pictures,
        "people": result.people,
    }


def _vectors(pairs: "Sequence[Pair]", args: argparse.Namespace) -> "dict[str, Floats | None]":
    from tqdm import tqdm

    from forensics.benchmark.face_verification import embedded, pictures_of
    from forensics.faces.embed import load_matcher

    names = pictures_of(pairs)
    rows = embedded(names, args.images, load_matcher(args.matcher))
    return dict(tqdm(rows, "embedding", len(names), disable=None, leave=False))


def _size_part(
    pairs: "Sequence[Pair]",
    vectors: "dict[str, Floats | None]",
    likeness: "Likeness",
    args: argparse.Namespace,
) -> str:
    """Measure small faces of the checked fold, those who have several pictures there."""
    from collections import Counter

    from forensics.benchmark.face_size import small_faces
    from forensics.benchmark.face_verification import person_of, pictures_of
    from forensics.benchmark.likeness_check import cosine_at
    from forensics.faces.embed import load_matcher

    names = pictures_of(pair for pair in pairs if pair.fold == args.check_fold)
    counts = Counter(map(person_of, names))
    probes = [name for name in names if counts[person_of(name)] > 1][::2][:PROBES]
    results = small_faces(
        probes,
        args.images,
        {name: vectors[name] for name in names},
        args.sizes,
        matcher=load_matcher(args.matcher),
        likeness=likeness,
        threshold=cosine_at(likeness.everyone, 1e-3),
    )
    return "\n".join(faces_page.size_part(list(results)))
