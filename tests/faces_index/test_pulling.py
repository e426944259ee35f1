from dataclasses import replace
from pathlib import Path

import pytest

from forensics.errors import WeightsCorrupt, WeightsUnavailable
from forensics.fetching import pull
from forensics.plugins import backbones
from forensics.schema import ModelCard, WeightFile
from forensics.weights import cache_folder, file_sha256, verified_path


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelCard:
    monkeypatch.setenv("FORENSICS_CACHE", str(tmp_path / "cache"))
    source = tmp_path / "made.pt"
    source.write_bytes(b"weights")
    file = WeightFile("made.pt", file_sha256(source))
    card = backbones()["facenet_vggface2"]
    return replace(card, weights=(file,), source={"url": source.as_uri()})


def test_a_file_at_an_address_is_fetched_and_verified(card: ModelCard) -> None:
    assert "verified" in list(pull(card))[-1]
    assert verified_path(card, card.weights[0]).read_bytes() == b"weights"


def test_a_file_that_is_not_the_promised_one_is_not_kept(card: ModelCard) -> None:
    other = replace(card, weights=(WeightFile("made.pt", "0" * 64),))
    with pytest.raises(WeightsCorrupt):
        list(pull(other))
    assert not list(cache_folder().rglob("*.pt"))


def test_an_address_that_does_not_answer_says_where_to_put_the_file(card: ModelCard) -> None:
    away = replace(card, source={"url": f"{card.source['url']}-not-there"})
    with pytest.raises(WeightsUnavailable, match=r"could not be downloaded .* put it at"):
        list(pull(away))
