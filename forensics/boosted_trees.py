"""Gradient-boosted trees as plain arrays: fitted by scikit-learn, evaluated in NumPy.

No pickle, and no scikit-learn at examination time: a forest is a handful of arrays in safetensors.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats

FIELDS = ("feature", "threshold", "left", "right", "value")


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees of one node table; a leaf points at itself.

    Attributes:
        feature: (M,) int16, the feature a node asks for.
        threshold: (M,) float64, left when the feature is at most this.
        left, right: (M,) int32 rows of the node table.
        value: (M,) float32, what a leaf adds.
        roots: (T, C) int32, the root of each tree: T rounds, C classes.
        baseline: (C,) float64, the sum before the first tree.
        depth: the longest way from a root to a leaf.
    """

    feature: NDArray[np.int16]
    threshold: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float32]
    roots: NDArray[np.int32]
    baseline: NDArray[np.float64]
    depth: int

    def raw_scores(self, features: Floats) -> Floats:
        """Sum the trees: (N, F) features -> (N, C) float32 class logits."""
        rows = np.arange(len(features))[:, None]
        node = np.broadcast_to(self.roots.ravel(), (len(features), self.roots.size)).copy()
        for _ in range(self.depth):
            goes_left = features[rows, self.feature[node]] <= self.threshold[node]
            node = np.where(goes_left, self.left[node], self.right[node])
        leaves = self.value[node].astype(np.float64).reshape(len(features), *self.roots.shape)
        return np.asarray(leaves.sum(axis=1) + self.baseline, np.float32)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything as named arrays, for safetensors."""
        arrays = {name: getattr(self, name) for name in (*FIELDS, "roots", "baseline")}
        return {**arrays, "depth": np.asarray([self.depth], np.int32)}

    @classmethod
    def from_tensors(cls, tensors: dict[str, NDArray[Any]]) -> "Forest":
        """The inverse of `tensors`."""
        arrays = {name: tensors[name] for name in (*FIELDS, "roots", "baseline")}
        return cls(**arrays, depth=int(tensors["depth"][0]))


def read_out(model: Any) -> Forest:
    """Read a fitted HistGradientBoostingClassifier of numerical features without missing values."""
    trees = [[tree.nodes for tree in round_] for round_ in model._predictors]
    sizes = [len(nodes) for round_ in trees for nodes in round_]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)
    nodes = np.concatenate([nodes for round_ in trees for nodes in round_])
    own = np.arange(len(nodes), dtype=np.int32)
    shift = np.repeat(starts, sizes).astype(np.int32)
    leaf = nodes["is_leaf"].astype(bool)
    return Forest(
        feature=np.where(leaf, 0, nodes["feature_idx"]).astype(np.int16),
        threshold=np.where(leaf, 0.0, nodes["num_threshold"]).astype(np.float64),
        left=np.where(leaf, own, nodes["left"].astype(np.int32) + shift),
        right=np.where(leaf, own, nodes["right"].astype(np.int32) + shift),
        value=nodes["value"].astype(np.float32),
        roots=starts.reshape(len(trees), -1),
        baseline=np.asarray(model._baseline_prediction, np.float64).ravel(),
        depth=int(nodes["depth"].max()),
    )
