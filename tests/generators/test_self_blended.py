import numpy as np
import pytest

from forensics.commands.demo import portrait
from forensics.media import load_image
from forensics.plugins import load
from forensics.schema import Image
from generators.self_blended import SelfBlended, SelfBlendedOptions, changed

SEEDS = range(8)


@pytest.fixture(scope="module")
def photograph() -> Image:
    return load_image(portrait())


@pytest.fixture(scope="module")
def plugin() -> SelfBlended:
    loaded: SelfBlended = load("generator", "self_blended")
    return loaded


def test_every_seed_blends_another_part(plugin: SelfBlended, photograph: Image) -> None:
    masks = [plugin.apply([photograph], seed)[1][0] for seed in SEEDS]
    assert all(mask.max() > 0 for mask in masks)
    assert len({mask.tobytes() for mask in masks}) == len(SEEDS)


def test_only_the_face_changes(plugin: SelfBlended, photograph: Image) -> None:
    for seed in SEEDS:
        made, masks = plugin.apply([photograph], seed)
        assert np.array_equal(made[0][masks[0] == 0], photograph[masks[0] == 0])
        # Grace Hopper's face fills about a tenth of her portrait.
        assert 0.005 < np.mean(masks[0] > 0) < 0.2


def test_a_picture_without_a_face_comes_back_with_an_empty_mask(plugin: SelfBlended) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    made, masks = plugin.apply([noise], 0)
    assert np.array_equal(made[0], noise)
    assert masks[0].max() == 0


def test_both_faces_of_a_picture_are_blended(plugin: SelfBlended, photograph: Image) -> None:
    pair = np.concatenate([photograph, photograph], axis=1)
    mask = plugin.apply([pair], 1)[1][0]
    width = photograph.shape[1]
    assert mask[:, :width].max() > 0
    assert mask[:, width:].max() > 0


def test_colours_move_by_little(photograph: Image) -> None:
    for seed in SEEDS:
        moved = changed(photograph, np.random.default_rng(seed)).astype(float)
        assert 0 < np.abs(moved - photograph).mean() < 60


@pytest.mark.parametrize("options", [{"move": -0.1}, {"move": 1.0}, {"scale": 1.0}])
def test_options_outside_their_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be 0 or more"):
        SelfBlendedOptions(**options)
