"""The section of the page on robustness that asks: does the verdict know what it does not know?"""

from collections.abc import Mapping, Sequence

import numpy as np

from forensics.benchmark.drawn import FIRST
from forensics.benchmark.robustness import Trial
from forensics.benchmark.robustness_page import cell, rate, unknown
from forensics.benchmark.tables import markdown
from forensics.schema import Reason

HEADER = ("pictures", "n", "logits", "references", "out", "distance", "95 %", "resemblance", "5 %")


def far(trial: Trial) -> bool:
    """Whether the verdict abstains since the logits are unlike those of the calibration."""
    return trial.said.far


def stranger(trial: Trial) -> bool:
    """Whether it abstains since the picture resembles no reference."""
    return trial.said.stranger


def out_of_distribution(parts: Mapping[str, Sequence[Trial]], limit: float) -> str:
    """How often the verdict abstains as out of distribution, and on what account.

    Args:
        parts: trials by what they are of.
        limit: the distance of logits beyond which no verdict is given.
    """
    large = {
        name: [trial for trial in trials if Reason.TOO_SMALL not in trial.said.reasons]
        for name, trials in parts.items()
    }
    body = [_row(name, trials) for name, trials in large.items() if trials]
    return (
        "## Does it know what it does not know?\n\nThe reason `out_of_distribution` has two"
        " causes. *Logits*: those of the view that decides lie farther (Mahalanobis) from those of"
        f" the calibration than a limit of {limit:.2f}, which one in a thousand of its pictures"
        " exceeds. *References*: the picture resembles none of the pictures that the detectors were"
        " calibrated on ([familiarity.md](familiarity.md)), as 2 % of left-out pictures do not; it"
        " looks at what a picture shows, not at its traces. *Out*: either, among pictures of 96 px"
        " or more. Then the distance of the logits of the whole picture and its resemblance, each"
        " in units of its limit: the median, and what one in twenty lies beyond. Drawings start at"
        f" number {FIRST}: how references are kept was tried out on earlier ones, on 60 of LFW's"
        " photographs and on 40 of the check pictures.\n\n" + markdown(HEADER, body)
    )


def _row(name: str, trials: Sequence[Trial]) -> list[object]:
    shares = [cell(rate(trials, share)) for share in (far, stranger, unknown)]
    distances = [trial.said.distance for trial in trials]
    known = [t.said.resemblance for t in trials if t.said.resemblance is not None]
    places = [*np.quantile(distances, [0.5, 0.95])]
    places += [*np.quantile(known, [0.5, 0.05])] if known else []
    cells = [f"{place:.2f}" for place in places]
    return [name, len(trials), *shares, *cells, *[""] * (4 - len(cells))]
