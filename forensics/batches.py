"""Which pictures meet in one batch: a third matched groups, a third all others, a third pairs.

Every draw depends on the seed and the number of the step alone, so that a resumed run sees what an
uninterrupted one would have seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forensics.augmentation import Chain, augment
from forensics.schema import Image
from forensics.training import Sample, TrainingData, blended

MATCHED = (
    ("stylegan1-256", "ffhq-256"),
    ("openforensics-swap", "openforensics-real"),
    ("inswapper", "ffhq-256-q95"),
    ("ciplab-photoshop", "ciplab-real"),
    ("stylegan2-omi", "ffhq-1024"),
)
"""Fakes and reals of one pipeline each: nothing but the trace tells them apart."""
TRIES = 8
"""Pairs that are looked at for one whose crops differ."""


@dataclass(frozen=True, eq=False)
class Batch:
    """`crops`: (N, S, S, 3) uint8 RGB; `kinds`: (N,); `sources`; `pairs`: (P, 2) rows."""

    crops: NDArray[np.uint8]
    kinds: NDArray[np.intp]
    sources: tuple[str, ...]
    pairs: NDArray[np.intp]


class BatchPlan:
    """Draws batches of a training set."""

    def __init__(
        self,
        data: TrainingData,
        size: int,
        side: int,
        chain: Chain,
        twins: float,
        *,
        matched: bool = True,
        blend: bool = True,
    ) -> None:
        """Plan batches.

        Args:
            data: the pictures, and what makes their twins.
            size: crops a batch.
            side: of a crop in px.
            chain: degrades every crop.
            twins: the share of real pictures that come in pairs.
            matched: whether a third of a batch are fakes and reals of one pipeline each.
            blend: whether half of the twins are blended back into their pictures.
        """
        self.data, self.size, self.side, self.chain, self.blend = data, size, side, chain, blend
        present = {sample.group for sample in data.samples} if matched else set()
        self.matched = [pair for pair in MATCHED if present.issuperset(pair)]
        self.by_group = _grouped(data.samples)
        self.paired = [
            (sample, maker)
            for place, maker in enumerate(data.makers)
            for sample in data.samples
            if sample.in_share(twins, place)
        ]

    def batch(self, seed: int, step: int) -> Batch:
        """Return the batch of a step, the same for the same seed; no pairs without makers."""
        if not self.paired:
            return self.unpaired(seed, step)
        rng = np.random.default_rng([seed, step])
        third = self.size // 3
        singles = [*self._matched(third, rng), *self._others(third, rng)]
        crops = [self._crop(sample, rng) for sample in singles]
        kinds, sources = [s.kind for s in singles], [s.source for s in singles]
        pairs = []
        for _ in range((self.size - len(singles)) // 2):
            drawn = self._changed_pair(rng)
            if drawn is None:
                continue
            real, fake, kind, names = drawn
            pairs.append((len(crops), len(crops) + 1))
            crops += [real, fake]
            kinds += [0, kind]
            sources += names
        rows = np.asarray(pairs, np.intp).reshape(-1, 2)
        return Batch(np.stack(crops), np.asarray(kinds), tuple(sources), rows)

    def unpaired(self, seed: int, step: int) -> Batch:
        """Return the batch of a step without pairs: half fakes, half reals, `_others` alone."""
        rng = np.random.default_rng([seed, step])
        chosen = self._others(self.size, rng)
        return Batch(
            crops=np.stack([self._crop(sample, rng) for sample in chosen]),
            kinds=np.asarray([sample.kind for sample in chosen]),
            sources=tuple(sample.source for sample in chosen),
            pairs=np.empty((0, 2), np.intp),
        )

    def _matched(self, count: int, rng: np.random.Generator) -> list[Sample]:
        if not self.matched:
            return self._others(count, rng)
        chosen = [self.matched[rng.integers(len(self.matched))] for _ in range(count // 2)]
        return [self._any(group, rng) for pair in chosen for group in pair]

    def _others(self, count: int, rng: np.random.Generator) -> list[Sample]:
        """Draw half fakes, half reals, groups by the square root of their size."""
        drawn = []
        for fake in (False, True):
            groups = [name for name, rows in self.by_group.items() if rows[0].fake == fake]
            weights = np.sqrt([len(self.by_group[name]) for name in groups])
            names = rng.choice(groups, count // 2, p=weights / weights.sum())
            drawn += [self._any(str(name), rng) for name in names]
        return drawn

    def _any(self, group: str, rng: np.random.Generator) -> Sample:
        rows = self.by_group[group]
        return rows[rng.integers(len(rows))]

    def _crop(self, sample: Sample, rng: np.random.Generator) -> Image:
        return augment(self.data.read(sample), self.side, int(rng.integers(2**32)), self.chain)

    def _changed_pair(
        self, rng: np.random.Generator
    ) -> tuple[Image, Image, int, tuple[str, str]] | None:
        """A pair whose crops differ; None where none was drawn in some tries.

        A maker may leave a picture as it is, or change what the crop does not show: no fake.
        """
        for _ in range(TRIES):
            sample, maker = self.paired[rng.integers(len(self.paired))]
            real, fake, kind = self._pair(sample, maker, rng)
            if not np.array_equal(real, fake):
                return real, fake, kind, (sample.source, maker)
        return None

    def _pair(
        self, sample: Sample, maker: str, rng: np.random.Generator
    ) -> tuple[Image, Image, int]:
        image, seed = self.data.read(sample), int(rng.integers(2**32))
        fake, kind = self.data.makers[maker](sample), 1
        if self.blend:
            fake, kind = blended(image, fake, int(rng.integers(2**32)))
        return (
            augment(image, self.side, seed, self.chain),
            augment(fake, self.side, seed, self.chain),
            kind,
        )


def _grouped(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.group, []).append(sample)
    return groups
