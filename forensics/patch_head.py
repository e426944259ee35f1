"""A logistic head on single patch tokens of CLIP: where in a crop a trace maker has been.

A head taught by whole crops says how suspicious a crop is, and hardly where: its patches share most
of what speaks for a fake. This one is taught by patches of real pictures and of what makers changed
in part, whose place is known (masks as supervision; Rössler et al. 2019, Li et al. 2020).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forensics.detector import MARKED_UNALTERED
from forensics.schema import Floats, Image

UNKNOWN = 2
"""The label of a patch that is neither plainly changed nor plainly as it was."""
CHANGED, SAME = 2.0, 0.5
"""Mean grey levels from which on, and up to which, a patch differs from its parent's or not."""
ITERATIONS = 200
RIGHT_SHARE = 1 - MARKED_UNALTERED
"""Of the unchanged patches that a head learned from, those below a chance of one half."""
Labels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class PatchHead:
    """Logits of patches being changed are `patches @ weight + bias`; `weight` is (D,) float32."""

    weight: Floats
    bias: float

    @classmethod
    def read(cls, tensors: Mapping[str, NDArray[np.generic]]) -> "PatchHead":
        """The head that `tensors` gave."""
        weight, bias = tensors["map.weight"], tensors["map.bias"]
        return cls(weight.astype(np.float32), float(bias.astype(np.float64)[0]))

    @property
    def tensors(self) -> dict[str, NDArray[np.generic]]:
        """What a file has to hold, beside another head."""
        return {"map.weight": self.weight, "map.bias": np.asarray([self.bias], np.float32)}

    def logits(self, patches: Floats) -> Floats:
        """Turn (..., D) patch tokens into (...) float32 logits."""
        return np.asarray(patches @ self.weight + self.bias, np.float32)


def labels_of(crop: Image, parent: Image, cell: int) -> Labels:
    """What became of each patch of a twin: 0 as it was, 1 changed, UNKNOWN between the two.

    Args:
        crop: (h * cell, w * cell, 3) uint8 RGB, of what a maker made.
        parent: the same crop of the real picture, under the identical augmentation.
        cell: side of a patch in px.

    Returns:
        (h, w).
    """
    height, width = crop.shape[0] // cell, crop.shape[1] // cell
    gap = np.abs(crop.astype(np.float32) - parent).mean(axis=2)
    cells = gap.reshape(height, cell, width, cell).mean(axis=(1, 3))
    labels = np.full(cells.shape, UNKNOWN, np.uint8)
    labels[cells < SAME] = 0
    labels[cells > CHANGED] = 1
    return labels


def fit_patch_head(
    patches: Floats, labels: Labels, weights: NDArray[np.float64], penalty: float
) -> PatchHead:
    """Fit a head; standardisation is folded into its weights.

    Its logits are 0 where only `MARKED_UNALTERED` of the unchanged patches, by weight, lie above.

    Args:
        patches: (N, k, D) patch tokens of N views.
        labels: (N, k); UNKNOWN ones teach nothing.
        weights: (N,) of the views; changed patches and others then weigh alike.
        penalty: L2 on the weights of standardised tokens, beside a thousand times the mean loss.

    Raises:
        ValueError: there are no changed patches, or no others.
    """
    # Fitting is the only use; who examines pictures must not wait for scikit-learn.
    from sklearn.linear_model import LogisticRegression

    known = labels != UNKNOWN
    rows, told = patches[known], labels[known]
    if not {0, 1} <= set(told.tolist()):
        raise ValueError("a map's head needs patches that were changed, and others")
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    each = np.broadcast_to(weights[:, None], labels.shape)[known]
    for kind in (0, 1):
        each[told == kind] /= each[told == kind].sum()
    model = LogisticRegression(C=1 / penalty, max_iter=ITERATIONS)
    model.fit((rows - mean) / scale, told, sample_weight=each * 1000)
    weight = model.coef_[0] / scale
    level = _quantile((rows[told == 0] @ weight), each[told == 0], RIGHT_SHARE)
    return PatchHead(weight.astype(np.float32), -level)


def _quantile(values: NDArray[np.floating], weights: NDArray[np.float64], share: float) -> float:
    """The value below which a share of the weight lies."""
    order = np.argsort(values)
    place = np.searchsorted(np.cumsum(weights[order]), share * weights.sum())
    return float(values[order][min(place, len(order) - 1)])
