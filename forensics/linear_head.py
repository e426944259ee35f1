"""A linear head on frozen features: three classes, and pairs that must differ in their trace.

The loss is convex, so that the same rows give the same head, whatever the machine.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats

Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LinearHead:
    """Class logits are `features @ weight + bias`. `weight`: (D, 3), `bias`: (3,) float32."""

    weight: Floats
    bias: Floats

    def class_logits(self, features: Floats) -> Floats:
        """Turn (N, D) features into (N, 3) logits of real, synthetic, manipulated."""
        return np.asarray(features @ self.weight + self.bias, np.float32)


@dataclass(frozen=True)
class HeadRecipe:
    """How a head is fitted.

    `penalty`: L2 on the weights of standardised features; `pairs`: weight of the pair loss beside
    the cross-entropy; `content`: how many principal components of the real rows are projected out
    first, since real pictures differ most in what they show (0: none are looked for);
    `iterations` of L-BFGS at most.
    """

    penalty: float = 0.3
    pairs: float = 1.0
    content: int = 20
    iterations: int = 300


@dataclass(frozen=True, eq=False)
class HeadRows:
    """What a head is fitted on.

    Attributes:
        features: (N, D) float32.
        kinds: (N,) ints: 0 real, 1 synthetic, 2 manipulated.
        weights: (N,) float64, summing to 1.
        pairs: (P, 2) row numbers: a real picture, and a fake of the same content.
    """

    features: Floats
    kinds: NDArray[np.intp]
    weights: Doubles
    pairs: NDArray[np.intp]


def fit_head(rows: HeadRows, recipe: HeadRecipe) -> LinearHead:
    """Fit a head; standardisation and projection are folded into its weights.

    Raises:
        ValueError: a class is missing, or the arrays disagree in length.
    """
    count, width = rows.features.shape
    if not len(rows.kinds) == len(rows.weights) == count:
        raise ValueError(f"{count} rows of features, but {len(rows.kinds)} kinds")
    if not {0, 1} <= {int(kind > 0) for kind in rows.kinds}:
        raise ValueError("a head needs real and fake rows")
    mean = rows.features.mean(axis=0)
    scale = rows.features.std(axis=0) + 1e-6
    standard = (rows.features - mean) / scale
    content = _principal(standard[rows.kinds == 0], min(recipe.content, width - 1))
    if content.size:
        standard -= (standard @ content) @ content.T
    found = _minimise(standard, rows, recipe)
    weight = found[:-3].reshape(width, 3)
    weight = (weight - content @ (content.T @ weight)) / scale[:, None]
    bias = found[-3:] - mean @ weight
    return LinearHead(weight.astype(np.float32), bias.astype(np.float32))


def _principal(rows: Floats, count: int) -> Floats:
    """The directions in which rows vary most, (D, count) float32, orthonormal."""
    if count == 0:
        return np.empty((rows.shape[1], 0), np.float32)
    _, directions = np.linalg.eigh(np.cov(rows, rowvar=False))
    return np.asarray(directions[:, directions.shape[1] - count :], np.float32)


def _minimise(features: Floats, rows: HeadRows, recipe: HeadRecipe) -> Doubles:
    from scipy.optimize import minimize

    target = np.eye(3, dtype=np.float32)[rows.kinds]

    def loss(flat: Doubles) -> tuple[float, Doubles]:
        weight = flat[:-3].reshape(-1, 3)
        logits = features @ weight.astype(np.float32) + flat[-3:].astype(np.float32)
        total = np.logaddexp.reduce(logits, axis=1)
        chance = np.exp(logits - total[:, None])
        value = float(rows.weights @ (total - logits[target.astype(bool)]))
        slope = (rows.weights[:, None] * (chance - target)).astype(np.float32)
        if len(rows.pairs):
            value += recipe.pairs * _pair_loss(logits, rows.pairs, recipe.pairs, slope)
        value += recipe.penalty / 2 * float((weight**2).sum())
        gradient = features.T @ slope + recipe.penalty * weight
        return value, np.concatenate([gradient.ravel(), slope.sum(axis=0)]).astype(np.float64)

    found = minimize(
        loss,
        np.zeros((features.shape[1] + 1) * 3),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": recipe.iterations, "maxcor": 20},
    )
    return np.asarray(found.x, np.float64)


def _pair_loss(logits: Floats, pairs: NDArray[np.intp], strength: float, slope: Floats) -> float:
    """Mean softplus(real - fake) of the fake logits of pairs; adds its gradient to `slope`."""
    fakeness = np.logaddexp(logits[:, 1], logits[:, 2]) - logits[:, 0]
    gap = fakeness[pairs[:, 0]] - fakeness[pairs[:, 1]]
    push = strength / (len(pairs) * (1 + np.exp(-gap)))
    share = 1 / (1 + np.exp(logits[:, 2] - logits[:, 1]))
    direction = np.stack([-np.ones_like(share), share, 1 - share], axis=1)
    np.add.at(slope, pairs[:, 0], push[:, None] * direction[pairs[:, 0]])
    np.add.at(slope, pairs[:, 1], -push[:, None] * direction[pairs[:, 1]])
    return float(np.logaddexp(0, gap).mean())
