"""Trains a linear head on features of views, for recipes that know nothing of pairs.

What the published recipes of a linear classifier on fixed features share, so that they differ in
their features alone: the same views, the same weights of sources, the same convex fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from forensics.augmentation import Chain
from forensics.linear_head import HeadRecipe, HeadRows, LinearHead, fit_head
from forensics.schema import Floats
from forensics.training import TrainingData
from forensics.views import View, all_views, kinds_of, pairs_of, weights_of

ALONE = HeadRecipe(pairs=0.0, content=0)
"""A head without pairs, and without looking for content first."""


@dataclass(frozen=True)
class LinearRecipe:
    """What a head learns from: `strong` as in `forensics.views.all_views`; no twins.

    `power`: a source of n rows counts n^(1 - power).
    """

    strong: float = 0.4
    chain: Chain = field(default_factory=Chain)
    head: HeadRecipe = ALONE
    power: float = 0.5


def views_alone(data: TrainingData, strong: float) -> list[View]:
    """The views of a run whose pictures come as themselves only, never as a maker's twin."""
    return all_views(data.samples, strong, 0.0, ())


def fitted(rows: Floats, views: Sequence[View], recipe: LinearRecipe) -> LinearHead:
    """Fit a head to (N, D) features of N views."""
    return fit_head(head_rows(rows, views, recipe.power), recipe.head)


def head_rows(rows: Floats, views: Sequence[View], power: float) -> HeadRows:
    """What a head is fitted on, of (N, D) features of N views; `power` as in `weights_of`."""
    return HeadRows(
        features=rows,
        kinds=kinds_of(views),
        weights=weights_of(views, power),
        pairs=pairs_of(views),
        sources=[view.shown.source for view in views],
    )


def save_head(head: LinearHead, path: Path) -> None:
    """Write a head in half precision, (D, K) and (K,), as safetensors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    halves = {"weight": head.weight.astype(np.float16), "bias": head.bias.astype(np.float16)}
    save_file({**head.tensors, **halves}, path)


def read_head(tensors: dict[str, NDArray[Any]]) -> LinearHead:
    """The head that `save_head` wrote, in single precision."""
    return LinearHead.read(tensors)
