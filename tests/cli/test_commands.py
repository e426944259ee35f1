import json
import tomllib
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

import pytest

import forensics
from forensics.cli import main
from forensics.commands import app, demo, weights
from forensics.commands.common import every_card
from forensics.errors import ForensicsError, WeightsCorrupt
from forensics.plugins import backbones
from forensics.schema import ModelCard, WeightFile

ROOT = Path(forensics.__file__).parents[1]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FORENSICS_CACHE", str(tmp_path))
    return tmp_path


def server(*line: str) -> list[str]:
    parser = ArgumentParser()
    app.add_arguments(parser)
    return app.server_command(parser.parse_args(line))


def test_cards_prints_one_json_object_a_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cards", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["name"] for row in rows} == set(every_card())


def test_a_card_tells_whether_its_weights_are_at_hand(capsys: pytest.CaptureFixture[str]) -> None:
    main(["cards", "clip_vit_b16", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert {row["present"] for row in told["weights"]} == {False}


def test_a_card_in_full_states_licence_and_hash(capsys: pytest.CaptureFixture[str]) -> None:
    main(["cards", "mtcnn"])
    shown = capsys.readouterr().out
    assert backbones()["mtcnn"].licence_weights in shown
    assert backbones()["mtcnn"].weights[0].sha256 in shown


def test_an_unknown_card_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cards", "nobody"]) == 1
    assert "nothing is called 'nobody'" in capsys.readouterr().err


def test_shipped_weights_are_what_their_cards_promise(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "verify"]) == 0
    assert "not pulled" in capsys.readouterr().out


def test_verify_fails_on_a_corrupt_file(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (cache / "net.onnx").write_bytes(b"damaged")
    card = replace(backbones()["mtcnn"], folder=cache, weights=(WeightFile("net.onnx", "0" * 64),))
    monkeypatch.setattr(weights, "find_card", lambda name: card)
    assert main(["weights", "verify", "mtcnn"]) == 1
    assert capsys.readouterr().out.startswith("CORRUPT")


def test_a_corrupt_file_in_the_cache_is_fetched_anew(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def corrupt(card: ModelCard) -> bool:
        raise WeightsCorrupt("another hash")

    monkeypatch.setattr(weights, "is_present", corrupt)
    monkeypatch.setattr(weights, "pull", lambda card: iter(["fetched"]))
    assert main(["weights", "pull", "clip_vit_b16"]) == 0
    assert "another hash; fetching it anew\nclip_vit_b16: fetched" in capsys.readouterr().err


def test_the_page_listens_on_this_machine_only_and_reports_to_nobody() -> None:
    line = server()
    assert "--server.address=127.0.0.1" in line
    assert "--browser.gatherUsageStats=false" in line
    assert "--server.showEmailPrompt=false" in line
    assert "--client.toolbarMode=minimal" in line


def test_the_page_started_without_us_keeps_to_the_same() -> None:
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    line = server()
    for part, values in settings.items():
        for name, value in values.items():
            said = value if isinstance(value, str) else json.dumps(value)
            assert f"--{part}.{name}={said}" in line


def test_the_page_takes_what_the_intake_takes() -> None:
    assert "--server.maxUploadSize=300" in server("--port", "8600")


def test_the_packaged_page_comes_before_a_file_that_happens_to_be_called_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "forensics"
    (package / "page").mkdir(parents=True)
    for path in (package / "page" / "app.py", package.parent / "app.py"):
        path.touch()
    monkeypatch.setattr(forensics, "__file__", str(package / "__init__.py"))
    assert app.page() == package / "page" / "app.py"


def test_a_missing_page_says_where_it_should_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forensics, "__file__", str(tmp_path / "forensics" / "__init__.py"))
    with pytest.raises(ForensicsError, match="no page at"):
        app.page()


def test_the_demo_examines_the_photograph_and_its_fake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[object, ...]] = []

    def record(*line: object) -> int:
        calls.append(line)
        if line[0] == "generate":
            (tmp_path / "fakes").mkdir()
            (tmp_path / "fakes" / "made.png").touch()
        return 0

    monkeypatch.setattr(demo, "_run", record)
    assert main(["demo", "--out", str(tmp_path)]) == 0
    assert calls[1][1:3] == (demo.portrait(), tmp_path / "fakes" / "made.png")


def test_the_demo_stops_where_the_generator_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "_run", lambda name, *line: 1 if name == "generate" else 0)
    assert main(["demo", "--out", str(tmp_path)]) == 1
