"""Fits what tells copies from things that resemble each other, on pictures kept for that.

The regions that `forensics.traces.copies` proposes in crops with a copy made in them, where they
are that copy, against those that it proposes in the same crops as they are.
"""

import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forensics.benchmark.copy_check import QUALITY, Forged, forged, names_it
from forensics.benchmark.datasets import PictureStore
from forensics.schema import Image
from forensics.traces.copies import LEAST_AREA, WEIGHTS, candidates, compared, traits, unscaled
from forensics.traces.jpeg import recompress
from forensics.training import Sample

PARTS = 5
"""Pictures are divided into so many, by their paths, to try the weights on others."""
SCORES = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5)

Rows = NDArray[np.float64]


class Proposal(NamedTuple):
    """Regions of one picture: its part, whether a copy was made in it, (N, 7) traits."""

    part: int
    forged: bool
    traits: Rows


def proposals(samples: Sequence[Sample], store: PictureStore) -> Iterator[list[Proposal]]:
    """Of each picture, the regions that are the copy made in it, then those of itself."""
    for sample in samples:
        image = store.original(sample)
        part = zlib.crc32(sample.path.encode()) % PARTS
        made = forged(image, np.random.default_rng(sample.seed(-8)))
        rows = [Proposal(part, forged=False, traits=_traits(image, None))]
        if made is not None:
            again = recompress(made.image, QUALITY)
            rows.append(Proposal(part, forged=True, traits=_traits(again, made)))
        yield rows


def _traits(image: Image, made: Forged | None) -> Rows:
    gray, factor = compared(image)
    regions = [one for one in candidates(image, gray) if one.copy.mean() >= LEAST_AREA]
    if made is not None:
        whole = [(one, unscaled(one, factor)) for one in regions]
        regions = [one for one, copy in whole if names_it(copy, made.transform, made.source)]
    return np.array([traits(region) for region in regions]).reshape(-1, len(WEIGHTS))


def report(found: Sequence[Proposal]) -> str:
    """The weights for `forensics.traces.copies`, and what they do to pictures left out of a fit."""
    weights, offset = _fitted(found)
    lines = [
        f"WEIGHTS = ({', '.join(f'{weight:.3f}' for weight in weights)})",
        f"OFFSET = {offset:.3f}",
        "",
        f"Each fifth of {len(found)} pictures scored by a fit on the others:",
    ]
    fits = [_fitted([other for other in found if other.part != part]) for part in range(PARTS)]
    best = np.array([_highest(one, *fits[one.part]) for one in found])
    made = np.array([one.forged for one in found])
    for least in SCORES:
        hits = best > least
        lines.append(
            f"score {least}: {hits[made].sum()} of {made.sum()} copies found, "
            f"{hits[~made].sum()} of {(~made).sum()} untouched pictures flagged"
        )
    return "\n".join(lines)


def _highest(one: Proposal, weights: Rows, offset: float) -> float:
    return max((offset + float(row @ weights) for row in one.traits), default=-np.inf)


def _fitted(found: Sequence[Proposal]) -> tuple[Rows, float]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = np.concatenate([one.traits for one in found if len(one.traits)])
    labels = np.concatenate([np.full(len(one.traits), one.forged) for one in found])
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    model.fit(rows, labels)
    weights = model[1].coef_[0] / model[0].scale_
    return weights, float(model[1].intercept_[0] - weights @ model[0].mean_)
