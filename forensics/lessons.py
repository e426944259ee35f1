"""What a small network learns from a larger detector: crops, and what that one says of them.

Knowledge distillation (G. Hinton et al., "Distilling the Knowledge in a Neural Network", 2015): the
student is to give the teacher's probabilities, softened by a temperature, instead of labels. The
teacher looked at whole views of 224 px once, when it was trained; the student sees a smaller window
of a view, another one whenever the view comes again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from forensics.augmentation import Chain
from forensics.errors import InvalidOption
from forensics.linear_head import LinearHead
from forensics.plugins import load, plugin_class
from forensics.schema import Floats, Image
from forensics.training import TrainingData
from forensics.views import View

if TYPE_CHECKING:
    import torch

TEACHER = "clip_pairs"
TEMPERATURE = 2.0
VIEW_SIDE, VIEW_CELL = 224, 16
"""Of the views that the teacher has seen."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """`crops`: (N, S, S, 3) uint8 RGB; `told`: (N, 3) float32, the teacher's class logits."""

    crops: NDArray[np.uint8]
    told: Floats


class Lessons:
    """Draws crops of what a teacher learned from, and says what it holds of them."""

    def __init__(self, data: TrainingData, folder: Path, side: int, size: int) -> None:
        """Ask the teacher of every view; features in `data.cache` are not computed again.

        Args:
            data: what the student may see; a teacher that saw more would tell of it.
            folder: the teacher's run, with its head and its recipe.
            side: of a crop in px.
            size: crops a lesson.

        Raises:
            InvalidOption: the folder holds no run of the teacher, or that of another fold.
        """
        path = folder / f"{TEACHER}.safetensors"
        if not path.is_file():
            raise InvalidOption(f"{folder} holds no run of {TEACHER}; train it there first")
        teacher: Any = load("detector", TEACHER)
        recipe: Any = plugin_class("detector", TEACHER).Recipe()
        views = teacher.views(data, recipe)
        for _ in teacher.read(views, data, recipe):
            pass
        rows, self._views = teacher.rows(views, data, recipe)
        self._told = LinearHead.read(load_file(path)).class_logits(rows.features)
        self._shares, self._pairs = rows.weights, rows.pairs
        self._data, self._side, self._size = data, side, size
        self._chain: Chain = recipe.chain

    def lesson(self, seed: int, step: int) -> Lesson:
        """The lesson of a step, the same for the same seed.

        Half are pairs, a view and its twin through one window; the others are drawn by the weights
        that they had for the teacher.
        """
        rng = np.random.default_rng([seed, step])
        number = self._size // 4 if len(self._pairs) else 0
        pairs = self._pairs[rng.integers(max(1, len(self._pairs)), size=number)]
        single = rng.choice(len(self._views), self._size - pairs.size, p=self._shares)
        crops = [crop for pair in pairs for crop in self._windows(pair, rng)]
        crops += [crop for one in single for crop in self._windows([one], rng)]
        return Lesson(np.stack(crops), self._told[np.concatenate([pairs.ravel(), single])])

    def _windows(self, places: Sequence[int], rng: np.random.Generator) -> list[Image]:
        """One window of views that share their sizes."""
        side = self._side
        crops = [self._crop(self._views[place]) for place in places]
        top, left = (int(rng.integers(length - side + 1)) for length in crops[0].shape[:2])
        found = [crop[top : top + side, left : left + side] for crop in crops]
        return [one[:, ::-1] for one in found] if rng.random() < 1 / 2 else found

    def _crop(self, view: View) -> Image:
        """A view, mirrored where it is smaller than a window."""
        crop = view.crop(self._data, self._chain, VIEW_SIDE, VIEW_CELL)
        lacking = [max(0, self._side - length) for length in crop.shape[:2]]
        return np.pad(crop, [(0, lacking[0]), (0, lacking[1]), (0, 0)], "symmetric")


def softened_loss(logits: "torch.Tensor", told: Floats) -> "torch.Tensor":
    """Cross-entropy of a student's (N, 3) logits with its teacher's, both over the temperature."""
    import torch
    from torch.nn.functional import cross_entropy

    target = torch.softmax(torch.from_numpy(told).to(logits.device) / TEMPERATURE, 1)
    return TEMPERATURE**2 * cross_entropy(logits / TEMPERATURE, target)
