"""Which detectors earn a weight in a fusion: those that help on folds that the fusion never saw.

A logistic regression gives weight to whatever helps on the rows it is fitted to. A detector that
knows some families and misleads about others gets it too, and then ranks new generators worse than
the best detector does alone. So detectors are added one by one, each fold ranked by a fusion of the
others, and stay where the mean AUC over folds rises and that of no fold falls: what comes next may
be like any of them.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from forensics.statistics import Labels, Names, Reals, equal_weights

LEAST_GAIN = 0.02
"""Mean AUC that a detector must add to get a weight: what pictures of other clusters would move."""
MOST_HARM = 0.005
"""AUC by which a fold may fall all the same: less than chance moves it."""
FEWEST_FOLDS = 3
Kept = NDArray[np.bool_]
Fit = Callable[[NDArray[np.bool_], Kept], Callable[[Reals], Reals]]
"""Rows to fit to, inputs that may get weight -> what gives the logits (m,) of inputs (m, d)."""


def who_earns(
    names: Sequence[str],
    inputs: Reals,
    *,
    labels: Labels,
    sources: Names,
    folds: Names | None,
    fit: Fit,
) -> Kept:
    """Which of d inputs may get weight, (d,) bool; all of them where folds cannot tell.

    Args:
        names: of the inputs, "DETECTOR.AGGREGATE".
        inputs: (n, d) float64, out-of-fold.
        labels: (n,) 0 or 1.
        sources: (n,) the generator or real group.
        folds: (n,) who learned without the row, or None where that is not known.
        fit: fits a fusion to some of the rows.
    """
    detectors = np.asarray([name.partition(".")[0] for name in names])
    everybody = np.ones(len(names), bool)
    parts = [] if folds is None else [folds == fold for fold in np.unique(folds)]
    judged = [part for part in parts if len(set(labels[part].tolist())) == len({0, 1})]
    if len(set(detectors.tolist())) == 1 or len(judged) < FEWEST_FOLDS:
        return everybody

    def worths(kept: Kept) -> Reals:
        found = [fit(~part, kept)(inputs[part]) for part in judged]
        rows = zip(judged, found, strict=True)
        return np.asarray([_auc(labels[part], got, sources[part]) for part, got in rows])

    kept, best = np.zeros(len(names), bool), np.zeros(len(judged))
    left = sorted(set(detectors.tolist()))
    while left:
        tried = {each: worths(kept | (detectors == each)) for each in left}
        harmless = [each for each in left if (tried[each] >= best - MOST_HARM).all()]
        ahead = max(harmless, key=lambda each: tried[each].mean(), default="")
        if not ahead or tried[ahead].mean() < best.mean() + LEAST_GAIN:
            break
        kept, best = kept | (detectors == ahead), tried[ahead]
        left.remove(ahead)
    return kept


def _auc(labels: Labels, logits: Reals, sources: Names) -> float:
    # Fitting is the only use; who examines pictures must not wait for scikit-learn.
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, logits, sample_weight=equal_weights(labels, sources)))
