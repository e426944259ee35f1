"""Laws of measuring trace makers."""

from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from detectors.clip_pairs import ClipPairsRecipe
from forensics.benchmark.datasets import PictureStore
from forensics.benchmark.fuel import (
    SHEET_SIDE,
    contact_sheet,
    facts_of,
    makers,
    note_energy,
    parameters_of,
    public_photograph,
)
from forensics.benchmark.fuel_mixes import Mix
from forensics.benchmark.tables import Figure
from forensics.commands import fuel_curves
from forensics.commands.fuel import (
    effects,
    makers_table,
    mix_of_curve,
    mixes_of,
)
from forensics.commands.fuel_curves import (
    by_makers,
    choices_of,
    makers_section,
    pairs_section,
)
from forensics.errors import InvalidOption
from forensics.generator import Manipulator
from forensics.plugins import entries, load, read_card
from forensics.schema import Image, Map, ModelCard
from forensics.training import Sample


class Noisy(Manipulator):
    """Adds noise, so that high-frequency energy gives it away."""

    family = "splice"

    def apply(self, images: Sequence[Image], seed: int) -> tuple[list[Image], list[Map]]:
        rng = np.random.default_rng(seed)
        made = [
            np.clip(image + rng.normal(0, 20, image.shape), 0, 255).astype(np.uint8)
            for image in images
        ]
        return made, [np.ones(image.shape[:2], np.float32) for image in images]


class Same(Noisy):
    """Changes nothing."""

    def apply(self, images: Sequence[Image], seed: int) -> tuple[list[Image], list[Map]]:
        return list(images), [np.zeros(image.shape[:2], np.float32) for image in images]


CARD = ModelCard("noisy", "generator", "Noise", "adds noise", "pictures", "Apache-2.0", Path())
PARENTS = [Sample(f"{n}.png", 0, "", "camera", "A", str(n), check=True) for n in range(12)]


def read(sample: Sample) -> Image:
    rng = np.random.default_rng(sample.seed(0))
    return rng.integers(90, 110, (32, 32, 3), dtype=np.uint8)


def constant(maker: type[Noisy]) -> Callable[[Sample], Manipulator]:
    made = maker(CARD)
    return lambda _: made


def test_energy_gives_a_noisy_maker_away_and_not_one_that_changes_nothing() -> None:
    noisy, same = (facts_of("x", constant(maker), PARENTS, read) for maker in (Noisy, Same))
    assert noisy.energy.value == 1
    assert same.energy.value == pytest.approx(0.5)
    assert same.peak_signal > noisy.peak_signal


def test_table_marks_a_maker_above_the_limit_only() -> None:
    facts = [facts_of(maker.__name__, constant(maker), PARENTS, read) for maker in (Noisy, Same)]
    rows = [line for line in makers_table(facts).splitlines() if line.startswith("| ")]
    assert ["above 0.65" in row for row in rows if "Noisy" in row or "Same" in row] == [True, False]


@pytest.mark.parametrize("name", ["inpainting", "real_esrgan", "landmark_swap"])
def test_the_energy_is_noted_in_a_card_and_the_rest_kept(tmp_path: Path, name: str) -> None:
    before = entries("generator")[name].card
    (tmp_path / f"{name}.toml").write_bytes((before.folder / f"{name}.toml").read_bytes())
    facts = replace(facts_of(name, constant(Noisy), PARENTS, read), name=name)
    note_energy(facts, tmp_path)
    card = read_card(tmp_path / f"{name}.toml")
    assert card.figures["high_frequency_energy_auc"] == 1
    assert card.figures["high_frequency_energy_auc_pictures"] == len(PARENTS)
    kept = replace(card, figures=before.figures, folder=before.folder)
    assert kept == before


def test_sheet_has_a_row_of_four_tiles_a_maker(tmp_path: Path) -> None:
    chosen = {"noisy": Noisy(CARD), "same": Same(CARD)}
    contact_sheet(tmp_path / "sheet.png", public_photograph(), chosen)
    with Pillow.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (4 * SHEET_SIDE, 2 * SHEET_SIDE)


def test_every_shipped_maker_is_measured() -> None:
    assert {"reconstruction", "decoders", "self_blended"} <= dict(makers()).keys()


def test_parameters_are_the_numbers_in_the_weights() -> None:
    assert parameters_of(load("generator", "reconstruction")) > 1_000_000
    assert parameters_of(Noisy(CARD)) == 0


RECIPE = ClipPairsRecipe()


