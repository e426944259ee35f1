"""Trace makers on trial: what they cost, and what they do to a picture."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from forensics.benchmark.card_file import update_card
from forensics.benchmark.metrics import auc, cluster_bootstrap
from forensics.benchmark.tables import Figure
from forensics.detector import Trainable
from forensics.errors import BrokenPlugin, WeightsUnavailable
from forensics.generator import Manipulator
from forensics.media import load_image
from forensics.plugins import entries, load, plugin_class, read_card
from forensics.schema import Image
from forensics.statistics import Reals
from forensics.traces.texture import high_frequency_energy
from forensics.training import Sample
from forensics.weights import load_tensors

SHEET_SIDE = 192
DIFFERENCE_GAIN = 4


@dataclass(frozen=True)
class MakerFacts:
    """What one trace maker costs, and whether high-frequency energy alone gives it away.

    `seconds`: processor time a picture, which another program's load does not change.
    """

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
    name: str,
    maker_of: Callable[[Sample], Manipulator],
    parents: Sequence[Sample],
    read: Callable[[Sample], Image],
) -> MakerFacts:
    """Run a maker over real pictures and compare its output with its parents.

    The AUC is that of high-frequency energy as a detector of this maker, its sign ignored.

    Args:
        name: the maker's.
        maker_of: gives the maker for a picture, which is the same for all but swappers.
        parents: the pictures.
        read: gives their pixels.
    """
    energies, errors, spent = [], [], 0.0
    for sample in parents:
        image, maker = read(sample), maker_of(sample)
        start = time.process_time()
        [made], _ = maker.apply([image], sample.seed(0))
        spent += time.process_time() - start
        energies.append((high_frequency_energy(image), high_frequency_energy(made)))
        errors.append(float(np.square(image.astype(np.float32) - made).mean()))
    return MakerFacts(
        name=name,
        seconds=spent / len(parents),
        parameters=parameters_of(maker_of(parents[0])),
        energy=_energy_auc(np.asarray(energies), parents),
        peak_signal=float(np.mean([10 * np.log10(255**2 / max(error, 1e-2)) for error in errors])),
    )


def note_energy(facts: MakerFacts, folder: Path) -> None:
    """Write into a maker's card how well high-frequency energy tells its output from the parents.

    Args:
        facts: of the maker.
        folder: where its card `NAME.toml` lies.
    """
    figure = facts.energy
    known = {
        "high_frequency_energy_auc": round(figure.value, 3),
        "high_frequency_energy_auc_interval": [round(figure.low, 3), round(figure.high, 3)],
        "high_frequency_energy_auc_pictures": figure.fakes,
    }
    path = folder / f"{facts.name}.toml"
    update_card(path, figures={**read_card(path).figures, **known})


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
