"""What every detector promises, over every detector that is installed."""

from typing import Any

import numpy as np
import pytest

from forensics.detector import CropDetector, Detector, fake_logit, kind_probabilities
from forensics.errors import WeightsUnavailable
from forensics.plugins import entries, load, plugin_class
from forensics.schema import Image

NAMES = sorted(entries("detector"))
SHAPES = [(1, 1), (3, 400), (64, 48), (161, 97), (256, 256), (300, 700)]


def noise(shape: tuple[int, int], seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


@pytest.fixture(scope="module", params=NAMES)
def detector(request: pytest.FixtureRequest) -> Any:
    loaded = load("detector", request.param)
    try:
        loaded.score([noise((8, 8))])
    except WeightsUnavailable as error:
        pytest.skip(str(error))
    return loaded


@pytest.mark.parametrize("shape", SHAPES)
def test_any_size_gets_one_finite_logit(detector: Detector, shape: tuple[int, int]) -> None:
    score = detector.score([noise(shape)])
    assert score.shape == (1,)
    assert score.dtype == np.float32
    assert np.isfinite(score).all()


def test_score_does_not_depend_on_the_batch(detector: Detector) -> None:
    images = [noise((256, 256), seed) for seed in range(3)]
    alone = np.concatenate([detector.score([image]) for image in images])
    assert (detector.score(images) == alone).all()


def test_the_same_picture_gets_the_same_score(detector: Detector) -> None:
    image = noise((200, 300))
    assert detector.score([image]) == detector.score([image.copy()])


def test_memory_layout_does_not_matter(detector: Detector) -> None:
    image = noise((200, 300))
    assert detector.score([np.asfortranarray(image)]) == detector.score([image])


def test_a_picture_is_not_changed_by_being_scored(detector: Detector) -> None:
    image = noise((256, 256))
    before = image.copy()
    detector.score([image])
    assert (image == before).all()


def test_different_pictures_get_different_scores(detector: Detector) -> None:
    flat = np.full((256, 256, 3), 128, np.uint8)
    assert detector.score([flat]) != detector.score([noise((256, 256))])


def test_kinds_are_two_probabilities_that_sum_to_one(detector: Detector) -> None:
    if not isinstance(detector, CropDetector):
        pytest.skip("says nothing of kinds")
    kinds = detector.kinds([noise((256, 256)), noise((64, 64))])
    assert kinds.shape == (2, 2)
    assert np.allclose(kinds.sum(axis=1), 1, atol=1e-6)
    assert (kinds >= 0).all()


def test_no_picture_gets_no_score(detector: Detector) -> None:
    assert detector.score([]).shape == (0,)


@pytest.mark.parametrize("name", NAMES)
def test_a_card_names_its_groups_and_how_to_retrain(name: str) -> None:
    card = entries("detector")[name].card
    assert card.retrain.startswith("forensics train")
    assert card.trained_on
    assert card.known_failures
    assert card.licence_weights or not card.weights


@pytest.mark.parametrize("name", NAMES)
def test_options_have_defaults(name: str) -> None:
    assert plugin_class("detector", name).Options()


def test_the_fake_logit_is_the_log_odds_of_not_real() -> None:
    logits = np.random.default_rng(0).standard_normal((9, 3))
    chance = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    odds = np.log((1 - chance[:, 0]) / chance[:, 0])
    assert np.allclose(fake_logit(logits), odds, atol=1e-5)


def test_kind_probabilities_follow_the_larger_logit() -> None:
    assert kind_probabilities(np.asarray([[0, 5, -5]]))[0] > 0.99
    assert kind_probabilities(np.asarray([[0, -5, 5]]))[1] > 0.99
