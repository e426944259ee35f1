"""What a small network learns from a larger detector: what that one says of the same crops.

Knowledge distillation (G. Hinton et al., "Distilling the Knowledge in a Neural Network", 2015): the
student is to give the teacher's probabilities, softened by a temperature, instead of labels. Both
look at the very same augmented crop (L. Beyer et al., "Knowledge distillation: A good teacher is
patient and consistent", 2022): told of larger crops than it saw, a student learned less here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.numpy import load_file

from forensics.errors import InvalidOption
from forensics.linear_head import LinearHead
from forensics.neural import CLIP_PATCH, CLIP_SIDE
from forensics.plugins import load
from forensics.schema import Floats, Image

if TYPE_CHECKING:
    import torch

TEACHER = "clip_pairs"
TEMPERATURE = 2.0


class Teacher:
    """A run of `clip_pairs`, asked for what it holds of crops."""

    def __init__(self, folder: Path, side: int) -> None:
        """Open a run.

        Args:
            folder: of the run; it must not have seen what its student is to be tested on.
            side: of the crops in px.

        Raises:
            InvalidOption: the folder holds no such run, or CLIP cannot read crops of this side.
        """
        path = folder / f"{TEACHER}.safetensors"
        if not path.is_file():
            raise InvalidOption(f"{folder} holds no run of {TEACHER}; train it there first")
        if side % CLIP_PATCH or side > CLIP_SIDE:
            raise InvalidOption(
                f"{TEACHER} teaches by crops of {CLIP_PATCH} to {CLIP_SIDE} px, in steps of"
                f" {CLIP_PATCH}, not {side}"
            )
        self._head = LinearHead.read(load_file(path))
        self._detector: Any = load("detector", TEACHER)

    def told(self, crops: Sequence[Image]) -> Floats:
        """The class logits of N crops, each (S, S, 3) uint8 RGB: (N, 3) float32."""
        return self._head.class_logits(self._detector.crop_features(list(crops)))


def softened_loss(logits: "torch.Tensor", told: Floats) -> "torch.Tensor":
    """Cross-entropy of a student's (N, 3) logits with its teacher's, both over the temperature."""
    import torch
    from torch.nn.functional import cross_entropy

    target = torch.softmax(torch.from_numpy(told).to(logits.device) / TEMPERATURE, 1)
    return TEMPERATURE**2 * cross_entropy(logits / TEMPERATURE, target)
