"""Logits as evidence in words, and what other evidence adds to the judgement of the detectors."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from forensics.detector import MARKED_UNALTERED
from forensics.references import RESEMBLANCE
from forensics.schema import Evidence, Face, FaceVerdict, Finding, Floats, Label, Map, Reason
from forensics.verdict import Judgement

NO_VOTE = "This detector is not calibrated here: its logit is shown and has no part in the score."
LOWEST_QUALITY = 40
"""The strongest JPEG compression in the detectors' training; below it nobody measured them."""


def findings(
    looks: Sequence[Floats],
    places: Sequence[int],
    score: float | None,
    heatmap: Map | None,
    found_faces: int,
) -> tuple[Finding, ...]:
    """What a detector found, in words.

    Args:
        looks: (k,) logits of P(fake) by crop, of each picture that it looked at.
        places: which of the looks is at the whole picture, and at each face scored.
        score: the detector's own calibrated P(fake) of the picture; None where it has no vote.
        heatmap: where in the picture it sees traces, from those detectors that say; 0 where it
            did not look.
        found_faces: how many faces the picture has, scored or not.
    """
    scored = len(places) - 1
    found = [Finding(_picture_words(looks), score=score)]
    if heatmap is not None:
        found.append(Finding(_map_words(heatmap), heatmap=heatmap))
    found += [
        Finding(_face_words(index, looks[place]), face=index)
        for index, place in enumerate(places[1:])
    ]
    if scored < found_faces:
        found.append(Finding(f"{found_faces} faces were found; the {scored} largest were scored."))
    if score is None:
        found.append(Finding(NO_VOTE))
    return tuple(found)


def measurements(logits: Sequence[Floats]) -> dict[str, float]:
    """Mean and largest logit over all crops, and their number."""
    crops = np.concatenate(logits)
    return {
        "logit_mean": float(crops.mean()),
        "logit_max": float(crops.max()),
        "crops_count": float(crops.size),
    }


def without_calibration(faces: Sequence[Face]) -> Judgement:
    """What can be said where no detector is calibrated: nothing, so one half, from 0 to 1."""
    undecided = [FaceVerdict(face, Label.INCONCLUSIVE, 0.5, (0.0, 1.0)) for face in faces]
    return Judgement(
        label=Label.INCONCLUSIVE,
        score=0.5,
        interval=(0.0, 1.0),
        faces=tuple(undecided),
        reasons=(Reason.NOT_CALIBRATED,),
        operating_points=(),
    )


def with_what_evidence_tells(judgement: Judgement, evidence: Iterable[Evidence]) -> Judgement:
    """Change the label, never the score, where evidence gives cause to.

    A picture unlike all reference pictures, or compressed more strongly than in any training, is
    inconclusive. A valid C2PA manifest whose trusted signer says that the picture was generated
    makes it synthetic.
    """
    facts: dict[str, float] = {}
    for found in evidence:
        facts |= found.measurements
    if _signed_as_generated(facts):
        reasons = (*judgement.reasons, Reason.SIGNED_AS_GENERATED)
        return replace(judgement, label=Label.SYNTHETIC, reasons=reasons)
    for reason in _reasons_to_abstain(facts):
        judgement = _abstaining(judgement, reason)
    return judgement


def _reasons_to_abstain(facts: dict[str, float]) -> Iterator[Reason]:
    if facts.get(RESEMBLANCE, 1.0) < 1:
        yield Reason.OUT_OF_DISTRIBUTION
    if _jpeg_quality(facts) < LOWEST_QUALITY:
        yield Reason.TOO_COMPRESSED


def _signed_as_generated(facts: dict[str, float]) -> bool:
    return (
        facts.get("trusted_signers_count", 0) > 0
        and facts.get("generated_claims_count", 0) > 0
        and facts.get("validation_failures_count", 0) == 0
    )


def _jpeg_quality(facts: dict[str, float]) -> float:
    """The quality of a JPEG file, else the one that the pixels still show, else 100."""
    return facts.get("file_jpeg_quality", facts.get("pixels_jpeg_quality", 100.0))


def _abstaining(judgement: Judgement, reason: Reason) -> Judgement:
    """The same, inconclusive for one more reason, if it is not given yet."""
    return replace(
        judgement,
        label=Label.INCONCLUSIVE,
        faces=tuple(replace(face, label=Label.INCONCLUSIVE) for face in judgement.faces),
        reasons=tuple(dict.fromkeys([*judgement.reasons, reason])),
    )


def _picture_words(logits: Sequence[Floats]) -> str:
    crops = np.concatenate(logits)
    return f"The mean logit over {_count(crops.size)} is {crops.mean():+.2f}, {_side(crops)}."


def _map_words(heatmap: Map) -> str:
    seen = heatmap[heatmap > 0]
    marked = float((seen >= 1 / 2).mean()) if seen.size else 0.0
    return (
        f"The map marks {marked:.0%} of what was looked at, of what was unaltered in its training"
        f" {MARKED_UNALTERED:.0%}; it has no part in the score."
    )


def _face_words(index: int, logits: Floats) -> str:
    mean = f"{logits.mean():+.2f}"
    return f"Face {index + 1}: the mean logit over {_count(logits.size)} is {mean}."


def _side(logits: Floats) -> str:
    if logits.mean() > 0:
        return "on the side of the generated and altered pictures of its training"
    return "on the side of the unaltered photographs of its training"


def _count(crops: int) -> str:
    return f"{crops} crop" if crops == 1 else f"{crops} crops"
