"""Laws of degradations: what is written is what is done, and nothing sees the label."""

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.augmentation import jpeg
from forensics.benchmark.degrade import STEPS, Chain, chains_of, every_chain
from forensics.errors import InvalidOption
from forensics.schema import Image
from forensics.traces.jpeg import image_quality


def picture(height: int = 96, width: int = 128) -> Image:
    y, x = np.mgrid[:height, :width]
    waves = 127 + 80 * np.sin(x / 9) * np.cos(y / 7)
    noise = np.random.default_rng(1).normal(0, 12, (height, width, 3))
    given: Image = np.clip(waves[..., None] + noise, 0, 255).astype(np.uint8)
    return given


def the(spec: str) -> Chain:
    (chain,) = chains_of(spec)
    return chain


def test_a_comma_gives_two_chains_and_a_plus_gives_one() -> None:
    assert [str(chain) for chain in chains_of("jpeg:75,50")] == ["jpeg:75", "jpeg:50"]
    assert [str(chain) for chain in chains_of("resize:0.5+jpeg:75,50")] == [
        "resize:0.5+jpeg:75",
        "resize:0.5+jpeg:50",
    ]


def test_the_chain_of_first_light_is_a_chain_like_any_other() -> None:
    given = picture()
    half = Pillow.fromarray(given).resize((64, 48), Pillow.Resampling.BICUBIC)
    expected = jpeg(np.asarray(half), 75)
    assert (the("resize:0.5+jpeg:75").apply(given, 3) == expected).all()


def test_the_empty_chain_changes_nothing() -> None:
    assert the("none") == Chain()
    assert (Chain().apply(picture(), 0) == picture()).all()


@pytest.mark.parametrize("spec", ["noise:5", "crop", "screenshot", "social"])
def test_the_same_picture_is_degraded_the_same_way_again(spec: str) -> None:
    first, again = (the(spec).apply(picture(), 7) for _ in range(2))
    assert first.shape == again.shape
    assert (first == again).all()
    other = the(spec).apply(picture(), 8)
    assert other.shape != first.shape or (other != first).any()


@pytest.mark.parametrize(
    "spec", [f"{name}:{kind.example}".rstrip(":") for name, kind in STEPS.items()]
)
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (9, 7), (300, 200)])
def test_every_step_takes_every_size(spec: str, shape: tuple[int, int]) -> None:
    degraded = the(spec).apply(picture(*shape), 0)
    assert degraded.dtype == np.uint8
    assert min(degraded.shape[:2]) >= 1
    assert degraded.shape[2] == 3


def test_amounts_mean_what_they_say() -> None:
    given = picture(200, 160)
    assert the("resize:0.5").apply(given, 0).shape == (100, 80, 3)
    assert the("crop:0.5").apply(given, 0).shape == (100, 80, 3)
    flat = np.full((200, 200, 3), 128, np.uint8)
    assert the("noise:5").apply(flat, 0).std() == pytest.approx(5, rel=0.05)
    assert the("blur:2").apply(given, 0).std() < given.std()
    assert image_quality(the("jpeg:60").apply(given, 0)) == 60


def test_a_social_network_leaves_a_small_jpeg() -> None:
    shared = the("social").apply(picture(1500, 2400), 0)
    assert max(shared.shape) <= 1080
    found = image_quality(shared)
    assert found is not None
    assert 68 <= found <= 88


@pytest.mark.parametrize(
    "wrong",
    [
        "jepg:75",
        "jpeg",
        "jpeg:many",
        "jpeg:101",
        "resize:0",
        "social:3",
        "",
        "jpeg:75+",
        "none+jpeg:75",
        "a" * 999,
        "+".join(["crop"] * 9),
        "jpeg:" + ",".join(["50"] * 70),
        "noise:nan",
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(wrong: str) -> None:
    with pytest.raises(InvalidOption):
        chains_of(wrong)


def test_chains_named_twice_are_done_once() -> None:
    assert [str(c) for c in every_chain(["jpeg:75", "jpeg:50,75"])] == ["jpeg:75", "jpeg:50"]
