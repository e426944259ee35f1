import json
from collections import Counter
from pathlib import Path

import pytest

from forensics.choosing import FAST_DETECTORS
from forensics.errors import BrokenPlugin, UnknownPlugin
from forensics.fusion import set_key
from forensics.plugins import (
    PACKAGES,
    backbones,
    cards,
    default_detectors,
    entries,
    find_card,
    fingerprint,
    plugin_class,
    read_card,
)
from forensics.schema import ModelCard, WeightFile

ROOT = Path(__file__).resolve().parents[2]
EVERY = [(kind, name) for kind in PACKAGES for name in entries(kind)]
FIELDS = (
    'kind = "detector"\ntitle = "T"\nlooks_at = "l"\ninput = "i"\nlicence_code = "Apache-2.0"\n'
)


def card(**changes: object) -> ModelCard:
    facts: dict[str, object] = {
        "name": "n",
        "kind": "detector",
        "title": "T",
        "looks_at": "l",
        "input": "i",
        "licence_code": "c",
        "folder": Path(),
        "weights": (WeightFile("n.onnx", "0" * 64),),
    }
    return ModelCard(**{**facts, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_every_card_has_a_class_of_its_kind(kind: str, name: str) -> None:
    assert issubclass(plugin_class(kind, name), _contract(kind))


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_a_card_states_its_kind_and_licences(kind: str, name: str) -> None:
    told = cards(kind)[name]
    assert told.kind == kind
    assert told.licence_code
    assert bool(told.licence_weights) == bool(told.weights)


@pytest.mark.parametrize("package", PACKAGES.values())
def test_every_public_plugin_file_has_a_card(package: str) -> None:
    folder = ROOT / package.replace(".", "/")
    packages = {path.parent.name for path in folder.glob("[!_]*/__init__.py")}
    files = {path.stem for path in folder.glob("[!_]*.py")} | packages
    assert files == {path.stem for path in folder.glob("*.toml")}


def test_names_are_unique_over_all_kinds() -> None:
    counts = Counter([name for _, name in EVERY] + list(backbones()))
    assert not [name for name, count in counts.items() if count > 1]


def test_required_backbones_exist() -> None:
    needed = {name for kind, _ in EVERY for told in cards(kind).values() for name in told.requires}
    assert needed <= set(backbones())


def test_licence_files_named_by_cards_exist() -> None:
    told = [*backbones().values(), *(cards(kind)[name] for kind, name in EVERY)]
    words = " ".join(told_card.licence_weights for told_card in told).split()
    named = [word.strip("();,.") for word in words if word.startswith(("LICENSES/", "(LICENSES/"))]
    assert named
    assert not [name for name in named if not (ROOT / f"{name}").is_file()]


def test_recipes_that_are_there_to_be_compared_are_not_used_by_default() -> None:
    compared = {name for name, told in cards("detector").items() if not told.by_default}
    assert {"clip_linear", "clip_blocks", "dct_frank", "azimuthal"} <= compared
    assert set(default_detectors()) == set(entries("detector")) - compared


def test_fused_sets_hold_the_default_detectors_and_the_quick_ones() -> None:
    stored = json.loads((ROOT / "detectors" / "fusion.json").read_text(encoding="utf-8"))
    assert {name for told in stored["sets"].values() for name in told["cards"]} == {
        *default_detectors(),
        *FAST_DETECTORS,
    }
    assert set_key(FAST_DETECTORS) in stored["sets"]


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownPlugin, match="mtcnn"):
        find_card("nobody")


def test_an_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(UnknownPlugin, match="detector"):
        entries("sculptor")


@pytest.mark.parametrize("wrong", ["kind = ", FIELDS + "colour = 1\n", 'kind = "detector"\n'])
def test_a_wrong_card_is_named(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(wrong)
    with pytest.raises(BrokenPlugin, match=r"broken\.toml"):
        read_card(path)


def test_words_do_not_change_a_fingerprint() -> None:
    assert fingerprint(card()) == fingerprint(card(title="another title", paper="p"))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "m"},
        {"weights": (WeightFile("n.onnx", "1" * 64),)},
        {"requires": ("mtcnn",)},
        {"score_version": 2},
    ],
)
def test_whatever_decides_scores_changes_the_fingerprint(changes: dict[str, object]) -> None:
    assert fingerprint(card()) != fingerprint(card(**changes))


def _contract(kind: str) -> tuple[type, ...]:
    from forensics.analysis import Analysis
    from forensics.detector import Detector
    from forensics.generator import Generator, Manipulator, Swapper

    makers = (Generator, Manipulator, Swapper)
    return {"detector": (Detector,), "generator": makers}.get(kind, (Analysis,))
