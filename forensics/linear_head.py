"""A linear head on frozen features: classes, and pairs that must differ in their trace.

With three classes the loss is convex, so that the same rows give the same head, whatever the
machine; with a class for every source of fakes only its cross-entropy is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats

Doubles = NDArray[np.float64]


ABSENT = -30.0
"""Logit of a kind that no class belongs to."""


def _three() -> NDArray[np.intp]:
    return np.arange(3)


@dataclass(frozen=True, eq=False)
class LinearHead:
    """Logits of K classes are `features @ weight + bias`.

    `weight`: (D, K), `bias`: (K,) float32; `kinds`: (K,) ints, what each class is: 0 real, 1
    synthetic, 2 manipulated.
    """

    weight: Floats
    bias: Floats
    kinds: NDArray[np.intp] = field(default_factory=_three)

    @classmethod
    def read(cls, tensors: Mapping[str, NDArray[np.generic]]) -> "LinearHead":
        """The head that `tensors` gave."""
        return cls(
            tensors["weight"].astype(np.float32),
            tensors["bias"].astype(np.float32),
            tensors["kinds"].astype(np.intp) if "kinds" in tensors else _three(),
        )

    @property
    def tensors(self) -> dict[str, NDArray[np.generic]]:
        """What a file has to hold; the kinds only where they are not the usual three."""
        usual = np.array_equal(self.kinds, _three())
        rest = {} if usual else {"kinds": self.kinds.astype(np.uint8)}
        return {"weight": self.weight, "bias": self.bias, **rest}

    def class_logits(self, features: Floats) -> Floats:
        """Turn (N, D) features into (N, 3) logits of real, synthetic, manipulated."""
        logits = np.asarray(features @ self.weight + self.bias, np.float32)
        if np.array_equal(self.kinds, _three()):
            return logits
        found = np.full((len(logits), 3), ABSENT, np.float32)
        for kind in np.unique(self.kinds):
            found[:, kind] = np.logaddexp.reduce(logits[:, self.kinds == kind], axis=1)
        return found


@dataclass(frozen=True)
class HeadRecipe:
    """How a head is fitted.

    `penalty`: L2 on the weights of standardised features; `pairs`: weight of the pair loss beside
    the cross-entropy; `content`: how many principal components of the real rows are projected out
    first, since real pictures differ most in what they show (0: none are looked for);
    `iterations` of L-BFGS at most; `by_source`: 1 gives every source of fakes a class of its own,
    2 every source of real pictures as well.
    """

    penalty: float = 0.3
    pairs: float = 1.0
    content: int = 20
    iterations: int = 300
    by_source: int = 0


@dataclass(frozen=True, eq=False)
class HeadRows:
    """What a head is fitted on.

    Attributes:
        features: (N, D) float32.
        kinds: (N,) ints: 0 real, 1 synthetic, 2 manipulated.
        weights: (N,) float64, summing to 1.
        pairs: (P, 2) row numbers: a real picture, and a fake of the same content.
        sources: (N,) names, asked for where every source of fakes gets a class of its own.
    """

    features: Floats
    kinds: NDArray[np.intp]
    weights: Doubles
    pairs: NDArray[np.intp]
    sources: Sequence[str] = ()


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
    classes, kinds = _classes(rows, recipe)
    target = np.eye(len(kinds), dtype=np.float32)[classes]
    found = _minimise(standard, rows, target, kinds > 0, recipe)
    weight = found[: -len(kinds)].reshape(width, len(kinds))
    weight = (weight - content @ (content.T @ weight)) / scale[:, None]
    bias = found[-len(kinds) :] - mean @ weight
    return LinearHead(weight.astype(np.float32), bias.astype(np.float32), kinds)


def _classes(rows: HeadRows, recipe: HeadRecipe) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The class of every row, (N,), and the kind of every class, (K,); real ones first."""
    if not recipe.by_source:
        return rows.kinds, _three()
    if len(rows.sources) != len(rows.kinds):
        raise ValueError(f"{len(rows.kinds)} rows, but {len(rows.sources)} sources")
    apart = recipe.by_source > 1
    pairs = zip(rows.kinds, rows.sources, strict=True)
    named = [(int(kind), source if kind or apart else "") for kind, source in pairs]
    known = sorted(set(named))
    place = {each: number for number, each in enumerate(known)}
    return np.asarray([place[each] for each in named]), np.asarray([kind for kind, _ in known])


def _principal(rows: Floats, count: int) -> Floats:
    """The directions in which rows vary most, (D, count) float32, orthonormal."""
    if count == 0:
        return np.empty((rows.shape[1], 0), np.float32)
    _, directions = np.linalg.eigh(np.cov(rows, rowvar=False))
    return np.asarray(directions[:, directions.shape[1] - count :], np.float32)


def _minimise(
    features: Floats,
    rows: HeadRows,
    target: Floats,
    fake: NDArray[np.bool_],
    recipe: HeadRecipe,
) -> Doubles:
    from scipy.optimize import minimize

    count = target.shape[1]

    def loss(flat: Doubles) -> tuple[float, Doubles]:
        weight = flat[:-count].reshape(-1, count)
        logits = features @ weight.astype(np.float32) + flat[-count:].astype(np.float32)
        total = np.logaddexp.reduce(logits, axis=1)
        chance = np.exp(logits - total[:, None])
        value = float(rows.weights @ (total - logits[target.astype(bool)]))
        slope = (rows.weights[:, None] * (chance - target)).astype(np.float32)
        if len(rows.pairs):
            value += recipe.pairs * _pair_loss(logits, fake, rows.pairs, recipe.pairs, slope)
        value += recipe.penalty / 2 * float((weight**2).sum())
        gradient = features.T @ slope + recipe.penalty * weight
        return value, np.concatenate([gradient.ravel(), slope.sum(axis=0)]).astype(np.float64)

    found = minimize(
        loss,
        np.zeros((features.shape[1] + 1) * count),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": recipe.iterations, "maxcor": 20},
    )
    return np.asarray(found.x, np.float64)


def _pair_loss(
    logits: Floats,
    fake: NDArray[np.bool_],
    pairs: NDArray[np.intp],
    strength: float,
    slope: Floats,
) -> float:
    """Mean softplus(real - fake) of the fake logits of pairs; adds its gradient to `slope`."""
    tops = [np.logaddexp.reduce(logits[:, side], axis=1) for side in (~fake, fake)]
    fakeness = tops[1] - tops[0]
    gap = fakeness[pairs[:, 0]] - fakeness[pairs[:, 1]]
    push = strength / (len(pairs) * (1 + np.exp(-gap)))
    direction = np.empty_like(logits)
    direction[:, ~fake] = -np.exp(logits[:, ~fake] - tops[0][:, None])
    direction[:, fake] = np.exp(logits[:, fake] - tops[1][:, None])
    np.add.at(slope, pairs[:, 0], push[:, None] * direction[pairs[:, 0]])
    np.add.at(slope, pairs[:, 1], -push[:, None] * direction[pairs[:, 1]])
    return float(np.logaddexp(0, gap).mean())
