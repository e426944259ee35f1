from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import forensics
from forensics import loading, scoring
from forensics.case import Case
from forensics.detector import CropDetector, Localiser
from forensics.errors import BrokenPlugin, NotCalibrated, UnknownPlugin, WeightsUnavailable
from forensics.examination import Examiner, examine, examine_each
from forensics.schema import Evidence, Face, Floats, Image, Label, Reason, Verdict
from forensics.stages import Failure
from forensics.verdict import Judgement

Replace = Callable[..., None]


def test_the_last_stage_alone_carries_the_verdict(detectors: Replace, picture: Path) -> None:
    detectors(a="crops")
    stages = list(Examiner().stages(picture))
    assert [stage.done for stage in stages] == list(range(stages[-1].total + 1))
    assert [stage.verdict is not None for stage in stages[-2:]] == [False, True]


def test_every_plugin_has_a_stage_and_gives_evidence(detectors: Replace, picture: Path) -> None:
    detectors(a="crops")
    *stages, last = Examiner(analyses=["metadata"]).stages(picture)
    assert {"metadata", "a"} <= {stage.name for stage in stages}
    assert last.verdict is not None
    assert list(last.verdict.evidence) == ["metadata", "a"]


def test_what_runs_aside_keeps_its_place_and_its_blame(
    detectors: Replace, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detectors(a="crops")
    examiner = Examiner(analyses=["copy_move", "metadata"])
    *stages, last = examiner.stages(picture)
    assert [stage.name for stage in stages[2:5]] == ["metadata", "a", "copy_move"]
    assert last.verdict is not None
    assert list(last.verdict.evidence) == ["copy_move", "metadata", "a"]
    monkeypatch.setattr(examiner.analyses["copy_move"], "examine", lambda case: 1 / 0)
    with pytest.raises(BrokenPlugin, match="copy_move failed on"):
        examiner.examine(picture)


def test_the_same_file_gives_the_same_verdict(detectors: Replace, picture: Path) -> None:
    detectors(a="crops")
    first, second = (examine(picture, analyses=[]) for _ in range(2))
    assert first.score == second.score
    assert first.evidence["a"].measurements == second.evidence["a"].measurements


def test_a_default_detector_without_weights_is_left_out_and_named(
    detectors: Replace, picture: Path
) -> None:
    detectors(a="crops", b=None)
    verdict = examine(picture, analyses=[])
    assert Reason.DETECTOR_MISSING in verdict.reasons
    assert "forensics weights pull" in verdict.evidence["b"].findings[0].statement


def test_a_detector_asked_for_by_name_must_have_its_weights(detectors: Replace) -> None:
    detectors(a="crops", b=None)
    with pytest.raises(WeightsUnavailable):
        Examiner(detectors=["b"])


def test_an_unknown_detector_is_refused() -> None:
    with pytest.raises(UnknownPlugin, match="crystal_ball"):
        Examiner(detectors=["crystal_ball"])


def test_fast_and_detectors_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="either"):
        Examiner(detectors=["spectrum"], fast=True)


def test_fast_asks_the_quick_detector_alone(detectors: Replace, picture: Path) -> None:
    detectors(clip_pairs="crops", clip_glance="crops")
    verdict = examine(picture, analyses=[], fast=True)
    assert set(verdict.evidence) == {"clip_glance"}
    assert "clip_pairs" in verdict.not_run


