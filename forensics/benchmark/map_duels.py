"""Which maps know more of where a picture was changed than maps that know nothing of it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forensics.benchmark.localisation import CENTRE, CONDITIONS, MEAN, ROUNDS, Score
from forensics.benchmark.metrics import cluster_bootstrap
from forensics.benchmark.tables import markdown
from forensics.schema import Floats

FEWEST = 5
"""Pictures with a map, from which on they are judged apart."""


def section(found: Sequence[Score]) -> str:
    """Two tables of paired differences, and the sentences that follow from them."""
    judged = [one for one in found if one.condition == CONDITIONS[0]]
    given = [one for one in judged if one.given]
    return "\n".join(
        [
            "### Against maps that know nothing\n",
            "Pixel AUC of an analysis less that of the better of the two ignorant maps (better on "
            "the mean of the alteration), picture by picture, on clean files: mean with an "
            "interval of 95 % over resampled pictures. In bold where the interval lies above 0.\n",
            _table(judged),
            _sentences(judged),
            "The same on those pictures alone for which the analysis gave a map, with their "
            f"number, where they are {FEWEST} or more:\n",
            _table(given, counted=True),
        ]
    )


def _table(found: Sequence[Score], *, counted: bool = False) -> str:
    collections = list(dict.fromkeys(one.collection for one in found))
    rows = []
    for name in _analyses(found):
        differences = [_differences(found, name, each) for each in collections]
        rows.append([f"`{name}`", *(_cell(each, counted=counted) for each in differences)])
    return markdown(["map", *collections], rows)


def _analyses(found: Sequence[Score]) -> list[str]:
    named = {one.name: None for one in found if one.given and one.name not in (MEAN, CENTRE)}
    return list(named)


def _differences(found: Sequence[Score], name: str, collection: str) -> Floats:
    """Picture by picture, the AUC of a map less that of the better ignorant one, (N,) float32."""
    mean, centre = (_areas(found, each, collection) for each in (MEAN, CENTRE))
    best = max(mean, centre, key=lambda areas: sum(areas.values()))
    areas = _areas(found, name, collection)
    rows = [value - best[picture] for picture, value in areas.items()]
    return np.asarray(rows, np.float32)


def _areas(found: Sequence[Score], name: str, collection: str) -> dict[str, float]:
    return {
        one.picture: one.auc for one in found if (one.name, one.collection) == (name, collection)
    }


def _interval(differences: Floats) -> tuple[float, float, float]:
    names = np.arange(len(differences)).astype(str)

    def statistic(index: NDArray[np.intp]) -> float:
        return float(differences[index].mean())

    low, high = cluster_bootstrap(names, statistic, count=ROUNDS, seed=0)
    return float(differences.mean()), low, high


def _cell(differences: Floats, *, counted: bool) -> str:
    if len(differences) < (FEWEST if counted else 1):
        return "too few" if counted else "not tried"
    mean, low, high = _interval(differences)
    words = f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]".replace("0.", ".")
    words += f" of {len(differences)}" if counted else ""
    return f"**{words}**" if low > 0 else words


def _sentences(found: Sequence[Score]) -> str:
    """Which maps lie above, and which nowhere do."""
    above: dict[str, list[str]] = {}
    for name in _analyses(found):
        for collection in dict.fromkeys(one.collection for one in found):
            differences = _differences(found, name, collection)
            if len(differences) and _interval(differences)[1] > 0:
                above.setdefault(name, []).append(collection)
    nowhere = [f"`{name}`" for name in _analyses(found) if name not in above]
    parts = [f"`{name}` on {', '.join(each)}" for name, each in above.items()]
    first = f"Above both ignorant maps: {'; '.join(parts)}." if parts else "None lies above both."
    last = f" Nowhere above them: {', '.join(nowhere)}." if nowhere else ""
    return f"{first}{last}\n"
