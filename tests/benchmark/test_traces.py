"""Laws of measuring the analyses: what is counted, what is altered, and how maps are judged."""

from collections import Counter
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.analysis import Analysis
from forensics.benchmark import copy_fit, jpeg_check, localisation, trace_rates
from forensics.benchmark.alterations import ALTERATIONS, under_old_thumbnail
from forensics.benchmark.datasets import PictureStore
from forensics.benchmark.innocent import PROCESSINGS
from forensics.benchmark.localisation import Score, judged, merged
from forensics.benchmark.trace_pictures import Shown, in_turn, real_pictures
from forensics.benchmark.trace_rates import Tally, count_findings
from forensics.case import Case
from forensics.prevalence import prevalence_of
from forensics.schema import Evidence, Finding, Image, ModelCard
from forensics.training import Sample

CARD = ModelCard("bright", "analysis", "Brightness", "grey", "RGB", "none", Path())


def scene(seed: int = 0) -> Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    shown = Pillow.fromarray(coarse).resize((240, 200), Pillow.Resampling.BICUBIC)
    return np.asarray(shown)


def sample(path: str, *, kind: int = 0, group: str = "a") -> Sample:
    return Sample(path, kind, "", group, "A", path, check=False)


def png(level: int) -> bytes:
    buffer = BytesIO()
    Pillow.new("RGB", (16, 16), (level, level, level)).save(buffer, "PNG")
    return buffer.getvalue()


class Bright(Analysis):
    """Finds that a picture is bright, twice, or that it is dark; some findings are not counted."""

    def examine(self, case: Case) -> Evidence:
        code = "bright" if case.image.mean() > 127 else "dark"
        findings = (Finding("One.", code=code), Finding("Two.", code=code), Finding("Three."))
        return Evidence(findings)


def counted(*pictures: tuple[str, str, int | None]) -> Tally:
    """Count pictures given by stage, name and grey level; None is a damaged file."""
    tally = Tally()

    def maker(level: int | None) -> Callable[[], bytes]:
        return lambda: b"damaged" if level is None else png(level)

    shown = [Shown(s, n, sample("images/x"), ".png", maker(level)) for s, n, level in pictures]
    assert list(count_findings({"bright": Bright(CARD)}, shown, tally)) == shown
    return tally


def test_a_kind_counts_once_a_picture_and_damaged_files_apart() -> None:
    tally = counted(
        ("untouched", "a", 200),
        ("untouched", "a", 9),
        ("untouched", "b", 9),
        ("untouched", "b", None),
    )
    assert tally.failures == {("untouched", "b"): 1}
    rates = tally.rates("bright")
    assert set(rates) == {"bright", "dark"}
    assert rates["bright"]["untouched"] == [1, 3]
    assert rates["bright"]["sources"] == {"a": [1, 2], "b": [0, 1]}


def test_the_rates_are_what_findings_carry() -> None:
    tally = counted(("untouched", "a", 200), ("processed", "a scan", 9), ("altered", "x", 200))
    found = prevalence_of(tally.rates("bright")["bright"])
    assert (found.share, found.pictures) == (1, 1)
    assert (found.processed, found.altered) == ({"a scan": 0}, {"x": 1})


def test_the_page_has_a_row_a_kind() -> None:
    tally = counted(("untouched", "a", 200), ("processed", "a scan", 9), ("altered", "x", 200))
    page = trace_rates.section({"bright": CARD}, {"bright": tally.rates("bright"), "none": {}})
    assert "### Brightness (`bright`)" in page
    assert "| `bright` | 100.0% [2.5%, 100.0%] of 1 | a 100% | 0% | 100% |" in page


def test_untouched_pictures_are_real_ones_as_collected() -> None:
    rows = [sample(f"images/{n}") for n in range(9)]
    rows += [sample("images/fake", kind=1), sample("crops256/cut")]
    chosen = real_pictures(rows, per_source=4)
    assert list(chosen) == ["a"]
    assert len(chosen["a"]) == 4
    assert {row.path for row in chosen["a"]} <= {f"images/{n}" for n in range(9)}


def test_pictures_that_were_skipped_are_others_than_the_first() -> None:
    rows = [sample(f"images/{n}") for n in range(9)]
    first = real_pictures(rows, per_source=4)["a"]
    others = real_pictures(rows, per_source=9, skipped=4)["a"]
    assert len(others) == 5
    assert not {row.path for row in first} & {row.path for row in others}


