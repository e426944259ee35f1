"""A generator's figures: how close to real pictures, how varied, how fast, and caught by whom."""

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forensics import fidelity
from forensics.benchmark.contestants import FUSED, fusion_of
from forensics.benchmark.metrics import auc, cluster_bootstrap
from forensics.benchmark.tables import ROUNDS, Figure
from forensics.benchmark.zoo_embedding import embedded
from forensics.detector import CropDetector, fake_logit
from forensics.errors import ForensicsError, InvalidManifest
from forensics.generator import Told
from forensics.holding_out import held_out, square
from forensics.plugins import default_detectors, load
from forensics.schema import Floats, Image
from forensics.statistics import Reals, clopper_pearson
from forensics.training import PictureData

COMPARED_AT = 32
"""Px, at most, at which a sample's nearest training picture is looked for."""
NEAREST = 16
STEPS = 6
"""Training steps that are timed; the first is warm-up and the last saves."""


class RealPictures:
    """Pictures that generators learned from, and the tenth that they did not."""

    def __init__(self, data: PictureData) -> None:
        self.data = data
        self._sides: dict[int, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = {}

    @cached_property
    def _read(self) -> list[tuple[str, Image]]:
        found = []
        for name in self.data.names:
            try:
                found.append((name, self.data.read(name)))
            except ForensicsError:
                # Training leaves damaged pictures out, counted, in its own folder.
                continue
        return found

    def at(self, side: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Those learned from and those held out, (N, side, side, 3) uint8 each.

        Raises:
            InvalidManifest: fewer than 2 pictures of this size on either side.
        """
        if side not in self._sides:
            fitting = [(n, square(p, side)) for n, p in self._read if min(p.shape[:2]) >= side]
            parts = [[p for n, p in fitting if held_out(n) is apart] for apart in (False, True)]
            if min(map(len, parts)) < fidelity.FEWEST:
                raise InvalidManifest(
                    f"{len(parts[0])} pictures of {side} px to learn from and {len(parts[1])} held"
                    " out: give more or larger ones with --data"
                )
            self._sides[side] = np.stack(parts[0]), np.stack(parts[1])
        return self._sides[side]


@dataclass(frozen=True, eq=False)
class Closeness:
    """Distances to held-out pictures in the embedding, and what two sets of these are apart.

    `distance`, `floor`: kernel distance times 1,000; `precision`, `recall` and their floors in
    [0, 1]; `samples` and `reals` say how many pictures each rests on.
    """

    distance: Figure
    floor: Figure
    precision: Figure
    recall: Figure
    precision_floor: Figure
    recall_floor: Figure
    samples: int
    reals: int


@dataclass(frozen=True, eq=False)
class Copies:
    """Samples beside their nearest training pictures.

    `pairs`: (K, 2, S, S, 3) uint8; `distances`: (K,) root mean squares in grey levels;
    `of_real`: the same distances of as many held-out pictures.
    """

    pairs: NDArray[np.uint8]
    distances: Reals
    of_real: Reals


@dataclass(eq=False)
class Measured:
    """All figures of one generator; None or a missing entry where there is none.

    `catches`: AUC by detector, or why there is none; `obeyed`: by attribute, the share of true
    statements of generated and of drawn pictures.
    """

    size: int
    per_second: float
    closeness: Closeness | None = None
    step_seconds: float | None = None
    copies: Copies | None = None
    catches: dict[str, Figure | str] = field(default_factory=dict)
    obeyed: dict[str, tuple[Figure, Figure]] = field(default_factory=dict)


def timed_samples(plugin: Any, count: int) -> tuple[list[Image], float]:
    """Draw pictures, and say how many came in a second of one process's CPU time."""
    plugin.sample(1, seed=0)
    start = time.process_time()
    made: list[Image] = plugin.sample(count, seed=0)
    return made, count / max(time.process_time() - start, 1e-9)


def closeness(made: Sequence[Image], reals: NDArray[np.uint8], *, rounds: int) -> Closeness:
    """Compare samples with held-out pictures, and these with others of them.

    The held-out pictures are halved; each half has at most as many pictures as there are samples.
    """
    order = np.random.default_rng(0).permutation(len(reals))
    half = min(len(reals) // 2, len(made))
    first, second = (embedded(list(reals[rows])) for rows in (order[:half], order[half:][:half]))
    fake = embedded(made)
    precision, recall = _near(fake, first, rounds), _near(first, fake, rounds)
    return Closeness(
        distance=_distance(first, fake, rounds),
        floor=_distance(first, second, rounds),
        precision=precision,
        recall=recall,
        precision_floor=_near(second, first, rounds),
        recall_floor=_near(first, second, rounds),
        samples=len(fake),
        reals=half,
    )


def _distance(real: Floats, fake: Floats, rounds: int) -> Figure:
    low, high = fidelity.kernel_distance_interval(real, fake, rounds=rounds)
    figure = fidelity.kernel_distance(real, fake)
    return Figure(1000 * figure, 1000 * low, 1000 * high, len(fake), len(real))


def _near(points: Floats, support: Floats, rounds: int) -> Figure:
    hits = fidelity.covered(points, support)
    return Figure(float(hits.mean()), *fidelity.share_interval(hits, rounds=rounds))


def copies(made: Sequence[Image], learned: NDArray[np.uint8], apart: NDArray[np.uint8]) -> Copies:
    """Find the training picture nearest to each of the first samples, mirrored ones included."""
    side = min(COMPARED_AT, learned.shape[1])
    small = np.stack([square(picture, side) for picture in learned])
    known = np.concatenate([small, small[:, :, ::-1]])
    shown = [square(picture, side) for picture in made[:NEAREST]]
    index, distances = fidelity.nearest(_flat(shown), _flat(known))
    drawn = np.random.default_rng(0).permutation(len(apart))[:NEAREST]
    others = [square(picture, side) for picture in apart[drawn]]
    of_real = fidelity.nearest(_flat(others), _flat(known))[1]
    pixels = np.sqrt(known[0].size)
    return Copies(np.stack([shown, known[index]], axis=1), distances / pixels, of_real / pixels)


def _flat(pictures: Sequence[Image] | NDArray[np.uint8]) -> Floats:
    return np.asarray(pictures, np.float32).reshape(len(pictures), -1)


def step_seconds(plugin: Any, data: PictureData) -> float | None:
    """CPU seconds of one training step under the shipped weights' recipe; None if it learns not."""
    if not hasattr(plugin, "recipe") or not hasattr(plugin, "train"):
        return None
    batch = plugin.recipe.batch
    short = dataclasses.replace(
        plugin.recipe, images=batch * STEPS, log_every=1, save_every=0, snapshot_every=0
    )
    with tempfile.TemporaryDirectory() as folder:
        few = PictureData(data.names[: 4 * batch], data.read, Path(folder))
        steps = plugin.train(few, short, 0)
        marks = [time.process_time() for _ in _few(steps, STEPS - 1)]
    return statistics.median(after - before for before, after in pairwise(marks))


def _few(steps: Iterator[Any], count: int) -> Iterator[Any]:
    for _, step in zip(range(count), steps, strict=False):
        yield step


def catches(made: Sequence[Image], reals: Sequence[Image]) -> dict[str, Figure | str]:
    """How well each detector, and all together, tell samples from real pictures of their size.

    Returns:
        AUC with its interval by detector, or in words why there is none.
    """
    found: dict[str, Figure | str] = {}
    logits: dict[str, list[Floats]] = {}
    for name in default_detectors():
        try:
            detector = load("detector", name)
            if isinstance(detector, CropDetector):
                logits[name] = detector.class_logits([*made, *reals])
                scores = np.asarray([fake_logit(rows).mean() for rows in logits[name]])
            else:
                scores = np.asarray(detector.score([*made, *reals]))
            found[name] = _ranked(scores, len(made))
        except ForensicsError as error:
            found[name] = str(error)
    found[FUSED] = _fused(logits, [*made, *reals], len(made))
    return found


def _fused(logits: Mapping[str, list[Floats]], shown: list[Image], made: int) -> Figure | str:
    fusion = fusion_of(tuple(logits))
    if fusion is None:
        return "these detectors have no calibration together"
    scores = [
        fusion.judge({name: [rows[i]] for name, rows in logits.items()}, (), picture.shape).score
        for i, picture in enumerate(shown)
    ]
    return _ranked(np.asarray(scores), made)


def _ranked(scores: NDArray[np.floating], made: int) -> Figure:
    labels = (np.arange(len(scores)) < made).astype(int)
    values = scores.astype(np.float64)

    def statistic(rows: NDArray[np.intp]) -> float:
        drawn = labels[rows]
        return auc(drawn, values[rows]) if 0 < drawn.sum() < len(drawn) else 0.5

    each = np.asarray([str(i) for i in range(len(scores))])
    low, high = cluster_bootstrap(each, statistic, count=ROUNDS, seed=0)
    return Figure(auc(labels, values), low, high, made, len(scores) - made)


def obedience(plugin: Any, count: int) -> dict[str, tuple[Figure, Figure]]:
    """How much of what was said is true of the pictures, by attribute; empty for the untold."""
    if not isinstance(plugin, Told):
        return {}
    return {
        name: (_share(right, said), _share(ceiling, of))
        for name, (right, said, ceiling, of) in plugin.obeyed(count, seed=0).items()
    }


def _share(right: int, of: int) -> Figure:
    return Figure(right / of, *clopper_pearson(right, of), fakes=of)
