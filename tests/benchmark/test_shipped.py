"""Laws of what ships being asked: nothing is looked at twice, old logits meet new thresholds."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from forensics.benchmark.shipped import Shipped
from forensics.detector import CropDetector
from forensics.fitting import OutOfFold, fit_set
from forensics.schema import Floats, Image, Label, ModelCard, Reason
from forensics.verdict import Fusion

NAME = "brightness"


class Brightness(CropDetector):
    """A tenth of the mean grey level above 128, for one crop."""

    def class_logits(self, images: Sequence[Image]) -> list[Floats]:
        return [np.array([[0, (i.mean() - 128) / 10, -30]], np.float32) for i in images]


def fusion(gap: float = 2.0) -> Fusion:
    """Fitted to logits around -gap and gap."""
    rng = np.random.default_rng(0)
    labels = np.arange(2000) % 2
    logits = rng.normal(0, 0.7, 2000) + gap * (2 * labels - 1)
    sources = np.where(labels == 1, "gan", "camera")
    kinds = np.where(labels == 1, "synthetic", "real")
    table = OutOfFold({f"{NAME}.mean": logits}, labels, sources, np.arange(2000).astype(str), kinds)
    fitted = fit_set(table, {NAME: ""}, measured_on="simulated")
    return Fusion(fitted, {NAME: fitted})


def shipped(cache: Path, gap: float = 2.0) -> Shipped:
    card = ModelCard(NAME, "detector", NAME, "grey levels", "RGB", "none", Path())
    return Shipped({NAME: Brightness(card)}, fusion(gap), cache)


def grey(level: int, side: int = 128) -> Image:
    return np.full((side, side, 3), level, np.uint8)


def never() -> Image:
    raise AssertionError("looked at again")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    return shipped(tmp_path_factory.mktemp("asked"))


def test_what_was_said_is_not_asked_again(tmp_path: Path) -> None:
    first = shipped(tmp_path).judge(("photo", "none"), lambda: grey(150))
    again = shipped(tmp_path).judge(("photo", "none"), never)
    assert again.score == first.score
    assert again.logits == first.logits


def test_other_weights_are_asked_anew(tmp_path: Path) -> None:
    before = shipped(tmp_path)
    before.judge(("photo",), lambda: grey(150))
    card = replace(before.detectors[NAME].card, score_version=2)
    after = Shipped({NAME: Brightness(card)}, before.fusion, tmp_path)
    with pytest.raises(AssertionError, match="looked at again"):
        after.judge(("photo",), never)


def test_known_logits_meet_a_new_calibration(tmp_path: Path) -> None:
    before = shipped(tmp_path, gap=2.0).judge(("photo",), lambda: grey(135))
    after = shipped(tmp_path, gap=0.5).judge(("photo",), never)
    assert after.logits[NAME] == before.logits[NAME]
    assert after.score != before.score


@pytest.mark.parametrize(("level", "label"), [(152, Label.SYNTHETIC), (104, Label.NO_TRACES_FOUND)])
def test_it_says_what_the_verdict_says(asked: Shipped, level: int, label: Label) -> None:
    said = asked.judge((str(level),), lambda: grey(level))
    assert said.label is label
    assert said.called == (label is Label.SYNTHETIC)
    assert said.cleared == (label is Label.NO_TRACES_FOUND)
    assert said.logits[NAME] == pytest.approx((level - 128) / 10, abs=1e-3)


def test_a_small_picture_is_never_called_but_its_score_may_be_beyond(asked: Shipped) -> None:
    said = asked.judge(("small",), lambda: grey(152, side=64))
    assert said.beyond
    assert not said.called
    assert Reason.TOO_SMALL in said.reasons


def test_what_lies_past_the_limit_is_unknown(asked: Shipped) -> None:
    near, far = (asked.judge((str(level),), partial(grey, level)) for level in (140, 255))
    assert near.distance < 1 < far.distance
    assert not near.unknown
    assert far.unknown
    assert not far.called


def test_the_fused_logit_of_a_picture_is_that_of_its_verdict(asked: Shipped) -> None:
    said = asked.judge(("140 again",), lambda: grey(140))
    assert asked.fused_logit(grey(140)) == pytest.approx(said.logits["fused"], abs=1e-4)
