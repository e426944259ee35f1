import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forensics import plugins
from forensics.errors import CalibrationStale, ForensicsError
from forensics.fitting import OutOfFold, fit_all
from forensics.plugins import fingerprint
from forensics.schema import Face, Floats, Label, ModelCard, Reason
from forensics.verdict import Fusion, bucket_of, load_fusion

NAMES = ("efficientnet_lite0", "spectrum")
PICTURE = (400, 300)


def card(name: str, score_version: int = 1) -> ModelCard:
    return ModelCard(name, "detector", name, "", "", "", Path(), score_version=score_version)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 3000)
    inputs = {
        name: rng.normal(0, 0.5, 3000) + 4 * labels - 2
        for name in ("efficientnet_lite0.mean", "spectrum.mean")
    }
    sources, clusters = np.where(labels == 1, "gan", "camera"), np.arange(3000).astype(str)
    kinds = np.where(labels == 1, "synthetic", "real")
    table = OutOfFold(inputs, labels, sources, clusters, kinds)
    contents = fit_all(table, {n: fingerprint(card(n)) for n in NAMES}, measured_on="simulated")
    path = tmp_path_factory.mktemp("calibration") / "fusion.json"
    path.write_text(json.dumps(contents), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def known_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "cards", lambda kind: {name: card(name) for name in NAMES})


@pytest.fixture
def fusion(stored: Path) -> Fusion:
    return load_fusion(NAMES, stored)


def crops(logit: float, *, manipulated: bool = False, count: int = 3) -> Floats:
    # With the third class far away, log(e^x + e^-30) - 0 = x is the logit of P(fake).
    row = [0.0, -30.0, logit] if manipulated else [0.0, logit, -30.0]
    return np.asarray([row] * count, dtype=np.float32)


def everywhere(*views: Floats) -> Mapping[str, list[Floats]]:
    return {name: list(views) for name in NAMES}


def face(size: float = 100) -> Face:
    box = np.asarray([0, 0, size, size], dtype=np.float32)
    return Face(box, np.zeros((5, 2), dtype=np.float32), 0.99)


def test_strong_traces_are_called(fusion: Fusion) -> None:
    judgement = fusion.judge(everywhere(crops(2.0)), [], PICTURE)
    assert judgement.label == Label.SYNTHETIC
    assert judgement.score > judgement.operating_points[0].threshold
    assert judgement.reasons == ()


def test_kind_follows_the_larger_class(fusion: Fusion) -> None:
    judgement = fusion.judge(everywhere(crops(2.0, manipulated=True)), [], PICTURE)
    assert judgement.label == Label.MANIPULATED


def test_low_scores_show_no_traces(fusion: Fusion) -> None:
    assert fusion.judge(everywhere(crops(-2.0)), [], PICTURE).label == Label.NO_TRACES_FOUND


def test_score_never_falls_when_a_detector_rises(fusion: Fusion) -> None:
    for name in NAMES:
        scores = [
            fusion.judge({**everywhere(crops(0.0)), name: [crops(x)]}, [], PICTURE).score
            for x in np.linspace(-3, 3, 13)
        ]
        assert np.all(np.diff(scores) >= 0)


def test_interval_holds_the_score_of_picture_and_face(fusion: Fusion) -> None:
    judged = fusion.judge(everywhere(crops(0.3), crops(0.6)), [face()], PICTURE)
    (of_face,) = judged.faces
    assert judged.interval[0] <= judged.score <= judged.interval[1]
    assert of_face.interval[0] <= of_face.score <= of_face.interval[1]


def test_between_the_thresholds_the_evidence_is_weak(fusion: Fusion) -> None:
    # Thresholds pulled apart, so that something lies between them.
    chosen = fusion.chosen.calibrations["1"]
    wide = replace(chosen, clear=replace(chosen.clear, threshold=0.01))
    wide = replace(wide, call=replace(chosen.call, threshold=0.999))
    patched = Fusion(
        replace(fusion.chosen, calibrations={**fusion.chosen.calibrations, "1": wide}),
        fusion.singles,
    )
    judgement = patched.judge(everywhere(crops(0.0)), [], PICTURE)
    assert judgement.label == Label.INCONCLUSIVE
    assert judgement.reasons == (Reason.WEAK_EVIDENCE,)


def test_small_pictures_get_no_verdict(fusion: Fusion) -> None:
    judgement = fusion.judge(everywhere(crops(2.0)), [], (95, 400))
    assert judgement.label == Label.INCONCLUSIVE
    assert Reason.TOO_SMALL in judgement.reasons
    assert fusion.judge(everywhere(crops(2.0)), [], (96, 400)).label == Label.SYNTHETIC


