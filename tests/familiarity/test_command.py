"""Laws of the command that chooses references: what it writes is what it measured."""

import argparse
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from safetensors.numpy import load_file

from forensics.benchmark.datasets import PictureStore
from forensics.benchmark.reference_fit import SHIPPED
from forensics.benchmark.reference_page import FORMS, find
from forensics.benchmark.token_rows import Stranger, TokenReader, TokenRows, Whole, large
from forensics.commands import familiarity as command
from forensics.errors import WeightsUnavailable
from forensics.evidence.familiarity import Familiarity
from forensics.plugins import Entry, entries, load
from forensics.references import References
from forensics.training import Sample
from forensics.weights import file_sha256

COUNT = 400


def rows() -> TokenRows:
    """Real and generated pictures of four sources, clean, then degraded; one in five a check."""
    rng, which = np.random.default_rng(0), np.arange(2 * COUNT) % 4
    mixing = np.random.default_rng(7).normal(0, 1, (8, 40))
    tokens = (rng.normal(0, 1, (2 * COUNT, 8)) + which[:, None]) @ mixing
    return TokenRows(
        tokens=tokens.astype(np.float32),
        labels=which % 2,
        sources=np.asarray(["camera", "gan", "scans", "diffusion"])[which],
        clusters=(np.arange(2 * COUNT) % COUNT).astype(str),
        folds=np.asarray(list("AABB"))[which],
        checks=np.arange(2 * COUNT) % 5 == 0,
        conditions=np.repeat(["clean", "degraded"], COUNT),
    )


def strangers() -> list[Stranger]:
    tokens = np.random.default_rng(1).normal(0, 9, (6, 1, 40)).astype(np.float32)
    kinds = ("LFW", "chart", "lfw, 64 px")
    return [Stranger(each, kinds[i % 3], str(i)) for i, each in enumerate(tokens)]


def wholes() -> list[Whole]:
    """Two pictures of fold A: one like the sources of fold B, one like nothing."""
    known = rows().tokens[2:3]
    given = Sample("a.png", 0, "", "street", "A", "a", check=False)
    other = replace(given, path="b.png", cluster="b", group="sky")
    return [Whole(known, given), Whole(strangers()[0].tokens, other)]


@pytest.fixture
def card_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the card, which is written instead."""
    shipped = entries("analysis")["familiarity"]
    text = (shipped.card.folder / "familiarity.toml").read_text(encoding="utf-8")
    (tmp_path / "familiarity.toml").write_text(text, encoding="utf-8")
    (tmp_path / "weights").mkdir()
    copied = Entry(replace(shipped.card, folder=tmp_path), shipped.module, shipped.class_name)
    monkeypatch.setattr(command, "entries", lambda kind: {"familiarity": copied})
    return tmp_path


def arguments(out: Path, *more: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    given = ["--data", "m.csv", "--folds", "f.csv", "--out", str(out), *more]
    return parser.parse_args(given)


def test_what_is_adopted_is_what_the_page_tells(
    card_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_read", lambda args: (rows(), strangers(), wholes()))
    assert command.run(arguments(tmp_path / "out", "--adopt")) == 0
    text = (tmp_path / "out" / "familiarity.md").read_text(encoding="utf-8")
    fields = tomllib.loads((card_folder / "familiarity.toml").read_text(encoding="utf-8"))
    weights = card_folder / "weights" / "familiarity.safetensors"
    references = References.read(load_file(weights))
    assert fields["weights"][0]["sha256"] == file_sha256(weights)
    assert fields["figures"]["left_out_pictures"] == COUNT * 4 // 5
    assert fields["figures"]["left_out_below"] == pytest.approx(0.02, abs=0.01)
    assert f"Below {references.limit:.3f} the verdict abstains" in text
    assert "| street | 1 | .00 [" in text
    assert "| sky | 1 | 1.00 [" in text
    for heading in ("left out", "known sources", "Never seen", "Whole", "small file"):
        assert heading in text
    assert "nan" not in text


def test_no_reference_comes_from_a_check_row() -> None:
    table = rows()
    table.tokens[table.checks] = np.nan
    learned = table.where(~table.checks)
    assert np.isfinite(find(learned).references.places).all()


def test_small_faces_have_no_column_in_the_table_of_forms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_read", lambda args: (rows(), strangers(), wholes()))
    command.run(arguments(tmp_path))
    page = (tmp_path / "familiarity.md").read_text(encoding="utf-8")
    table = page[page.index("## What a small file costs") :]
    assert "lfw, 64 px" in page
    assert "lfw, 64 px" not in table
    assert table.count("\n| ") == 2 + len(FORMS)
    assert FORMS[3] == SHIPPED


def test_whole_pictures_are_large_and_a_few_of_each_group(tmp_path: Path) -> None:
    for name, side in (("a", 448), ("b", 447), ("c", 448), ("d", 448)):
        Pillow.new("RGB", (side, 600)).save(tmp_path / f"{name}.png")
    samples = [Sample(f"{n}.png", 0, "", "street", "A", n, check=False) for n in "abcd"]
    store = PictureStore(tmp_path, tmp_path / "cache")
    assert {one.path for one in large(store, samples, 9)} == {"a.png", "c.png", "d.png"}
    assert len(large(store, samples, 2)) == 2


def test_the_benchmark_reads_of_a_picture_what_an_examination_reads(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (230, 500, 3), dtype=np.uint8)
    analysis: Familiarity = load("analysis", "familiarity")
    try:
        examined = analysis.tokens(picture)
    except WeightsUnavailable as missing:
        pytest.skip(str(missing))
    read = TokenReader(tmp_path).tokens(picture)
    assert examined.shape == (2, 768)
    # Kept in half precision.
    np.testing.assert_allclose(read, examined, rtol=2e-3, atol=2e-3)
