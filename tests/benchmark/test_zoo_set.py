"""Laws of a set whose fakes our zoo makes: whose twins they are, and which count."""

from pathlib import Path

import numpy as np
import pytest

from forensics.benchmark.collection import Collection
from forensics.benchmark.datasets import PictureStore, check_rows, twin_path
from forensics.benchmark.zoo_set import HELD_OUT, zoo_collection, zoo_samples
from forensics.cli import main
from forensics.errors import InvalidOption
from forensics.plugins import load
from forensics.training import Sample
from tests.benchmark.made_sets import folders, picture, save

PARENTS = [
    Sample(f"{n}.png", 0, "", "camera", "AB"[n % 2], f"cluster {n}", check=True) for n in range(3)
]


@pytest.fixture
def store(tmp_path: Path) -> PictureStore:
    for number, parent in enumerate(PARENTS):
        save(picture(number, side=96), tmp_path / "set" / parent.path)
    return PictureStore(tmp_path / "set", tmp_path / "cache")


def test_a_twin_is_what_its_maker_makes_of_its_picture_and_shares_its_fold(
    store: PictureStore,
) -> None:
    maker = load("generator", "super_resolution")
    for parent, twin in zip(
        PARENTS, zoo_samples(["super_resolution"], PARENTS, store), strict=True
    ):
        assert twin is not None
        assert twin.fake
        assert (twin.fold, twin.cluster) == (parent.fold, parent.cluster)
        assert twin.generator == twin.group == "super_resolution"
        [made], _ = maker.apply([store.read(parent)], parent.seed(0))
        assert np.array_equal(store.original(twin), made)


@pytest.mark.parametrize(
    "makers", [["nobody"], ["stylegan2"], ["deepfakes"], ["inpainting", "inpainting"]]
)
def test_makers_that_cannot_change_a_picture_or_come_twice_are_refused(
    store: PictureStore, makers: list[str]
) -> None:
    with pytest.raises(InvalidOption, match="--zoo"):
        list(zoo_samples(makers, PARENTS, store))


def test_what_a_maker_leaves_as_it_is_counts_as_no_fake(store: PictureStore) -> None:
    assert list(zoo_samples(["self_blended", "landmark_swap"], PARENTS, store)) == [None] * 6


def test_decoders_held_out_are_kept_apart_from_those_that_train_detectors(
    store: PictureStore,
) -> None:
    pairs = zip(
        zoo_samples(["decoders"], PARENTS, store),
        zoo_samples([HELD_OUT], PARENTS, store),
        strict=True,
    )
    for known, held_out in pairs:
        assert known is not None
        assert held_out is not None
        assert not np.array_equal(store.original(known), store.original(held_out))


def test_the_set_is_the_pictures_and_their_twins(store: PictureStore) -> None:
    found = Collection(
        store.root, (*PARENTS, Sample("f", 1, "g", "g", "A", "f", check=True)), {}, "m"
    )
    twins = [twin for twin in zoo_samples([HELD_OUT], PARENTS, store) if twin is not None]
    made = zoo_collection(found, PARENTS, twins)
    assert {sample.path for sample in made.samples} == {
        each.path for parent in PARENTS for each in (parent, twins[PARENTS.index(parent)])
    }
    assert twins[0].path == twin_path(HELD_OUT, PARENTS[0])
    with pytest.raises(InvalidOption, match="no maker changed any"):
        zoo_collection(found, PARENTS, [])


def test_check_rows_are_capped_by_group_and_no_others_come() -> None:
    rows = [
        Sample(f"{group}{n}", 0, "", group, "A", f"{group}{n}", check=n % 2 == 0)
        for group in "gh"
        for n in range(20)
    ]
    chosen = check_rows(rows, 4)
    assert all(sample.check for sample in chosen)
    assert [sum(sample.group == group for sample in chosen) for group in "gh"] == [4, 4]
    assert set(check_rows(rows, 3)) < set(chosen)


def test_the_zoo_needs_folds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = folders(tmp_path / "set", fakes={"gan": "jpg"}, reals=2, each=2)
    line = ["benchmark", str(root), "--out", str(tmp_path / "out"), "--zoo", "super_resolution"]
    assert main(line) != 0
    assert "--zoo needs --folds" in capsys.readouterr().err


def test_the_zoo_is_scored_by_the_weights_that_ship(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "manifest.csv").write_text("path,family\nr.png,real\nf.png,gan\n", encoding="utf-8")
    (tmp_path / "folds.csv").write_text(
        "path,label,group,fold,generator,cluster,parent,check\n"
        "r.png,real,camera,A,,r,,1\nf.png,fake,gan,A,gan,f,,1\n",
        encoding="utf-8",
    )
    line = ["benchmark", str(tmp_path / "manifest.csv"), "--folds", str(tmp_path / "folds.csv")]
    more = ["--runs", str(tmp_path), "--out", str(tmp_path / "out"), "--zoo", "super_resolution"]
    assert main([*line, *more]) != 0
    assert "omit --runs" in capsys.readouterr().err
