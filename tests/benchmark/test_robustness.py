"""Laws of the robustness check: blind to labels, aimed attacks stop in time, all is counted."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from torch import Tensor

from forensics.benchmark import gradients, robustness
from forensics.benchmark import robustness_page as page
from forensics.benchmark.attacks import AIMED, Attacker, one_crop, under_attack, victims
from forensics.benchmark.breaking import BREAKINGS
from forensics.benchmark.datasets import PictureStore
from forensics.benchmark.degrade import chains_of
from forensics.benchmark.robustness import AS_IT_IS, CLEAN, DEFENCES, Attack, Trial
from forensics.benchmark.shipped import Resemblance, Said, Shipped
from forensics.commands import robustness as command
from forensics.detector import CropDetector
from forensics.fitting import OutOfFold, fit_set
from forensics.schema import Floats, Image, Label, ModelCard, Reason
from forensics.training import Sample
from forensics.verdict import Fusion

NAME = "brightness"
PER_LEVEL = 1.0
"""Logits a grey level: four levels lead from one class to the other."""


class Brightness(CropDetector):
    """The mean grey level above 128, for one crop."""

    def class_logits(self, images: Sequence[Image]) -> list[Floats]:
        return [np.array([[0, PER_LEVEL * (i.mean() - 128), -30]], np.float32) for i in images]


def brightness_logit(pixels: Tensor) -> Tensor:
    return PER_LEVEL * (pixels.mean() - 128)


def sample(path: str, *, fake: bool, source: str = "") -> Sample:
    generator = (source or "gan") if fake else ""
    group = generator or source or "camera"
    return Sample(path, int(fake), generator, group, "A", path, check=True)


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    """Six pictures a class of 240 px, fakes four levels brighter; real ones of two sources."""
    made = []
    rng = np.random.default_rng(0)
    for index in range(12):
        fake = index % 2 == 1
        level = 126 + 4 * fake
        noise = rng.normal(level, 12, (240, 240, 3))
        path = tmp_path / f"{index}.png"
        Pillow.fromarray(np.clip(noise, 0, 255).astype(np.uint8)).save(path)
        source = "gan" if fake else ("street" if index % 4 else "studio")
        made.append(sample(path.name, fake=fake, source=source))
    return made


@pytest.fixture
def store(tmp_path: Path) -> PictureStore:
    return PictureStore(tmp_path, tmp_path / "cache")


@pytest.fixture
def shipped(tmp_path: Path) -> Shipped:
    """`Brightness` with a fusion that was fitted to logits around -2 and 2."""
    rng = np.random.default_rng(0)
    labels = np.arange(2000) % 2
    logits = rng.normal(0, 0.7, 2000) + 2.0 * (2 * labels - 1)
    sources = np.where(labels == 1, "gan", "camera")
    kinds = np.where(labels == 1, "synthetic", "real")
    table = OutOfFold({f"{NAME}.mean": logits}, labels, sources, np.arange(2000).astype(str), kinds)
    fitted = fit_set(table, {NAME: ""}, measured_on="simulated")
    card = ModelCard(NAME, "detector", NAME, "grey levels", "RGB", "none", Path())
    return Shipped({NAME: Brightness(card)}, Fusion(fitted, {NAME: fitted}), tmp_path / "cache")


@pytest.fixture
def attacker(
    shipped: Shipped, store: PictureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Attacker:
    copies = {NAME: lambda detector: brightness_logit}
    monkeypatch.setattr(gradients, "COPIES", copies)
    monkeypatch.setattr("forensics.benchmark.attacks.COPIES", copies)
    return Attacker(shipped, store, tmp_path / "attacked")


def said(score: float = 0.2, label: Label = Label.NO_TRACES_FOUND, *reasons: Reason) -> Said:
    return Said(label, tuple(reasons), score, score > 0.9, {NAME: score, "fused": score}, score)


def trials(way: str, scores: Sequence[float], generator: str = "") -> list[Trial]:
    return [Trial(way, f"{generator}{i}", generator, said(s)) for i, s in enumerate(scores)]


@pytest.mark.parametrize("text", [way for way in robustness.LAUNDERINGS if way != "none"])
def test_laundering_does_not_see_the_label(
    samples: list[Sample], store: PictureStore, text: str
) -> None:
    (chain,) = chains_of(text)
    given = samples[0]
    other = replace(given, kind=1, generator="gan", group="gan", fold="B")
    first = robustness.laundered_picture(store, given, chain)
    assert (robustness.laundered_picture(store, other, chain) == first).all()


def test_a_broken_picture_does_not_see_the_label(
    samples: list[Sample], store: PictureStore
) -> None:
    given = samples[0]
    other = replace(given, kind=1, generator="gan", group="gan", fold="B")
    first = robustness.broken_picture(store, given, "painted over")
    assert (robustness.broken_picture(store, other, "painted over") == first).all()


def test_every_sample_is_laundered_in_every_way(
    shipped: Shipped, store: PictureStore, samples: list[Sample]
) -> None:
    found = page.by_way(robustness.laundered(shipped, store, samples[:3]))
    assert {way: len(some) for way, some in found.items()} == dict.fromkeys(
        robustness.LAUNDERINGS, 3
    )


def test_only_real_pictures_are_broken(
    shipped: Shipped, store: PictureStore, samples: list[Sample]
) -> None:
    found = list(robustness.broken(shipped, store, samples[:2]))
    assert not any(trial.fake for trial in found)
    assert found[0].way == AS_IT_IS
    assert len(found) == 1 + len(BREAKINGS)


def test_victims_are_large_enough_and_come_from_all_sources_in_turn(
    samples: list[Sample], store: PictureStore
) -> None:
    chosen = victims(store, samples, 2)
    assert [each.fake for each in chosen] == [True, True, False, False]
    assert {each.group for each in chosen[2:]} == {"street", "studio"}
    assert set(victims(store, samples, 1)) < set(chosen)


def test_an_attack_all_the_way_moves_each_class_against_its_label(
    attacker: Attacker, samples: list[Sample]
) -> None:
    for given in samples[:2]:
        plain = attacker.picture(given, Attack(CLEAN, 0)).astype(int)
        moved = attacker.picture(given, Attack(NAME, 2)).astype(int) - plain
        assert moved.mean() == pytest.approx(-2 if given.fake else 2, abs=0.1)
        assert np.abs(moved).max() == 2


def test_an_aimed_attack_stops_just_past_the_threshold(
    attacker: Attacker, shipped: Shipped, samples: list[Sample]
) -> None:
    for given in samples[:2]:
        whole, aimed = (attacker.picture(given, Attack(to, 4)) for to in (NAME, AIMED))
        plain = attacker.picture(given, Attack(CLEAN, 0))
        changed = (aimed != plain).any(axis=2).mean()
        assert 0 < changed < (whole != plain).any(axis=2).mean()
        verdict = shipped.judge((given.path, "aimed"), aimed.copy)
        assert verdict.cleared if given.fake else verdict.called


def test_an_attacked_picture_is_made_once(
    attacker: Attacker, samples: list[Sample], tmp_path: Path
) -> None:
    first = attacker.picture(samples[0], Attack(NAME, 2))
    [file] = (tmp_path / "attacked").iterdir()
    written = file.stat().st_mtime_ns
    assert (attacker.picture(samples[0], Attack(NAME, 2)) == first).all()
    assert file.stat().st_mtime_ns == written


def test_every_attack_meets_every_defence(
    shipped: Shipped, attacker: Attacker, samples: list[Sample]
) -> None:
    found = [(attack, way) for attack, way, _ in under_attack(shipped, attacker, samples[:2])]
    assert len(found) == 2 * len(DEFENCES) * 5
    assert len(set(found)) == len(DEFENCES) * 5


def test_a_crop_lies_on_the_grid_of_the_picture() -> None:
    y, x = np.mgrid[:300, :260]
    picture = np.stack([y % 8, x % 8, y // 8], axis=2).astype(np.uint8)
    crop = one_crop(picture)
    assert crop.shape == (224, 224, 3)
    assert (crop[0, 0, :2] == 0).all()


def test_a_rate_is_counted_at_the_number_of_clusters() -> None:
    alone = page.rate(trials("none", [0.95] * 4 + [0.1] * 4), lambda trial: trial.said.beyond)
    twins = [*trials("none", [0.95] * 4 + [0.1] * 4)] * 2
    both = page.rate(twins, lambda trial: trial.said.beyond)
    assert alone is not None
    assert both is not None
    assert both.value == alone.value == 0.5
    assert (both.low, both.high) == pytest.approx((alone.low, alone.high))
    assert page.rate([], page.called) is None


def test_a_shift_is_positive_where_scores_rise() -> None:
    before, after = trials("as", [0.1, 0.2, 0.3]), trials("to", [0.3, 0.4, 0.5])
    figure = page.mean_shift(before, after)
    assert (figure.value, figure.low, figure.high) == pytest.approx((0.2, 0.2, 0.2))


class Fixed(Resemblance):
    """Says the same of every picture, and how often it was asked."""

    references = "one"

    def __init__(self, ratio: float | None) -> None:
        self.ratio, self.asked = ratio, 0

    def of(self, image: Image) -> float | None:
        self.asked += 1
        return self.ratio


def compared(shipped: Shipped, cache: Path, resemblance: Resemblance) -> Said:
    again = Shipped(shipped.detectors, shipped.fusion, cache, resemblance)
    return again.judge(("a", "picture"), lambda: np.full((240, 240, 3), 130, np.uint8))


@pytest.mark.parametrize(("ratio", "out"), [(0.9, True), (1.1, False), (None, False)])
def test_a_picture_like_no_reference_is_out_although_its_logits_are_ordinary(
    shipped: Shipped, tmp_path: Path, ratio: float | None, out: bool
) -> None:
    found = compared(shipped, tmp_path / "kept", Fixed(ratio))
    assert (found.unknown, found.stranger, found.far) == (out, out, False)
    assert found.beyond
    assert found.called != out


@pytest.mark.parametrize("ratio", [0.9, None])
def test_a_picture_is_compared_once_with_the_same_references(
    shipped: Shipped, tmp_path: Path, ratio: float | None
) -> None:
    first, second = Fixed(ratio), Fixed(ratio)
    compared(shipped, tmp_path / "kept", first)
    compared(shipped, tmp_path / "kept", second)
    assert (first.asked, second.asked) == (1, 0)
    second.references = "others"
    compared(shipped, tmp_path / "kept", second)
    assert second.asked == 1


@pytest.mark.usefixtures("attacker")
@pytest.mark.parametrize("attacked", [0, 2])
def test_the_command_writes_every_section(
    shipped: Shipped,
    samples: list[Sample],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    attacked: int,
) -> None:
    monkeypatch.setattr(Shipped, "load", lambda cache: shipped)
    monkeypatch.setattr(command, "read_samples", lambda folds, data: samples)
    wild = tmp_path / "lfw" / "images"
    wild.mkdir(parents=True)
    Pillow.new("RGB", (120, 120), (90, 90, 90)).save(wild / "A_Person_0001.jpg")
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    where = {"data": "m.csv", "folds": "f.csv", "cache": "cache", "out": "out"}
    places = [text for name, end in where.items() for text in (f"--{name}", str(tmp_path / end))]
    counts = ["--per-group", "3", "--attacked", str(attacked), "--drawn", "1"]
    assert command.run(parser.parse_args([*places, *counts])) == 0
    text = (tmp_path / "out" / "robustness.md").read_text(encoding="utf-8")
    for heading in ("Laundering", "never seen", "breaks it", "Drawn", "not know"):
        assert heading in text
    for heading in ("## Attacks on the pixels", "## A cheap defence?", "attacked: "):
        assert (heading in text) == (attacked > 0)
    assert "| LFW | 1 |" in text
    assert "nan" not in text