def mix(*names: str) -> Mix:
    return Mix("d", names, Path("r"), Path("c"), RECIPE)


def test_mixes_keep_apart_where_they_train() -> None:
    mixes = [mix(), mix("a"), mix("a", "b"), mix("a", "b").with_share(0.5)]
    assert len({each.run("A") for each in mixes}) == 4
    assert mixes[0].title == "rows only"


def test_the_usual_share_of_pairs_is_the_mix_itself_and_none_is_rows_only() -> None:
    assert mix("a").with_share(RECIPE.twins) == mix("a")
    assert mix("a").with_share(0).run("A") == mix().run("A")
    assert mix("a").with_share(0.5).recipe.twins == 0.5


def test_no_mix_gives_no_table() -> None:
    assert effects([], [], None, "clean") == ""  # type: ignore[arg-type]


def test_recipes_reach_the_detector_they_name_and_no_other() -> None:
    args = Namespace(
        mix=[["decoders"]],
        runs=Path("r"),
        cache=Path("c"),
        detector=["clip_pairs", "efficientnet_lite0"],
        recipe=["efficientnet_lite0.crops=96", "clip_pairs.head.pairs=2"],
        most_mixes=[],
    )
    [first], [second] = (mixes_of(name, args) for name in args.detector)
    assert (second.recipe.crops, first.recipe.head.pairs) == (96, 2)
    args.recipe = ["spectrum.crops=96"]
    with pytest.raises(InvalidOption, match="spectrum"):
        mixes_of("clip_pairs", args)


def test_a_detector_may_be_held_to_the_first_mixes(tmp_path: Path) -> None:
    args = Namespace(
        cache=tmp_path,
        runs=tmp_path,
        mix=[[], ["a"], ["b"]],
        detector=["clip_pairs", "efficientnet_lite0"],
        recipe=[],
        most_mixes=["efficientnet_lite0=2"],
    )
    assert [each.makers for each in mixes_of("efficientnet_lite0", args)] == [(), ("a",)]
    assert len(mixes_of("clip_pairs", args)) == 3
    args.most_mixes = ["clip_pairs=some"]
    with pytest.raises(InvalidOption, match="clip_pairs='some'"):
        mixes_of("clip_pairs", args)


def test_the_curve_is_that_of_the_mix_that_was_named_or_of_the_last() -> None:
    mixes = [mix("a"), mix("a", "b")]
    assert mix_of_curve(mixes, []) is mixes[1]
    assert mix_of_curve(mixes, ["a"]) is mixes[0]
    with pytest.raises(InvalidOption, match="c is none"):
        mix_of_curve(mixes, ["c"])


def test_table_of_pairs_has_a_row_a_share(tmp_path: Path) -> None:
    curve = {0.0: Figure(0.6, 0.5, 0.7, 1, 1), 0.25: Figure(0.7, 0.6, 0.8, 1, 1)}
    table = pairs_section(mix("a"), {"clean": curve, "degraded": curve}, tmp_path)
    assert "| 0.25 | .70" in table
    assert (tmp_path / "fuel-pairs.svg").read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.parametrize("number", range(6))
def test_in_choices_of_makers_each_appears_equally_often(number: int) -> None:
    makers = ("a", "b", "c", "d", "e")
    choices = choices_of(makers, number)
    assert len(set(choices)) == len(choices)
    assert all(len(set(one)) == number and sorted(one) == list(one) for one in choices)
    assert len({sum(maker in one for one in choices) for maker in makers}) == 1


def test_the_curve_by_makers_is_the_mean_of_the_choices_between_the_worst_and_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worth = {"a": 0.1, "b": 0.2}

    def told(one: Mix, *_: object) -> dict[str, Figure]:
        value = 0.5 + sum(worth[maker] for maker in one.makers)
        return {"mean": Figure(value, 0.0, 1.0, 3, 4)}

    monkeypatch.setattr(fuel_curves, "left_out_auc", told)
    store = PictureStore(tmp_path, tmp_path)
    curves = by_makers(mix("a"), ("a", "b"), [], store, ["clean"])
    found = [(n, round(f.value, 3), f.low, f.high) for n, f in curves["clean"].items()]
    assert found == [(0.0, 0.5, 0.5, 0.5), (1.0, 0.65, 0.6, 0.7), (2.0, 0.8, 0.8, 0.8)]
    page = makers_section(mix("a"), ("a", "b"), curves, tmp_path)
    assert "| 1 | .65 [.60, .70] |" in page
    assert (tmp_path / "fuel-makers.svg").exists()
