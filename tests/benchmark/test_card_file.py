"""Laws of writing measured figures into a card."""

import tomllib
from pathlib import Path

import pytest

from forensics.benchmark.card_file import update_card

CARD = 'kind = "detector"\ntitle = "A \\"quoted\\" title"  # a remark\n'


def test_what_people_wrote_stays_to_the_letter(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text(CARD, encoding="utf-8")
    update_card(path, figures={"auc": 0.7}, measured_on="a set")
    update_card(path, figures={"auc": 0.8})
    assert path.read_text(encoding="utf-8").startswith(CARD)


def test_a_change_replaces_its_own_part_and_keeps_the_others(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text(CARD, encoding="utf-8")
    weights = [{"file": "weights/a.onnx", "sha256": "ab"}]
    update_card(path, weights=weights, recipe={"chain": {"resize": (0.4, 1.6)}, "on": True})
    update_card(path, figures={"auc": 0.8}, measured_on='a "set"')
    fields = tomllib.loads(path.read_text(encoding="utf-8"))
    assert fields["weights"] == weights
    assert fields["recipe"] == {"chain": {"resize": [0.4, 1.6]}, "on": True}
    assert fields["figures"] == {"auc": 0.8}
    assert fields["measured_on"] == 'a "set"'


def test_rates_are_tables_by_code_and_names_may_have_spaces(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text(CARD, encoding="utf-8")
    rates = {"grid": {"untouched": [1, 9], "processed": {"a scan": [2, 5]}}, "none": {"n": 3}}
    update_card(path, rates=rates)
    update_card(path, figures={"auc": 0.5})
    fields = tomllib.loads(path.read_text(encoding="utf-8"))
    assert fields["rates"] == rates
    assert fields["figures"] == {"auc": 0.5}


def test_what_people_wrote_is_never_written_twice(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text(CARD + 'measured_on = "by hand"\n[figures]\nshare = 0.5\n', encoding="utf-8")
    update_card(path, rates={"grid": {"untouched": [1, 9]}})
    assert tomllib.loads(path.read_text(encoding="utf-8"))["figures"] == {"share": 0.5}
    with pytest.raises(ValueError, match="figures above the line"):
        update_card(path, figures={"share": 0.6})
