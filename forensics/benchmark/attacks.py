"""Attacks on the shipped detectors: who is climbed, how far, and what a cheap defence would save.

Two kinds. *All the way* pushes a logit as far as it goes, which may end where no picture of the
calibration lies, so that the verdict abstains. *Aimed* knows the thresholds and stops just past the
one that it needs.
"""

import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from forensics.benchmark.adversary import TO_FAKE, TO_REAL, attacked
from forensics.benchmark.datasets import PictureStore
from forensics.benchmark.degrade import chains_of
from forensics.benchmark.gradients import COPIES, SIDE, Logit, copy_of, fused
from forensics.benchmark.robustness import (
    CLEAN,
    DEFENCES,
    Attack,
    Trial,
    ordinary,
    trial_of,
)
from forensics.benchmark.shipped import Shipped
from forensics.media import load_image
from forensics.schema import Image
from forensics.training import EQUALISE, Sample, whole_output

MOST = (2, 4)
"""The largest change of a value, in levels of 255."""
FUSED, AIMED = "fused", "fused, aimed"
PAST = 0.1
"""How far past a threshold an aimed attack goes, in calibrated logits."""
HALVINGS = 7
CELL = 8
"""Of a JPEG's grid, which the cut to one crop keeps."""


class Attacker:
    """Makes attacked pictures, once, and keeps them as lossless files."""

    def __init__(self, shipped: Shipped, store: PictureStore, folder: Path) -> None:
        """Attack `shipped`, with copies of its detectors that were held against them.

        Raises:
            BrokenPlugin: a copy does not say what its detector says.
        """
        self._shipped, self._store, self._folder = shipped, store, folder
        named = {name: one for name, one in shipped.detectors.items() if name in COPIES}
        self.copies: dict[str, Logit] = {name: copy_of(one) for name, one in named.items()}
        shares = shipped.fusion.chosen.fusion.shares()
        self.voting = [name for name in self.copies if shares[name] > 0]
        if len(self.voting) > 1:
            parts = {name: self.copies[name] for name in self.voting}
            self.copies[FUSED] = fused(parts, shipped.fusion.chosen.fusion)

    @cached_property
    def attacks(self) -> list[Attack]:
        """No attack first; aimed ones only where a copy has a vote and calibration a slope."""
        targets = [*self.copies]
        if self.voting and self._shipped.fusion.chosen.calibrations["1"].slope > 0:
            targets.append(AIMED)
        return [Attack(CLEAN, 0), *(Attack(each, most) for each in targets for most in MOST)]

    def picture(self, sample: Sample, attack: Attack) -> Image:
        """A sample under an attack, (224, 224, 3) uint8 RGB; fakes are pushed to real, and back."""
        if attack.most == 0:
            return one_crop(ordinary(self._store, sample))
        path = self._folder / f"{sample.seed(0):012x}-{self._name_of(sample, attack)}.png"
        if not path.exists():
            made = self._made(sample, attack)
            with whole_output(path) as part:
                Pillow.fromarray(made).save(part, "PNG")
        return load_image(path)

    def key(self, sample: Sample, attack: Attack) -> tuple[str, ...]:
        """Names the pixels of `picture` to the book of logits."""
        return "attack", self._name_of(sample, attack) if attack.most else CLEAN, sample.path

    def _name_of(self, sample: Sample, attack: Attack) -> str:
        """What decides the pixels besides the sample."""
        goal = f"{self._goal(sample):.3f}" if attack.target == AIMED else ""
        facts = f"{self._shipped.weights} {self._shipped.fusion.chosen.fusion.weights} {goal}"
        return f"{attack.target}-{attack.most}-{zlib.crc32(facts.encode()):08x}".replace(", ", "-")

    def _made(self, sample: Sample, attack: Attack) -> Image:
        given = one_crop(ordinary(self._store, sample))
        if attack.target == AIMED:
            base = FUSED if FUSED in self.copies else self.voting[0]
            pushed = self.picture(sample, Attack(base, attack.most))
            return self._aimed(given, pushed, sample)
        towards = TO_REAL if sample.fake else TO_FAKE
        climbed = self.copies[attack.target]
        return attacked(given, climbed, most=attack.most, towards=towards, seed=sample.seed(0))

    def _goal(self, sample: Sample) -> float:
        """The fused logit just past the threshold that an attacker needs."""
        calibration = self._shipped.fusion.chosen.calibrations["1"]
        point, past = (calibration.clear, -PAST) if sample.fake else (calibration.call, PAST)
        share = float(np.clip(point.threshold, 1e-6, 1 - 1e-6))
        wanted = np.log(share / (1 - share)) + past
        return float((wanted - calibration.intercept) / calibration.slope)

    def _aimed(self, given: Image, pushed: Image, sample: Sample) -> Image:
        """Take over the attack in so many pixels only that the fused logit just passes the goal."""
        goal, towards = self._goal(sample), TO_REAL if sample.fake else TO_FAKE
        order = np.random.default_rng(sample.seed(1)).random(given.shape[:2])[..., None]
        low, high = 0.0, 1.0
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            mixed = np.where(order < middle, pushed, given)
            if towards * (self._shipped.fused_logit(mixed) - goal) >= 0:
                high = middle
            else:
                low = middle
        return np.where(order < high, pushed, given)


def one_crop(image: Image) -> Image:
    """The middle of a picture, 224 px a side, at a place on the grid of its compression."""
    top, left = ((side - SIDE) // 2 // CELL * CELL for side in image.shape[:2])
    return np.ascontiguousarray(image[top : top + SIDE, left : left + SIDE])


def victims(store: PictureStore, samples: Sequence[Sample], count: int) -> list[Sample]:
    """So many fakes and so many real pictures of 224 px or more, their sources in turn."""
    chosen: list[Sample] = []
    # The order in which `capped` draws, so that a smaller check is part of every larger one.
    drawn = sorted(samples, key=lambda sample: sample.seed(-3))
    for fake in (True, False):
        turns: dict[str, int] = {}
        ranked = []
        for sample in (each for each in drawn if each.fake == fake):
            turns[sample.source] = turns.get(sample.source, 0) + 1
            ranked.append((turns[sample.source], sample))
        ranked.sort(key=lambda each: each[0])
        large = (sample for _, sample in ranked if min(store.read(sample).shape[:2]) >= SIDE)
        chosen += islice(large, count)
    return chosen


def under_attack(
    shipped: Shipped, attacker: Attacker, samples: Sequence[Sample]
) -> Iterator[tuple[Attack, str, Trial]]:
    """Every sample under every attack, behind every defence; pictures are judged whole."""
    for attack in attacker.attacks:
        for defence in DEFENCES:
            for sample in samples:
                read = partial(_defended, attacker, sample, attack, defence)
                said = shipped.judge((*attacker.key(sample, attack), defence), read)
                yield attack, defence, trial_of(str(attack), sample, said)


def _defended(attacker: Attacker, sample: Sample, attack: Attack, defence: str) -> Image:
    (chain,) = chains_of(defence)
    return chain.apply(attacker.picture(sample, attack), sample.seed(EQUALISE))
