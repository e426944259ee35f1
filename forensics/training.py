"""What every training run shares: the data it is handed, its log, its checkpoints.

A recipe is a frozen dataclass of the plugin that trains; its fields go into the card. Data comes
from above (`commands/train.py`), so that no detector knows where pictures lie or who made twins.
"""

import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from forensics.errors import InvalidManifest, OutputFailed
from forensics.schema import Floats, Image, Step

EQUALISE = -2
"""The number of the seed that draws a picture's equalising compression."""


@dataclass(frozen=True)
class Sample:
    """One picture of the training data, without its pixels.

    `kind` is 0 real, 1 synthetic, 2 manipulated, as `forensics.detector.CLASSES`; `source` is the
    generator of a fake and the group of a real picture; `check` rows never train shipped weights.
    """

    path: str
    kind: int
    generator: str
    group: str
    fold: str
    cluster: str
    check: bool

    @property
    def fake(self) -> bool:
        """Whether the picture is a fake of any kind."""
        return self.kind > 0

    @property
    def source(self) -> str:
        """What shares a weight: a generator, or a real source."""
        return self.generator if self.fake else self.group

    def in_share(self, share: float, maker: int = 0) -> bool:
        """Whether a real picture belongs to the share that come with a twin by that maker."""
        return not self.fake and self.seed(2003 + maker) / 2.0**48 < share

    def seed(self, view: int) -> int:
        """A seed that depends on this picture and `view` alone."""
        digest = hashlib.sha256(f"{self.path} {view}".encode()).digest()
        return int.from_bytes(digest[:6], "big")


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Pictures to learn from, and where a run may keep what it computes.

    Attributes:
        samples: the rows this run may see, and no others.
        read: gives a row's pixels, (H, W, 3) uint8 RGB, framing already equalised.
        makers: by name, what gives a fake of the same size and content for a real picture; the
            first is always `reconstruction`.
        folder: the run's own folder: log, checkpoints, weights.
        cache: a folder shared by runs: features that depend on the picture alone.
        large: paths of pictures of which `read` shows a part.
        whole: gives the pixels of such a picture, as it is framed in its file.
    """

    samples: tuple[Sample, ...]
    read: Callable[[Sample], Image]
    makers: Mapping[str, Callable[[Sample], Image]]
    folder: Path
    cache: Path
    large: frozenset[str] = frozenset()
    whole: Callable[[Sample], Image] | None = None

    def __post_init__(self) -> None:
        classes = {sample.fake for sample in self.samples}
        if classes != {False, True}:
            raise InvalidManifest("training needs real and fake pictures; one class is missing")


Distance = Callable[[Sequence[Image], Sequence[Image]], float]
"""How far made pictures are from real ones, which come first."""


@dataclass(frozen=True, eq=False)
class PictureData:
    """Pictures without labels, for generators.

    Attributes:
        names: what `read` takes; the order is the same in every run.
        read: gives a picture's pixels, (H, W, 3) uint8 RGB.
        folder: the run's own folder: log, checkpoints, weights.
        distance: None where nothing can tell.
    """

    names: tuple[str, ...]
    read: Callable[[str], Image]
    folder: Path
    distance: Distance | None = None

    def __post_init__(self) -> None:
        if not self.names:
            raise InvalidManifest("training needs pictures; there are none")


def source_weights(samples: Sequence[Sample], power: float = 0.5) -> NDArray[np.float64]:
    """Weight rows so that a source of n pictures counts n^(1 - power), and classes count alike.

    Returns:
        (N,) float64, summing to 1.
    """
    sources = np.asarray([sample.source for sample in samples])
    _, inverse, counts = np.unique(sources, return_inverse=True, return_counts=True)
    weights = counts[inverse].astype(np.float64) ** -power
    fake = np.asarray([sample.fake for sample in samples])
    for chosen in (fake, ~fake):
        weights[chosen] /= max(weights[chosen].sum(), 1e-12) * 2
    return weights


def blended(image: Image, twin: Image, seed: int) -> tuple[Image, int]:
    """Blend a reconstruction back into its picture, half of the time only inside a random mask.

    Returns:
        The fake, (H, W, 3) uint8 RGB, and its kind: 1 where the whole picture went through the
        decoder, 2 where a region did.
    """
    rng = np.random.default_rng(seed)
    if rng.random() < 1 / 2:
        return twin, 1
    share = rng.uniform(0.3, 1.0)
    if rng.random() < 1 / 2:
        return _mixed(image, twin, np.full(image.shape[:2], share, np.float32)), 1
    return _mixed(image, twin, share * soft_mask(image.shape[0], image.shape[1], rng)), 2


def soft_mask(height: int, width: int, rng: np.random.Generator) -> Floats:
    """A soft ellipse somewhere in the picture, (height, width) float32 in [0, 1]."""
    centre = rng.uniform(0.25, 0.75, 2) * (height, width)
    radii = rng.uniform(0.15, 0.45, 2) * (height, width) + 1
    y, x = np.ogrid[:height, :width]
    distance = np.hypot((y - centre[0]) / radii[0], (x - centre[1]) / radii[1])
    return np.asarray(np.clip((1.15 - distance) / 0.3, 0, 1), np.float32)


def _mixed(image: Image, twin: Image, share: Floats) -> Image:
    mask = share[..., None]
    mixed = image.astype(np.float32) * (1 - mask) + twin.astype(np.float32) * mask
    return np.rint(mixed).astype(np.uint8)


def logged(steps: Iterator[Step], path: Path) -> Iterator[Step]:
    """Pass steps through and append their figures to a CSV; a resumed run goes on in its file.

    Rows that a stopped run wrote after its last checkpoint give way to those of the same steps.

    Raises:
        OutputFailed: the disk is full or may not be written.
    """
    first = True
    for step in steps:
        with _writable(path):
            if first:
                path.parent.mkdir(parents=True, exist_ok=True)
                _forget_from(step.step, path)
            _append(step, path)
        first = False
        yield step


def _append(step: Step, path: Path) -> None:
    fresh = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if fresh:
            writer.writerow(["step", *step.figures])
        writer.writerow([step.step, *(f"{value:.6g}" for value in step.figures.values())])


def _forget_from(step: int, path: Path) -> None:
    """Drop the rows of a log from this step on."""
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8") as file:
        lines = file.readlines()
    # A full disk may have cut the last row.
    kept = [row for row in lines[1:] if row.endswith("\n") and int(row.partition(",")[0]) < step]
    if kept != lines[1:]:
        with whole_output(path) as part:
            part.write_text("".join([*lines[:1], *kept]), encoding="utf-8", newline="")


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        yield
    # torch and safetensors wrap the system's error in their own.
    except (OSError, RuntimeError, SafetensorError) as error:
        raise OutputFailed(
            f"{path.name} could not be written ({error}); make room or choose another --out, then"
            " run the same command again: it goes on from its last checkpoint"
        ) from error


@contextmanager
def whole_output(path: Path) -> Iterator[Path]:
    """Give a path to write to, and put the file at `path` once it is whole; else remove it.

    Raises:
        OutputFailed: the disk is full or may not be written; what was at `path` stays.
    """
    part = path.with_name(f"{path.name}.part")
    with _writable(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


class Checkpoint:
    """The state of a training run on disk; the last good one survives a crash while saving."""

    def __init__(self, path: Path) -> None:
        """Keep the checkpoint at `path`."""
        self.path = path

    def save(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint in one step.

        Raises:
            OutputFailed: the disk is full or may not be written; the last checkpoint stays.
        """
        import torch

        with whole_output(self.path) as part:
            torch.save(state, part)

    def load(self) -> dict[str, Any] | None:
        """Return the last state, or None where there is none. Tensors and numbers only."""
        import torch

        if not self.path.exists():
            return None
        state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        return state
