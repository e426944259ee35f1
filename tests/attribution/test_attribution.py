"""Laws of what is said of a picture's family, and of when it is looked for at all."""

from collections.abc import Callable

import numpy as np
import pytest

from forensics import neural
from forensics.case import Case
from forensics.errors import WeightsUnavailable
from forensics.evidence import attribution
from forensics.evidence.attribution import ASSUMED, CROPS, Attribution
from forensics.families import FAMILIES, FamilySpace
from forensics.loading import analyses_by_default
from forensics.plugins import cards, default_detectors, load
from forensics.schema import Floats, Image
from forensics.weights import find_file, load_tensors

LARGEST = 300_000
"""Bytes."""


@pytest.fixture
def analysis() -> Attribution:
    loaded: Attribution = load("analysis", "attribution")
    return loaded


def noise(height: int, width: int) -> Image:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def placed(space: FamilySpace, number: int) -> Floats:
    """A feature vector like a family's first generator, and unlike all others."""
    centre = space.centres[int(np.flatnonzero(space.families == number)[0])]
    beyond = centre + 0.5 * (centre - space.centres.mean(axis=0))
    found = np.linalg.lstsq(space.directions.T, beyond - space.offset, rcond=None)[0]
    return np.asarray(found, np.float32)


def test_noise_is_of_an_unknown_family(
    clip: None, analysis: Attribution, case_of: Callable[[Image], Case]
) -> None:
    [finding] = analysis.examine(case_of(noise(224, 224))).findings
    assert finding.statement.startswith(f"{ASSUMED} of an unknown family")


@pytest.mark.parametrize("number", range(1, len(FAMILIES) + 1))
def test_a_picture_like_those_of_a_family_gets_its_name_and_the_counts(
    number: int,
    analysis: Attribution,
    case_of: Callable[[Image], Case],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inside = placed(analysis.space, number)
    monkeypatch.setattr(attribution, "clip_means", lambda image, crops: inside[None])
    found = analysis.examine(case_of(noise(120, 120)))
    right, count = analysis.card.figures["right"][FAMILIES[number - 1].name]
    [finding] = found.findings
    assert f"most like those of {FAMILIES[number - 1].title}." in finding.statement
    assert f"Of {count} held-out pictures" in finding.statement
    assert f" {100 * right / count:.0f} % (" in finding.statement
    assert sum(found.measurements.values()) == pytest.approx(1)


def test_small_pictures_get_no_name(
    analysis: Attribution, case_of: Callable[[Image], Case]
) -> None:
    found = analysis.examine(case_of(noise(95, 500)))
    assert "under 96 px" in found.findings[0].statement
    assert not found.measurements


def test_without_clip_the_reason_is_said(
    analysis: Attribution, case_of: Callable[[Image], Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(image: Image, at_most: int) -> Floats:
        raise WeightsUnavailable("CLIP is not here; get it with: forensics weights pull")

    monkeypatch.setattr(attribution, "clip_means", missing)
    [finding] = analysis.examine(case_of(noise(120, 120))).findings
    assert "weights pull" in finding.statement


def test_beside_clip_pairs_it_computes_nothing_anew(
    clip: None, analysis: Attribution, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = noise(300, 500)
    detector = load("detector", "clip_pairs")
    assert detector.options.crops == CROPS
    analysis.features(picture)
    monkeypatch.setattr(neural, "session", lambda path: pytest.fail("computed again"))
    assert np.isfinite(detector.score([picture])).all()


def test_it_comes_only_beside_a_detector_on_the_same_backbone() -> None:
    assert "attribution" in analyses_by_default("", default_detectors())
    assert "attribution" not in analyses_by_default("", ["efficientnet_lite0", "spectrum"])


def test_the_card_counts_every_family_and_its_weights_are_small() -> None:
    card = cards("analysis")["attribution"]
    names = {family.name for family in FAMILIES}
    assert set(card.figures["right"]) == set(card.figures["strangers"]) == names
    [weights] = card.weights
    path = find_file(card, weights)
    assert path
    assert path.stat().st_size < LARGEST
    assert set(FamilySpace.read(load_tensors(card)).families.tolist()) == set(
        range(len(FAMILIES) + 1)
    )
