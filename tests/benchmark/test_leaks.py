"""Laws of the leak audit: what tells the class is found, what does not is left alone."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.benchmark.leaks import JUDGED, REPORTED, Facts, Leak, audit, picture_facts
from forensics.benchmark.metrics import auc
from forensics.benchmark.trivial import binned, held_out_scores
from forensics.schema import Image
from forensics.statistics import Labels

PLAIN: dict[str, str | float] = dict.fromkeys(
    (name for names in {**JUDGED, **REPORTED}.values() for name in names), 1.0
)


def labels(count: int = 120) -> Labels:
    return np.arange(count) % 2


def audited(facts: list[Facts], clusters: list[str] | None = None) -> dict[str, Leak]:
    names = clusters or [str(i) for i in range(len(facts))]
    found = audit("gan", "all", facts, labels(len(facts)), np.asarray(names))
    return {leak.feature: leak for leak in found}


def facts_with(name: str, real: object, fake: object, count: int = 120) -> list[Facts]:
    """Rows in which one reading differs between the classes, by functions of a generator."""
    rng = np.random.default_rng(0)
    return [
        {**PLAIN, name: (fake if label else real)(rng)}  # type: ignore[operator]
        for label in labels(count)
    ]


@pytest.mark.parametrize(
    ("feature", "name", "real", "fake"),
    [
        ("format", "format", lambda _: "JPEG", lambda _: "PNG"),
        ("quantisation table", "tables", lambda _: "q75", lambda r: str(r.choice(["q75", "q90"]))),
        ("dimensions", "width", lambda r: float(r.integers(500, 900)), lambda _: 512.0),
        ("file size", "bytes", lambda r: r.normal(9, 1), lambda r: r.normal(11, 1)),
        # Neither larger nor smaller: a threshold alone would not see it.
        (
            "bytes per pixel",
            "bytes_per_pixel",
            lambda r: r.normal(5, 0.3),
            lambda r: float(r.choice([r.normal(3, 0.3), r.normal(7, 0.3)])),
        ),
        ("face-to-frame ratio", "face_share", lambda _: 0.0, lambda r: r.uniform(0.2, 0.5)),
    ],
)
def test_what_tells_the_class_confounds(
    feature: str, name: str, real: object, fake: object
) -> None:
    found = audited(facts_with(name, real, fake))
    assert [leak.feature for leak in found.values() if leak.confounding] == [feature]


def test_what_is_alike_in_both_classes_never_confounds() -> None:
    hits = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        facts: list[Facts] = [
            {**PLAIN, "format": str(rng.choice(["JPEG", "PNG"])), "bytes": rng.lognormal()}
            for _ in range(60)
        ]
        hits += any(leak.confounding for leak in audited(facts).values())
    assert hits == 0


def test_colour_and_fine_detail_are_reported_and_not_judged() -> None:
    found = audited(facts_with("high_frequency", lambda r: r.normal(), lambda r: r.normal() + 9))
    assert found["high-frequency energy"].auc == pytest.approx(1, abs=0.01)
    assert not any(leak.confounding for leak in found.values())


def test_copies_in_one_cluster_do_not_confound() -> None:
    # Sixty files, but only two clusters of each class: nothing can be said of the class.
    facts = facts_with("format", lambda _: "JPEG", lambda _: "PNG")
    found = audited(facts, [f"{i % 2} {i % 4}" for i in range(120)])
    assert all(leak.auc is None and not leak.confounding for leak in found.values())


def test_no_row_is_scored_by_what_its_own_cluster_says() -> None:
    # Every cluster has a number of its own and one class: learned by heart, the AUC would be 1.
    clusters = np.arange(400) // 4
    classes = np.random.default_rng(0).integers(0, 2, 100)[clusters]
    scores = held_out_scores([clusters.astype(str)], classes, clusters.astype(str))
    assert auc(classes, scores) == pytest.approx(0.5, abs=0.08)


def test_bins_hold_equal_mass_and_few_values_stay_apart() -> None:
    rng = np.random.default_rng(0)
    assert np.bincount(binned(rng.normal(size=1600))).tolist() == [100] * 16
    assert len(set(binned(rng.integers(0, 20, 500).astype(float)).tolist())) == 20
    many = np.asarray(["common"] * 50 + [f"rare {i}" for i in range(60)])
    assert binned(many)[0] != binned(many)[-1] == binned(many)[-2]


def noise(seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def file_of(image: Image, name: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(image).save(buffer, name, **options)
    return buffer.getvalue()


def test_facts_are_those_of_the_file() -> None:
    jpeg = file_of(noise(), "JPEG", quality=75)
    facts = picture_facts(jpeg, noise())
    assert (facts["width"], facts["height"], facts["quality"]) == (50, 40, 75)
    assert facts["bytes_per_pixel"] == len(jpeg) / 2000
    assert facts["face_share"] == 0
    assert facts["tables"] != picture_facts(file_of(noise(), "JPEG", quality=90), noise())["tables"]
    png = picture_facts(file_of(noise(), "PNG"), noise())
    assert (png["format"], png["tables"], png["quality"]) == ("PNG RGB", "", 101)
