"""The results page of a matcher, in parts: verification, strangers, small faces."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forensics.benchmark.face_size import SmallFaces
    from forensics.benchmark.face_verification import Pair, Verification
    from forensics.benchmark.likeness_check import Promise
    from forensics.faces.crowd import Crowd
    from forensics.faces.likeness import Likeness
    from forensics.schema import Floats


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


def verification_part(
    matcher: str,
    pairs: "Sequence[Pair]",
    vectors: "dict[str, Floats | None]",
    crowd: "Crowd | None",
) -> list[str]:
    """The protocol's figures, by adjusted cosines and by cosines alone."""
    from forensics.benchmark.face_verification import verify

    result = verify(pairs, vectors, crowd)
    return [
        "# Faces: how well the matcher tells people apart, and how unusual a likeness is",
        "",
        "Written by `forensics faces calibrate PAIRS.csv --images DIR --sizes 16 20 24 32 40 48 64 "
        "--page docs/results/faces.md` with LFW's pairs file and pictures; nothing here is copied "
        "from elsewhere.",
        "",
        f"## Verification: {matcher}",
        "",
        *(f"- {line}" for line in verification_lines(result)),
        "",
        *(_goal_line(name, figure, goal) for name, figure, goal in _goals(result)),
        "",
        *([] if crowd is None else _cosine_part(verify(pairs, vectors))),
    ]


def _cosine_part(result: "Verification") -> list[str]:
    return [
        "Decided by cosines adjusted for how typical both faces are (`forensics.faces.crowd`), as "
        "every false match rate is. By cosines alone:",
        "",
        *(f"- {line}" for line in verification_lines(result)[1:5]),
        "",
    ]


def strangers_part(
    likeness: "Likeness", promises: "list[Promise]", folds: tuple[str, str]
) -> list[str]:
    """What the distributions of strangers rest on, and whether they hold for other people."""
    everyone, alike = likeness.everyone, likeness.alike
    return [
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
        "| among | promised rate | adjusted cosine | measured rate | interval | pairs | holds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(_promise_row(promise) for promise in promises),
        "",
    ]


def size_part(results: "Sequence[SmallFaces]") -> list[str]:
    """Small faces beside full-size ones."""
    from forensics.faces.index import SMALLEST

    first = results[0]
    return [
        "## Small faces",
        "",
        f"{first.pictures} pictures of the checked fold, shrunk until the shorter side of the face "
        "has so many px, against the full-size pictures of the fold "
        f"({first.genuine_pairs:,} pairs of one person, {first.impostor_pairs:,} of two). Accepted "
        "is what reaches the adjusted cosine that promises one false match in 1,000 at full size; "
        "a picture in which no face is found is not accepted. Faces under "
        f"{SMALLEST} px are refused.",
        "",
        "| face px | found | one person accepted | two people accepted | one person, median |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {one.size} | {one.found:.3f} | {one.true_accepts:.3f} | {one.false_accepts:.1e} "
            f"| {one.median:.3f} |"
            for one in results
        ),
        "",
    ]


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
