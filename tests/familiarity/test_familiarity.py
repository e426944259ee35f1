"""Laws of when a picture is compared with the references, what is said, and what follows."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics import neural, scoring
from forensics.benchmark.drawn import drawn_picture
from forensics.case import Case
from forensics.errors import CalibrationStale, WeightsUnavailable
from forensics.evidence import familiarity
from forensics.evidence.familiarity import CROPS, Familiarity
from forensics.examination import examine
from forensics.loading import analyses_by_default
from forensics.plugins import backbones, cards, default_detectors, fingerprint, load
from forensics.references import RESEMBLANCE, References
from forensics.schema import Evidence, Face, FaceVerdict, Image, Label, Reason
from forensics.verdict import Judgement
from forensics.weights import find_file, load_tensors

LARGEST = 130_000
"""Bytes."""


@pytest.fixture
def analysis() -> Familiarity:
    loaded: Familiarity = load("analysis", "familiarity")
    return loaded


def noise(height: int, width: int) -> Image:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def judgement(*reasons: Reason) -> Judgement:
    face = Face(np.zeros(4, np.float32), np.zeros((5, 2), np.float32), 0.9)
    of_face = FaceVerdict(face, Label.SYNTHETIC, 0.97, (0.9, 0.99))
    label = Label.INCONCLUSIVE if reasons else Label.SYNTHETIC
    return Judgement(label, 0.97, (0.9, 0.99), (of_face,), reasons, ())


def told(ratio: float, *reasons: Reason) -> Judgement:
    return scoring.with_what_evidence_tells(
        judgement(*reasons), [Evidence((), {RESEMBLANCE: ratio})]
    )


def test_a_picture_unlike_all_references_gets_no_verdict_and_keeps_its_score() -> None:
    found = told(0.99)
    assert found.label is Label.INCONCLUSIVE
    assert found.faces[0].label is Label.INCONCLUSIVE
    assert found.reasons == (Reason.OUT_OF_DISTRIBUTION,)
    assert (found.score, found.interval) == (0.97, (0.9, 0.99))


@pytest.mark.parametrize("ratio", [1.0, 3.0])
def test_a_picture_like_one_of_them_keeps_its_verdict(ratio: float) -> None:
    assert told(ratio).label is Label.SYNTHETIC
    assert told(ratio).reasons == ()


def test_the_reason_is_given_once_where_the_logits_are_strange_too() -> None:
    assert told(0.5, Reason.OUT_OF_DISTRIBUTION).reasons == (Reason.OUT_OF_DISTRIBUTION,)


def test_where_nothing_was_compared_the_logits_alone_decide() -> None:
    found = scoring.with_what_evidence_tells(judgement(), [Evidence(())])
    assert found.reasons == ()


@pytest.mark.parametrize("kind", ["page of text", "chart", "drawing"])
def test_drawings_resemble_no_reference(
    clip: None, analysis: Familiarity, case_of: Callable[[Image], Case], kind: str
) -> None:
    found = analysis.examine(case_of(drawn_picture(kind, 101)))
    assert found.measurements[RESEMBLANCE] < 1
    assert "resembles none of the 1000 reference pictures" in found.findings[0].statement


def test_the_verdict_on_a_page_of_text_is_that_it_resembles_nothing(
    clip: None, tmp_path: Path
) -> None:
    path = tmp_path / "page.png"
    Pillow.fromarray(drawn_picture("page of text", 102)).save(path)
    verdict = examine(path, analyses=["familiarity"])
    assert verdict.label is Label.INCONCLUSIVE
    assert Reason.OUT_OF_DISTRIBUTION in verdict.reasons


def test_the_references_resemble_themselves(analysis: Familiarity) -> None:
    references = analysis.references
    length = np.linalg.norm(references.places, axis=1, keepdims=True)
    near = np.sort(references.places @ (references.places / length).T, axis=0)
    assert (near[-references.neighbour] > references.limit).mean() > 0.98


def test_the_sentence_states_the_similarity_the_limit_and_what_was_counted(
    analysis: Familiarity, case_of: Callable[[Image], Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    middle = analysis.references.middle[None]
    monkeypatch.setattr(Familiarity, "tokens", lambda self, image: middle)
    [finding] = analysis.examine(case_of(noise(120, 120))).findings
    assert "similarity 0.00;" in finding.statement
    assert f"{analysis.references.limit:.2f} is the least" in finding.statement
    assert f"of {analysis.card.figures['left_out_pictures']} pictures" in finding.statement


def test_small_pictures_are_not_compared(
    analysis: Familiarity, case_of: Callable[[Image], Case]
) -> None:
    found = analysis.examine(case_of(noise(95, 500)))
    assert "under 96 px" in found.findings[0].statement
    assert not found.measurements


def test_without_clip_the_reason_is_said(
    analysis: Familiarity, case_of: Callable[[Image], Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(crop: Image) -> neural.ClipReading:
        raise WeightsUnavailable("CLIP is not here; get it with: forensics weights pull")

    monkeypatch.setattr(familiarity, "clip_reading", missing)
    found = analysis.examine(case_of(noise(120, 120)))
    assert "weights pull" in found.findings[0].statement
    assert not found.measurements


def test_references_read_by_another_clip_are_refused(
    analysis: Familiarity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(analysis.card.recipe, "backbone", "another")
    with pytest.raises(CalibrationStale, match="forensics familiarity"):
        _ = analysis.references


def test_beside_clip_pairs_it_computes_nothing_anew(
    clip: None, analysis: Familiarity, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = noise(300, 500)
    detector = load("detector", "clip_pairs")
    assert detector.options.crops == CROPS
    tokens = analysis.tokens(picture)
    monkeypatch.setattr(neural, "session", lambda path: pytest.fail("computed again"))
    np.testing.assert_array_equal(detector.features(picture)[:, neural.CLIP_WIDTH :], tokens)


def test_it_comes_only_beside_a_detector_on_the_same_backbone() -> None:
    assert "familiarity" in analyses_by_default("", default_detectors())
    assert "familiarity" not in analyses_by_default("", ["efficientnet_lite0", "spectrum"])


def test_the_card_names_this_clip_and_a_small_file() -> None:
    card = cards("analysis")["familiarity"]
    assert card.recipe["backbone"] == fingerprint(backbones()["clip_vit_b16"])
    [weights] = card.weights
    path = find_file(card, weights)
    assert path
    assert path.stat().st_size < LARGEST
    assert 0 < References.read(load_tensors(card)).limit < 1