@pytest.mark.parametrize("fast", [True, False])
def test_the_look_at_a_face_that_fills_the_picture_is_the_look_at_the_picture(
    detectors: Replace, picture: Path, monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    detectors(clip_glance="crops")
    boxes = [np.array(box, np.float32) for box in ([0, 0, 60, 44], [0, 0, 20, 20])]
    faces = [Face(box, np.zeros((5, 2), np.float32), 0.9) for box in boxes]
    monkeypatch.setattr(Case, "faces", faces)
    verdict = examine(picture, analyses=[], detectors=None if fast else ["clip_glance"], fast=fast)
    of_picture_and_small_face = 2 * 2
    measured = verdict.evidence["clip_glance"].measurements
    assert measured["crops_count"] == of_picture_and_small_face
    assert [found.face.size for found in verdict.faces] == [44, 20]


def test_a_plain_detector_is_shown_and_has_no_vote(detectors: Replace, picture: Path) -> None:
    detectors(a="plain")
    verdict = examine(picture, analyses=[])
    assert verdict.reasons == (Reason.NOT_CALIBRATED,)
    assert scoring.NO_VOTE in [found.statement for found in verdict.evidence["a"].findings]


def test_an_uncalibrated_detector_does_not_silence_the_others(
    detectors: Replace, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detectors(a="crops", newcomer="crops")
    calibrated = vars(loading)["load_fusion"]

    def load_fusion(names: list[str]) -> object:
        if "newcomer" in names:
            raise NotCalibrated("newcomer was never calibrated")
        return calibrated(names)

    monkeypatch.setattr(loading, "load_fusion", load_fusion)
    verdict = examine(picture, analyses=[])
    assert Reason.NOT_CALIBRATED not in verdict.reasons
    assert verdict.evidence["newcomer"].findings[0].score is None


def test_the_map_of_a_localiser_becomes_a_finding_that_says_how_much_it_marks(
    detectors: Replace, picture: Path
) -> None:
    class Locating(CropDetector, Localiser):
        def class_logits(self, images: Sequence[Image]) -> list[Floats]:
            return [np.zeros((1, 3), np.float32) for _ in images]

        def locate(self, images: Sequence[Image]) -> list[Floats]:
            drawn = [np.zeros(image.shape[:2], np.float32) for image in images]
            for one in drawn:
                # It looked at the upper half, and marks a quarter of that.
                one[:24], one[:12, :32] = 0.2, 0.9
            return drawn

    detectors(a=Locating)
    about_the_score, about_the_map = examine(picture, analyses=[]).evidence["a"].findings[:2]
    assert about_the_score.heatmap is None
    assert about_the_map.heatmap is not None
    assert about_the_map.heatmap.shape == (48, 64)
    assert about_the_map.statement.startswith("The map marks 25% ")
    assert about_the_map.score is None


def test_the_analysis_of_signatures_is_told_whom_to_trust(
    detectors: Replace, tmp_path: Path
) -> None:
    detectors(a="crops")
    block = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n"
    (tmp_path / "anchors.pem").write_text(block)
    examiner = Examiner(trust_anchors=tmp_path / "anchors.pem")
    assert examiner.analyses["provenance"].options.trust_anchors == str(tmp_path / "anchors.pem")


def test_a_failing_plugin_is_named_with_the_file(detectors: Replace, picture: Path) -> None:
    class Failing(CropDetector):
        def class_logits(self, images: Sequence[Image]) -> list[Floats]:
            raise ZeroDivisionError("by nought")

    detectors(a=Failing)
    with pytest.raises(
        BrokenPlugin, match=r"a failed on .*photo.png: ZeroDivisionError: by nought"
    ):
        examine(picture, analyses=[])


def test_a_file_that_fails_does_not_stop_the_rest(
    detectors: Replace, picture: Path, tmp_path: Path
) -> None:
    detectors(a="crops")
    missing = tmp_path / "missing.jpg"
    first, second = examine_each([missing, picture], analyses=[])
    assert isinstance(first, Failure)
    assert first.path == missing
    assert isinstance(second, Verdict)


def test_of_a_crowd_the_largest_faces_are_scored_and_the_rest_is_told(
    detectors: Replace, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detectors(a="crops")
    boxes = [np.array([0, 0, side, side], np.float32) for side in range(10, 30)]
    crowd = [Face(box, np.zeros((5, 2), np.float32), 0.9) for box in boxes]
    monkeypatch.setattr(Case, "faces", crowd)
    verdict = examine(picture, analyses=[])
    assert [found.face.size for found in verdict.faces] == list(range(14, 30))
    assert "20 faces were found; the 16 largest were scored." in [
        found.statement for found in verdict.evidence["a"].findings
    ]


def test_the_logits_of_a_picture_are_those_of_all_its_crops() -> None:
    rows = [np.array([1.0, 3.0], np.float32), np.array([8.0], np.float32)]
    assert scoring.measurements(rows) == {"logit_mean": 4, "logit_max": 8, "crops_count": 3}


@pytest.mark.parametrize(
    ("facts", "label"),
    [
        ({}, Label.NO_TRACES_FOUND),
        ({"file_jpeg_quality": 90.0}, Label.NO_TRACES_FOUND),
        ({"file_jpeg_quality": 20.0}, Label.INCONCLUSIVE),
        ({"trusted_signers_count": 1.0, "generated_claims_count": 1.0}, Label.SYNTHETIC),
        # The same claim from an unknown signer, and from one whose manifest does not hold.
        ({"trusted_signers_count": 0.0, "generated_claims_count": 1.0}, Label.NO_TRACES_FOUND),
        (
            {
                "trusted_signers_count": 1.0,
                "generated_claims_count": 1.0,
                "validation_failures_count": 1.0,
            },
            Label.NO_TRACES_FOUND,
        ),
    ],
)
def test_the_file_changes_the_label_only_where_it_gives_cause(
    facts: dict[str, float], label: Label
) -> None:
    judgement = Judgement(Label.NO_TRACES_FOUND, 0.1, (0.05, 0.2), (), (), ())
    changed = scoring.with_what_evidence_tells(judgement, [Evidence((), facts)])
    assert changed.label is label
    assert changed.score == judgement.score
    assert bool(changed.reasons) == (changed.label is not judgement.label)


def test_a_picture_saved_below_every_training_quality_is_too_compressed(
    detectors: Replace, image: Image, tmp_path: Path
) -> None:
    detectors(a="crops")
    Pillow.fromarray(image).save(tmp_path / "low.jpg", quality=15)
    verdict = examine(tmp_path / "low.jpg", analyses=["error_level"])
    assert verdict.reasons == (Reason.TOO_COMPRESSED,)


def test_the_front_door_is_the_same_function() -> None:
    assert forensics.examine is examine
    assert forensics.examine_each is examine_each
