"""Trace makers on trial: what they do to a picture, and what a detector learns from them."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from forensics.benchmark.datasets import PictureStore
from forensics.benchmark.metrics import auc, cluster_bootstrap
from forensics.benchmark.out_of_fold import (
    ScoreBook,
    detector_of_run,
    options_with_cache,
    score_run,
)
from forensics.benchmark.tables import Figure, generator_auc, mean_auc, rows_of
from forensics.detector import CropDetector, Trainable, fake_logit
from forensics.errors import BrokenPlugin, WeightsUnavailable
from forensics.generator import Manipulator
from forensics.media import load_image
from forensics.plugins import entries, load, plugin_class
from forensics.schema import Image
from forensics.statistics import Reals
from forensics.traces.texture import high_frequency_energy
from forensics.training import Sample, TrainingData
from forensics.weights import load_tensors

CHOICE_FOLDS = ("A", "C")
"""Choices between recipes are made on these."""
SHEET_SIDE = 192
DIFFERENCE_GAIN = 4


@dataclass(frozen=True)
class MakerFacts:
    """What one trace maker costs, and whether high-frequency energy alone gives it away."""

    name: str
    seconds: float
    parameters: int
    energy: Figure
    peak_signal: float


def makers() -> Iterator[tuple[str, Manipulator]]:
    """Every generator that changes pictures by itself and has its weights."""
    for name in entries("generator"):
        if not issubclass(plugin_class("generator", name), Manipulator):
            continue
        try:
            maker: Manipulator = load("generator", name)
            trained = isinstance(maker, Trainable)
            if trained or maker.card.weights:
                load_tensors(maker.card)
        except (WeightsUnavailable, BrokenPlugin):
            continue
        yield name, maker


def facts_of(
    name: str, maker: Manipulator, parents: Sequence[Sample], read: Callable[[Sample], Image]
) -> MakerFacts:
    """Run a maker over real pictures and compare its output with its parents.

    The AUC is that of high-frequency energy as a detector of this maker, its sign ignored.
    """
    energies, errors, spent = [], [], 0.0
    for sample in parents:
        image = read(sample)
        start = time.perf_counter()
        [made], _ = maker.apply([image], sample.seed(0))
        spent += time.perf_counter() - start
        energies.append((high_frequency_energy(image), high_frequency_energy(made)))
        errors.append(float(np.square(image.astype(np.float32) - made).mean()))
    return MakerFacts(
        name=name,
        seconds=spent / len(parents),
        parameters=parameters_of(maker),
        energy=_energy_auc(np.asarray(energies), parents),
        peak_signal=float(np.mean([10 * np.log10(255**2 / max(error, 1e-2)) for error in errors])),
    )


def parameters_of(maker: Manipulator) -> int:
    """How many numbers its weights hold; 0 where it was not trained."""
    if not maker.card.weights:
        return 0
    return sum(prod(tensor.shape) for tensor in load_tensors(maker.card).values())


def _energy_auc(energies: Reals, parents: Sequence[Sample]) -> Figure:
    scores = np.concatenate([energies[:, 0], energies[:, 1]])
    labels = np.repeat([0, 1], len(parents))
    clusters = np.asarray([sample.cluster for sample in parents] * 2)
    sign = 1 if auc(labels, scores) >= 0.5 else -1  # noqa: PLR2004
    low, high = cluster_bootstrap(
        clusters, lambda rows: auc(labels[rows], sign * scores[rows]), seed=0
    )
    return Figure(auc(labels, sign * scores), low, high, len(parents), len(parents))


def contact_sheet(path: Path, photograph: Image, chosen: Mapping[str, Manipulator]) -> None:
    """Draw a row a maker: the original, what was made of it, four times the difference, the mask.

    photograph: (H, W, 3) uint8 RGB; its middle square of 192 px is shown at native resolution.
    """
    rows = []
    for maker in chosen.values():
        [made], [mask] = maker.apply([photograph], seed=1)
        gap = DIFFERENCE_GAIN * (made.astype(np.float32) - photograph) + 127
        shown = np.repeat(np.rint(255 * mask)[..., None], 3, axis=2)
        tiles = (photograph, made, np.clip(gap, 0, 255), shown)
        rows.append(np.concatenate([_middle(tile) for tile in tiles], axis=1))
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(np.concatenate(rows).astype(np.uint8)).save(path, "PNG", optimize=True)


def _middle(image: np.ndarray) -> np.ndarray:
    top, left = ((side - SHEET_SIDE) // 2 for side in image.shape[:2])
    return image[top : top + SHEET_SIDE, left : left + SHEET_SIDE]


def public_photograph() -> Image:
    """The public-domain portrait that matplotlib ships, its face in the middle."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return np.ascontiguousarray(load_image(path)[20:340, 90:410])


@dataclass(frozen=True)
class Mix:
    """A detector's run on a mix of trace makers, and where its features and scores lie."""

    detector: str
    makers: tuple[str, ...]
    folder: Path
    cache: Path

    @property
    def title(self) -> str:
        """The makers' names, or "rows only"."""
        return " + ".join(self.makers) or "rows only"

    def run(self, fold: str) -> Path:
        """The folder of the run without `fold`."""
        return self.folder / ("-".join(self.makers) or "none") / f"{self.detector}-{fold}"


def left_out_auc(
    mix: Mix, samples: Sequence[Sample], store: PictureStore, condition: str
) -> dict[str, Figure]:
    """Train without A and without C on a mix, score what was left out.

    Returns:
        Mean AUC over the generators of both folds against the reals of the same fold, and then of
        each generator, by name.
    """
    chosen = [sample for sample in samples if sample.fold in CHOICE_FOLDS]
    scores: dict[str, float] = {}
    for fold in CHOICE_FOLDS:
        detector = _trained(mix, fold, samples, store)
        left_out = [sample for sample in chosen if sample.fold == fold]
        book = ScoreBook(mix.run(fold).parent / f"scores-{mix.detector}.jsonl")
        for row in score_run(detector, left_out, store.read, book, condition):
            scores[row.path] = float(fake_logit(row.logits).mean())
    rows = rows_of(chosen)
    ranked = np.asarray([scores[sample.path] for sample in chosen])
    figures = {name: generator_auc(rows, ranked, name, own_fold=True) for name in rows.fakes}
    return {"mean": mean_auc(rows, ranked, own_fold=True), **figures}


def _trained(mix: Mix, fold: str, samples: Sequence[Sample], store: PictureStore) -> CropDetector:
    plugin = load("detector", mix.detector, options_with_cache(mix.detector, mix.cache))
    data = TrainingData(
        samples=tuple(sample for sample in samples if sample.fold != fold),
        read=store.read,
        makers={name: store.twin(load("generator", name)) for name in mix.makers},
        folder=mix.run(fold),
        cache=mix.cache,
    )
    if not list(mix.run(fold).glob("*.safetensors")):
        for _ in plugin.train(data, plugin.Recipe(), 0):
            pass
    options = options_with_cache(mix.detector, mix.cache)
    return detector_of_run(mix.detector, mix.run(fold), options)
