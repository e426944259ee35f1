"""How well an earlier JPEG compression is seen, and its quality told, by the two qualities."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from forensics.benchmark.innocent import as_jpeg
from forensics.benchmark.metrics import auc, cluster_bootstrap
from forensics.benchmark.tables import Figure, markdown
from forensics.schema import Image
from forensics.statistics import clopper_pearson
from forensics.traces.first_digits import benford_divergence, digit_shares
from forensics.traces.jpeg import luma_table
from forensics.traces.jpeg_grid import find_grids
from forensics.traces.jpeg_history import fit
from forensics.traces.luminance import stored_luminance

FIRST = (55, 65, 75, 85)
STEPS = (-30, -20, -10, -5, 5, 10, 15, 20)
HIGHEST = 98
SIDE = 384
"""px of the pictures, which were shrunk to a half or less, so that no earlier grid is left."""
WITHIN = 5
ROUNDS = 400
LEAST_GAIN, GRID_PEAK = 0.01, 5.0
"""What `double_compression` and `jpeg_grid` report (plugins are never imported)."""
GRID_SHIFT = (3, 5)


@dataclass(frozen=True)
class Trial:
    """One file: which picture, its two qualities (`first` 0 for one compression), and readings.

    `gain`, `quality`: of the likeliest earlier compression on the file's grid; `digits`: the first
    digits' divergence; `moved`: whether the file, compressed the second time after a crop, shows
    its earlier grid where it is.
    """

    picture: int
    first: int
    second: int
    gain: float
    quality: int
    digits: float
    moved: bool


def without_history(image: Image) -> Image | None:
    """Shrink a picture to a half or less, to 384 px on its shorter side; None where it is smaller.

    Shrinking by two averages earlier blocks of 8 px into blocks of 4, and their steps away.
    """
    height, width = image.shape[:2]
    if min(height, width) < 2 * SIDE:
        return None
    factor = SIDE / min(height, width)
    size = (round(width * factor), round(height * factor))
    small = Pillow.fromarray(image).resize(size, Pillow.Resampling.LANCZOS)
    return np.asarray(small)[:SIDE, :SIDE]


def pairs() -> list[tuple[int, int]]:
    """First and second qualities of the trials."""
    both = [(first, first + step) for first in FIRST for step in STEPS]
    return [(first, second) for first, second in both if second <= HIGHEST]


def trials(images: Sequence[Image]) -> Iterator[Trial]:
    """Compress every picture once at each second quality, and twice by every pair."""
    for number, image in enumerate(images):
        for second in sorted({second for _, second in pairs()}):
            yield _read(number, 0, second, as_jpeg(image, second), moved=False)
        for first, second in pairs():
            earlier = np.asarray(Pillow.open(BytesIO(as_jpeg(image, first))))
            down, across = GRID_SHIFT
            cropped = as_jpeg(np.ascontiguousarray(earlier[down:, across:]), second)
            moved = second > first and _shows_grid(cropped)
            yield _read(number, first, second, as_jpeg(earlier, second), moved=moved)


def _shows_grid(data: bytes) -> bool:
    plane = stored_luminance(data)
    grids = None if plane is None else find_grids(plane, own=(0, 0))
    whole = None if grids is None else grids.whole
    expected = tuple(8 - shift for shift in GRID_SHIFT)
    return whole is not None and whole.peak >= GRID_PEAK and whole.offset == expected


def _read(picture: int, first: int, second: int, data: bytes, *, moved: bool) -> Trial:
    plane = stored_luminance(data)
    model = None if plane is None else fit(plane, luma_table(second))
    if model is None:
        raise ValueError(f"picture {picture} has too few blocks")
    history, digits = model.history, benford_divergence(digit_shares(model.stored))
    return Trial(picture, first, second, history.gain, history.quality, digits, moved)


def section(found: Sequence[Trial]) -> str:
    """The section of the results page."""
    count = len({trial.picture for trial in found})
    steps = [[f"{step:+d}", *_figures(found, [step])] for step in STEPS]
    risen = [step for step in STEPS if step >= WITHIN]
    steps.append([f"+{WITHIN} and more", *_figures(found, risen)])
    header = [
        *("second less first quality", "AUC", "AUC of first digits alone"),
        *("first quality within 5", "reported", "reported though compressed once"),
        "grid seen after a crop",
    ]
    return "\n".join(
        [
            "## Two JPEG compressions\n",
            f"{count} real pictures of 768 px and more, shrunk to {SIDE} px so that no earlier "
            f"compression is left, compressed by the IJG library at {', '.join(map(str, FIRST))} "
            "and then at another quality on the same grid; against the same pictures compressed "
            "once at that second quality. Intervals of 95 %: over resampled pictures for the AUC, "
            "Clopper-Pearson for shares of pictures. The last column: cut by 3 rows and 5 columns "
            "between the two, `jpeg_grid` reports the earlier grid at its place.\n",
            markdown(header, steps),
            _sentence(found),
        ]
    )


def _figures(found: Sequence[Trial], steps: Sequence[int]) -> list[str]:
    twice = [one for one in found if one.first and one.second - one.first in steps]
    seconds = {one.second for one in twice}
    once = [one for one in found if not one.first and one.second in seconds]
    rows = [*once, *twice]
    return [
        _auc(rows, [one.gain for one in rows]),
        _auc(rows, [one.digits for one in rows]),
        _share([abs(one.quality - one.first) <= WITHIN for one in twice]),
        _share([one.gain >= LEAST_GAIN for one in twice]),
        _share([one.gain >= LEAST_GAIN for one in once]),
        _share([one.moved for one in twice]) if min(steps) > 0 else "not tried",
    ]


def _auc(rows: Sequence[Trial], readings: Sequence[float]) -> str:
    labels = np.array([int(one.first > 0) for one in rows])
    scores = np.asarray(readings, dtype=np.float64)
    clusters = np.array([str(one.picture) for one in rows])

    def statistic(index: NDArray[np.intp]) -> float:
        return auc(labels[index], scores[index])

    low, high = cluster_bootstrap(clusters, statistic, count=ROUNDS, seed=0)
    return str(Figure(auc(labels, scores), low, high))


def _share(hits: Sequence[bool]) -> str:
    low, high = clopper_pearson(sum(hits), len(hits))
    return f"{sum(hits) / len(hits):.0%} [{low:.0%}, {high:.0%}]"


def _sentence(found: Sequence[Trial]) -> str:
    """Where it does not work, from the figures."""
    weak = []
    for step in STEPS:
        twice = [one for one in found if one.first and one.second - one.first == step]
        share = np.mean([one.gain >= LEAST_GAIN for one in twice])
        if share < 0.8:  # noqa: PLR2004
            weak.append(f"{step:+d} ({share:.0%} reported)")
    if not weak:
        return "At every difference tried, at least 80 % of the double compressions are reported.\n"
    return f"It does not work where the second quality differs by {', '.join(weak)}.\n"