def test_another_sources_tables_are_counted_as_those_of_a_foreign_camera(tmp_path: Path) -> None:
    for name, quality in (("x", 90), ("y", 90), ("z", 75)):
        Pillow.new("RGB", (32, 32)).save(tmp_path / f"{name}.jpg", quality=quality)
    by_source = {name: [sample(f"{name}.jpg", group=name)] for name in "xyz"}
    tables = trace_rates.tables_of_sources(by_source, PictureStore(tmp_path, tmp_path))
    shown = [
        Shown("untouched", name, row, ".jpg", (tmp_path / row.path).read_bytes)
        for name, [row] in by_source.items()
    ]
    tally = Tally(hits={"prnu": {}})
    trace_rates.count_foreign_tables(shown, tables, tally)
    assert tally.hits["prnu"] == {
        "tables_of_camera": Counter({("untouched", "x"): 1}),
        "tables_not_of_camera": Counter({("untouched", "y"): 1, ("untouched", "z"): 1}),
    }


def test_weights_for_copies_tell_their_traits_from_others() -> None:
    """Fitted on some, tried on the others; pictures without any region count as neither."""
    rng = np.random.default_rng(0)
    found = [
        copy_fit.Proposal(number % 5, forged, rng.normal(4 * forged, 1, (2, 7)))
        for number in range(50)
        for forged in (False, True)
    ]
    found += [copy_fit.Proposal(part, forged=False, traits=np.zeros((0, 7))) for part in range(5)]
    report = copy_fit.report(found)
    assert "score 1.0: 50 of 50 copies found, 0 of 55 untouched pictures flagged" in report
    assert len(report.splitlines()[0].split(",")) == 7


def test_sources_take_turns() -> None:
    by_source = {g: [sample(f"images/{g}{n}", group=g) for n in range(3)] for g in "ab"}
    assert [row.path[-2:] for row in in_turn(by_source, 5)] == ["a0", "b0", "a1", "b1", "a2"]


@pytest.mark.parametrize("name", PROCESSINGS)
def test_processing_gives_a_picture_and_depends_on_the_seed_alone(name: str) -> None:
    made = [PROCESSINGS[name](scene(), np.random.default_rng(3)) for _ in range(2)]
    assert made[0] == made[1]
    assert min(Pillow.open(BytesIO(made[0])).size) > 60


@pytest.mark.parametrize("name", ALTERATIONS)
def test_alterations_change_what_their_mask_says_and_nothing_else(name: str) -> None:
    altered = ALTERATIONS[name](scene(), scene(1), np.random.default_rng(2))
    apart = np.abs(altered.image.astype(int) - scene()).max(axis=2)
    assert not apart[~altered.mask].any()
    assert 0.02 < altered.mask.mean() < 0.6
    assert apart[altered.mask].mean() > 5


def test_an_old_thumbnail_shows_the_picture_before(tmp_path: Path) -> None:
    from forensics import plugins

    altered = ALTERATIONS["a splice"](scene(), scene(1), np.random.default_rng(2))
    path = tmp_path / "a.jpg"
    path.write_bytes(under_old_thumbnail(altered, scene(), np.random.default_rng(0)))
    found = plugins.load("analysis", "jpeg_structure").examine(Case(path)).findings
    assert {"thumbnail_differs", "thumbnail_other"} & {finding.code for finding in found}


def test_a_map_is_judged_against_its_mask() -> None:
    mask = np.zeros((96, 96), dtype=bool)
    mask[:24] = True
    assert judged(mask.astype(np.float32), mask) == (1, 1)
    assert judged(None, mask) == (0.5, 0)
    area, f1 = judged(np.ones((96, 96), np.float32), mask)
    assert area == pytest.approx(0.5)
    assert f1 == pytest.approx(0.4)


def test_an_analysis_measured_anew_replaces_its_old_scores_of_that_collection() -> None:
    def score(name: str, area: float, collection: str = "s") -> Score:
        return Score(collection, "p", "clean", name, area, 0.5, given=True)

    before = [score("a", 0.6), score("b", 0.7), score("a", 0.9, "t")]
    found = merged(before, [score("a", 0.8)])
    assert found == [score("b", 0.7), score("a", 0.8), score("a", 0.9, "t")]


def test_the_page_leaves_out_analyses_without_any_map() -> None:
    rows = [
        Score("s", str(n), condition, name, 0.8, 0.5, given=name == "a")
        for n in range(3)
        for condition in localisation.CONDITIONS
        for name in ("a", "b")
    ]
    page = localisation.section(rows)
    assert "| `a` | .80 [.80, .80], .50 [.50, .50] (100%) |" in page
    assert "`b`" not in page


def test_pictures_without_history_are_shrunk_to_a_half_or_less() -> None:
    large = np.zeros((800, 1000, 3), np.uint8)
    small = jpeg_check.without_history(large)
    assert small is not None
    assert small.shape == (384, 384, 3)
    assert jpeg_check.without_history(large[:700]) is None


def test_two_compressions_are_told_from_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg_check, "FIRST", (65,))
    monkeypatch.setattr(jpeg_check, "STEPS", (15,))
    found = list(jpeg_check.trials([scene()]))
    assert Counter(one.first for one in found) == {0: 1, 65: 1}
    assert "| +15 | 1 [1, 1] | " in jpeg_check.section(found).replace("1.00", "1")
