import argparse
import csv
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics import plugins
from forensics.commands import generate, options
from forensics.commands.common import run_command
from forensics.errors import BrokenPlugin, OutputFailed, UnknownPlugin
from forensics.evidence.provenance import Manifest, read_manifest
from forensics.generator import Generator, Manipulator
from forensics.media import load_image
from forensics.plugins import Entry
from forensics.schema import Image, Map, ModelCard
from forensics.writing import read_provenance
from tests.media.test_signing import signer

Run = Callable[..., int]


@dataclass(frozen=True)
class Corner:
    size: int = 4
    invert: bool = False


class Painter(Manipulator):
    """Paints a corner white."""

    family = "splice"
    Options = Corner

    def apply(self, images: Sequence[Image], seed: int) -> tuple[list[Image], list[Map]]:
        made = [image.copy() for image in images]
        masks = [np.zeros(image.shape[:2], dtype=np.float32) for image in images]
        for image, mask in zip(made, masks, strict=True):
            image[: self.options.size, : self.options.size] = 255 - seed
            mask[: self.options.size, : self.options.size] = 1
        return made, masks


class Noise(Generator):
    """Draws noise."""

    family = "gan"

    def sample(self, count: int, seed: int) -> list[Image]:
        rngs = [np.random.default_rng([seed, index]) for index in range(count)]
        return [rng.integers(0, 256, (5, 7, 3), dtype=np.uint8) for rng in rngs]


@pytest.fixture(autouse=True)
def two_generators(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {
        made.__name__.lower(): Entry(
            ModelCard(made.__name__.lower(), "generator", "", "", "", "", Path()),
            __name__,
            made.__name__,
        )
        for made in (Painter, Noise)
    }
    classes = {"painter": Painter, "noise": Noise}
    for module in (plugins, generate, options):
        monkeypatch.setattr(module, "entries", lambda kind: known)
    for module in (plugins, options):
        monkeypatch.setattr(module, "plugin_class", lambda kind, name: classes[name])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def run(out: Path) -> Run:
    def run(*arguments: object) -> int:
        return run_command("generate", generate, [*map(str, arguments), "--out", str(out)])

    return run


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    path = tmp_path / "grey, 1.png"
    Pillow.fromarray(np.full((12, 10, 3), 90, dtype=np.uint8)).save(path)
    return path


def manifest(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_manifest_names_the_parent_and_the_file(run: Run, photograph: Path, out: Path) -> None:
    assert run("painter", "--input", photograph) == 0
    (row,) = manifest(out)
    data = (out / row["path"]).read_bytes()
    assert row["parent"] == hashlib.sha256(photograph.read_bytes()).hexdigest()
    assert row["sha256"] == hashlib.sha256(data).hexdigest()
    assert (row["label"], row["family"], row["width"], row["height"]) == (
        ("fake", "splice", "10", "12")
    )


def test_picture_carries_its_provenance(run: Run, photograph: Path, out: Path) -> None:
    run("painter", "--input", photograph, "--seed", 3)
    provenance = read_provenance((out / "painter-0000.png").read_bytes())
    assert provenance is not None
    assert (provenance.generator, provenance.seed) == ("painter", 3)
    assert provenance.parent_sha256 == manifest(out)[0]["parent"]
    assert provenance.composite


def test_partial_change_leaves_a_mask_beside(run: Run, photograph: Path, out: Path) -> None:
    run("painter", "--input", photograph, "--size", 2)
    mask = load_image(out / manifest(out)[0]["mask"])
    assert np.all(mask[:2, :2] == 255)
    assert mask.sum() == 4 * 3 * 255


def test_report_shows_what_was_changed(run: Run, photograph: Path, out: Path) -> None:
    assert run("painter", "--input", photograph, "--size", 2, "--report") == 0
    html = (out / "report.html").read_text(encoding="utf-8")
    assert manifest(out)[0]["parent"] in html
    assert "around the largest change, before" in html


def test_a_certificate_signs_pictures_masks_and_sheets(
    run: Run, photograph: Path, out: Path, tmp_path: Path
) -> None:
    pem, root = signer(tmp_path)
    run("painter", "--input", photograph, "--size", 2, "--contact-sheet", "--sign", pem)
    names = ["contact-sheet.png", "painter-0000-mask.png", "painter-0000.png"]
    assert sorted(path.name for path in out.glob("*.png")) == names
    for name in names:
        found = read_manifest((out / name).read_bytes(), root)
        assert isinstance(found, Manifest)
        assert found.state == "Trusted"


def test_a_full_disk_is_said(
    run: Run, photograph: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputFailed, match=r"painter-0000-mask\.png .*No space left"):
        run("painter", "--input", photograph, "--size", 2)
    assert list(out.iterdir()) == []


def test_no_report_unless_asked_for(run: Run, out: Path) -> None:
    run("noise")
    assert not (out / "report.html").exists()


def test_same_seed_gives_the_same_files(run: Run, out: Path) -> None:
    run("noise", "--count", 2, "--seed", 8)
    first = [path.read_bytes() for path in sorted(out.iterdir())]
    run("noise", "--count", 2, "--seed", 8)
    assert [path.read_bytes() for path in sorted(out.iterdir())] == first


def test_photographs_are_taken_in_turn_with_rising_seeds(
    run: Run, photograph: Path, out: Path
) -> None:
    run("painter", "--input", photograph, "--count", 3, "--seed", 5)
    assert [row["note"] for row in manifest(out)] == ["seed 5", "seed 6", "seed 7"]
    assert load_image(out / "painter-0002.png")[0, 0, 0] == 255 - 7


def test_rows_of_earlier_runs_stay(run: Run, photograph: Path, out: Path) -> None:
    run("noise", "--count", 2)
    run("painter", "--input", photograph)
    run("noise", "--count", 1, "--seed", 4)
    assert [row["path"] for row in manifest(out)] == [
        "noise-0000.png",
        "noise-0001.png",
        "painter-0000.png",
    ]
    assert manifest(out)[0]["note"] == "seed 4"


def test_whole_pictures_need_no_mask(run: Run, out: Path) -> None:
    run("noise", "--count", 1)
    (row,) = manifest(out)
    assert row["mask"] == row["parent"] == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["painter"], "give some with --input"),
        (["noise", "--input", "a.jpg"], "leave --input out"),
        (["noise", "--count", "0"], "--count must be 1 or more"),
        (["noise", "--size", "3"], "noise has no option --size"),
    ],
)
def test_requests_that_make_no_sense_are_usage_errors(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(*arguments)
    assert complaint in capsys.readouterr().err


def test_unknown_generators_are_named(run: Run) -> None:
    with pytest.raises(UnknownPlugin, match="'nobody'; there are"):
        run("nobody")


def test_options_of_generators_become_flags() -> None:
    parser = argparse.ArgumentParser()
    options.add_option_flags(parser, "generator")
    args = parser.parse_args(["--size", "9", "--invert"])
    assert options.chosen_options(args, "generator", "painter") == Corner(size=9, invert=True)


def test_options_not_given_keep_their_defaults() -> None:
    parser = argparse.ArgumentParser()
    options.add_option_flags(parser, "generator")
    args = parser.parse_args([])
    assert options.chosen_options(args, "generator", "painter") == Corner()


def test_one_flag_with_two_types_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Sized:
        size: float = 1.0

    monkeypatch.setattr(Noise, "Options", Sized)
    with pytest.raises(BrokenPlugin, match="'size'"):
        options.add_option_flags(argparse.ArgumentParser(), "generator")