def test_small_faces_get_no_verdict_and_have_no_vote(fusion: Fusion) -> None:
    for size, label in ((47, Label.INCONCLUSIVE), (48, Label.SYNTHETIC)):
        judged = fusion.judge(everywhere(crops(-2.0), crops(2.0)), [face(size)], PICTURE)
        assert judged.faces[0].label == label
        assert (judged.score > 0.5) == (size == 48)


def test_confident_detectors_of_opposite_mind_abstain(fusion: Fusion) -> None:
    opposed = {"efficientnet_lite0": [crops(2.0)], "spectrum": [crops(-2.0)]}
    judgement = fusion.judge(opposed, [], PICTURE)
    assert judgement.label == Label.INCONCLUSIVE
    assert Reason.DETECTORS_DISAGREE in judgement.reasons


def test_inputs_unlike_any_calibration_picture_abstain(fusion: Fusion) -> None:
    judgement = fusion.judge(everywhere(crops(60.0)), [], PICTURE)
    assert judgement.label == Label.INCONCLUSIVE
    assert Reason.OUT_OF_DISTRIBUTION in judgement.reasons


def test_score_of_a_picture_is_the_largest_of_its_views(fusion: Fusion) -> None:
    judged = fusion.judge(everywhere(crops(-2.0), crops(-1.0), crops(1.9)), [face()] * 2, PICTURE)
    assert judged.score == max(said.score for said in judged.faces)


def test_each_face_gets_the_verdict_of_its_own_crops(fusion: Fusion) -> None:
    judged = fusion.judge(everywhere(crops(-2.0), crops(-2.0), crops(2.0)), [face()] * 2, PICTURE)
    assert judged.faces[0].label == Label.NO_TRACES_FOUND
    assert judged.faces[1].label == Label.SYNTHETIC


def test_a_face_that_fills_the_picture_is_no_view_of_its_own(fusion: Fusion) -> None:
    rows = everywhere(crops(-2.0), crops(2.0))
    filling, apart = (fusion.judge(rows, [face(size)], PICTURE) for size in (180, 170))
    assert filling.score < 0.5 < apart.score
    assert filling.operating_points == fusion.judge(rows_of_one(rows), [], PICTURE).operating_points


def rows_of_one(rows: Mapping[str, list[Floats]]) -> Mapping[str, list[Floats]]:
    return {name: views[:1] for name, views in rows.items()}


def test_views_choose_the_operating_points(fusion: Fusion) -> None:
    rows = everywhere(*[crops(0.0)] * 6)
    points = fusion.judge(rows, [face()] * 5, PICTURE).operating_points
    calibration = fusion.chosen.calibrations["5+"]
    assert points == (calibration.call, calibration.clear)


@pytest.mark.parametrize(
    ("views", "bucket"), [(1, "1"), (2, "2-4"), (4, "2-4"), (5, "5+"), (300, "5+")]
)
def test_every_number_of_views_has_a_bucket(views: int, bucket: str) -> None:
    assert bucket_of(views) == bucket


def test_detectors_without_calibration_have_no_vote(fusion: Fusion) -> None:
    more = {**everywhere(crops(-2.0)), "stranger": [crops(50.0)]}
    assert fusion.judge(more, [], PICTURE).score == pytest.approx(
        fusion.judge(everywhere(crops(-2.0)), [], PICTURE).score
    )


def test_missing_crops_are_refused(fusion: Fusion) -> None:
    with pytest.raises(ValueError, match="must give 2 arrays"):
        fusion.judge(everywhere(crops(0.0)), [face()], PICTURE)


def test_other_weights_make_a_calibration_stale(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {"efficientnet_lite0": card("efficientnet_lite0"), "spectrum": card("spectrum", 2)}
    monkeypatch.setattr(plugins, "cards", lambda kind: changed)
    with pytest.raises(CalibrationStale, match=r"spectrum has other weights.*forensics calibrate"):
        load_fusion(NAMES, stored)


def test_other_words_in_a_card_do_not(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = {name: replace(card(name), title="Another title") for name in NAMES}
    monkeypatch.setattr(plugins, "cards", lambda kind: changed)
    assert load_fusion(NAMES, stored).detectors == NAMES


def test_a_set_that_was_never_calibrated_says_so(stored: Path) -> None:
    with pytest.raises(ForensicsError, match=r"clip_pairs\+spectrum was never calibrated"):
        load_fusion(["spectrum", "clip_pairs"], stored)


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ForensicsError, match="forensics calibrate"):
        load_fusion(NAMES, tmp_path / "fusion.json")


def test_another_format_is_stale(tmp_path: Path) -> None:
    (tmp_path / "fusion.json").write_text('{"version": 0, "sets": {}}', encoding="utf-8")
    with pytest.raises(CalibrationStale, match="format 0"):
        load_fusion(NAMES, tmp_path / "fusion.json")
