"""Laws of scoring out of fold: nothing twice, and never by a detector that knows the fold."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from forensics.benchmark.evaluation import judge_left_out
from forensics.benchmark.out_of_fold import ScoreBook, clean, degraded, score_run
from forensics.detector import CropDetector
from forensics.fitting import OutOfFold
from forensics.schema import Floats, Image, ModelCard, WeightFile
from forensics.training import Sample


class Counting(CropDetector):
    """Counts the pictures it was shown."""

    asked = 0

    def class_logits(self, images: Sequence[Image]) -> list[Floats]:
        self.asked += len(images)
        return [np.asarray([[0, image.mean(), 0]], np.float32) for image in images]


def detector(sha256: str = "aa") -> Counting:
    card = ModelCard("counting", "detector", "", "", "", "", Path())
    return Counting(ModelCard(**{**vars(card), "weights": (WeightFile("w", sha256),)}))


def samples(count: int = 3) -> list[Sample]:
    return [Sample(f"{i}.png", 0, "", "camera", "A", str(i), check=False) for i in range(count)]


def picture(sample: Sample) -> Image:
    return np.full((32, 32, 3), 40 * (int(sample.path[0]) + 1), np.uint8)


def test_a_score_in_the_book_is_not_computed_again(tmp_path: Path) -> None:
    first, second = detector(), detector()
    rows = [
        list(score_run(one, samples(), picture, ScoreBook(tmp_path / "b"), "clean"))
        for one in (first, second)
    ]
    assert (first.asked, second.asked) == (3, 0)
    assert [row.logits.tolist() for row in rows[0]] == [row.logits.tolist() for row in rows[1]]


def test_other_weights_are_scored_anew(tmp_path: Path) -> None:
    for sha256 in ("aa", "bb"):
        one = detector(sha256)
        list(score_run(one, samples(), picture, ScoreBook(tmp_path / "b"), "clean"))
        assert one.asked == 3


def test_degrading_halves_the_sides() -> None:
    image = picture(samples()[0])
    assert clean(image, 0).shape == (32, 32, 3)
    assert degraded(image, 0).shape == (16, 16, 3)


def test_a_fold_is_judged_by_what_the_others_say() -> None:
    # In fold B the input lies: were B's labels used to judge B, its scores would turn round.
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    folds = np.where(np.arange(400) < 300, "A", "B")
    inputs = rng.normal(0, 0.3, 400) + np.where(folds == "A", labels, 1 - labels)
    names = ("spectrum.mean",)
    table = OutOfFold(
        dict.fromkeys(names, inputs),
        labels,
        np.where(labels == 1, "gan", "camera"),
        np.arange(400).astype(str),
        np.where(labels == 1, "synthetic", "real"),
    )
    scores = judge_left_out(table, folds, ["spectrum"]).scores
    held = folds == "B"
    assert scores[held & (labels == 0)].mean() > scores[held & (labels == 1)].mean()
