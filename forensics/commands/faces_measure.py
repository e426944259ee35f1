"""The actions that measure a matcher: verify (LFW's protocol) and calibrate (strangers)."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics.commands.faces_gallery import matcher_argument

if TYPE_CHECKING:
    from forensics.benchmark.face_verification import Pair, Verification
    from forensics.benchmark.likeness_check import Promise
    from forensics.faces.likeness import Likeness
    from forensics.schema import Floats


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
    calibrating.set_defaults(act=_calibrate)
    for parser in (verifying, calibrating):
        parser.add_argument("pairs", type=Path, metavar="PAIRS.csv")
        parser.add_argument("--images", type=Path, required=True, metavar="DIR")
        matcher_argument(parser)


def _verify(args: argparse.Namespace) -> int:
    from forensics.benchmark.face_verification import read_pairs, verify

    pairs = read_pairs(args.pairs)
    result = verify(pairs, _vectors(pairs, args))
    if args.json:
        print(json.dumps(verification_object(result, args.matcher)))
    else:
        print("\n".join(verification_lines(result)))
    return 0


def _calibrate(args: argparse.Namespace) -> int:
    from forensics.benchmark.face_verification import read_pairs

    pairs = read_pairs(args.pairs)
    page = calibrated(
        pairs,
        _vectors(pairs, args),
        matcher=args.matcher,
        measured_on=f"{args.name}, fold {args.fold}",
        folds=(args.fold, args.check_fold),
        out=args.out,
    )
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
) -> str:
    """Write the distributions of strangers of one fold, check them on the other; the page."""
    from forensics.benchmark.face_verification import verify
    from forensics.benchmark.likeness_check import check_promises
    from forensics.faces.embed import load_matcher
    from forensics.faces.likeness import likeness_path, to_json
    from forensics.faces.strangers import measure
    from forensics.plugins import fingerprint

    rows, people = fold_vectors(pairs, vectors, folds[0])
    card = load_matcher(matcher).card
    likeness = measure(rows, people, matcher=fingerprint(card), measured_on=measured_on)
    path = likeness_path(card)
    path = path if out is None else out / path.name
    path.write_text(json.dumps(to_json(likeness)) + "\n", encoding="utf-8")
    known = set(people)
    rows, people = fold_vectors(pairs, vectors, folds[1])
    new = [index for index, person in enumerate(people) if person not in known]
    promises = check_promises(likeness, rows[new], [people[index] for index in new])
    return _page(matcher, verify(pairs, vectors), likeness, promises, folds)


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


def verification_lines(result: "Verification") -> list[str]:
    """The same in words, one figure a line."""
    cross = f"{result.genuine_pairs:,} pairs of one person, {result.impostor_pairs:,} of two"
    return [
        f"pairs: {result.pairs}, of which without a face found: {result.failures} (wrong)",
        f"accuracy, threshold from the other fold: {result.accuracy:.4f}",
        f"AUC of the pairs: {result.auc:.5f}",
        *(
            f"true accepts at {rate:g} false accepts: {share:.4f} (all cross pairs: {cross})"
            for rate, share in result.true_accepts.items()
        ),
        f"pictures: {result.pictures}, people: {result.people}",
    ]


def _vectors(pairs: "Sequence[Pair]", args: argparse.Namespace) -> "dict[str, Floats | None]":
    from tqdm import tqdm

    from forensics.benchmark.face_verification import embedded, pictures_of
    from forensics.faces.embed import load_matcher

    names = pictures_of(pairs)
    rows = embedded(names, args.images, load_matcher(args.matcher))
    return dict(tqdm(rows, "embedding", len(names), disable=None, leave=False))


def _page(
    matcher: str,
    result: "Verification",
    likeness: "Likeness",
    promises: "list[Promise]",
    folds: tuple[str, str],
) -> str:
    everyone, alike = likeness.everyone, likeness.alike
    lines = [
        "# Faces: how well the matcher tells people apart, and how unusual a likeness is",
        "",
        "Written by `forensics faces calibrate PAIRS.csv --images DIR --page docs/results/faces.md`"
        " with LFW's pairs file and pictures; nothing here is copied from elsewhere.",
        "",
        f"## Verification: {matcher}",
        "",
        *(f"- {line}" for line in verification_lines(result)),
        "",
        *(_goal_line(name, figure, goal) for name, figure, goal in _goals(result)),
        "",
        "## Strangers",
        "",
        f"Measured on {likeness.measured_on}: {likeness.pictures} pictures of {likeness.people} "
        f"people, {int(everyone.counts.sum()):,} pairs of pictures of two people "
        f"({everyone.people_pairs:,} pairs of people), of which {int(alike.counts.sum()):,} "
        f"({alike.people_pairs:,}) lie within one of eight clusters of looks. Smaller rates than "
        f"{everyone.floor:.1e} (within clusters {alike.floor:.1e}) are given as bounds only.",
        "",
        f"Checked on fold {folds[1]}, people of fold {folds[0]} left out; intervals (95 %) draw "
        "people, not pairs. A promise holds where it is not below the interval.",
        "",
        "| among | promised rate | cosine | measured rate | interval | pairs | holds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(_promise_row(promise) for promise in promises),
        "",
    ]
    return "\n".join(lines)


def _goals(result: "Verification") -> list[tuple[str, float, float]]:
    return [
        ("accuracy", result.accuracy, 0.985),
        ("AUC", result.auc, 0.998),
        ("true accepts at 0.001 false accepts", result.true_accepts[1e-3], 0.95),
    ]


def _goal_line(name: str, figure: float, goal: float) -> str:
    return f"- goal for {name}: {goal:g}, {'met' if figure >= goal else 'missed'}"


def _promise_row(promise: "Promise") -> str:
    return (
        f"| {promise.among} | {promise.promised:g} | {promise.cosine:.3f} | {promise.measured:.2e} "
        f"| {promise.low:.2e} to {promise.high:.2e} | {promise.pairs:,} "
        f"| {'yes' if promise.holds else 'no'} |"
    )
