"""How well the maps of the analyses show where a picture was changed.

Every map is judged against the mask by pixel AUC and by F1 at 0.5, the level that maps are made
for; per picture, then averaged. Beside them two maps that know nothing of the picture: the mean of
the other pictures' masks, and a square in the centre.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from forensics.analysis import Analysis
from forensics.benchmark.alterations import ALTERATIONS, Altered, from_the_zoo
from forensics.benchmark.datasets import PictureStore
from forensics.benchmark.degrade import resized
from forensics.benchmark.face_alterations import face_makers, marked_parts, portraits
from forensics.benchmark.innocent import as_jpeg, saved
from forensics.benchmark.metrics import auc, cluster_bootstrap
from forensics.benchmark.tables import Figure, markdown
from forensics.benchmark.trace_pictures import LEAST_SIDE, cut
from forensics.case import Case
from forensics.media import load_image
from forensics.schema import Evidence, Floats, Image
from forensics.training import Sample

Mask = NDArray[np.bool_]
CONDITIONS = ("clean", "JPEG 90", "JPEG 75", "half size")
MEAN, CENTRE = "mean of the other masks", "centre square"
FREQUENCY_MAPS = frozenset({"spectrum_peaks"})
"""Analyses whose map lies in the plane of frequencies."""
GRID = 96
"""Masks and maps are compared at this many cells a side: finer than any map here."""
SIDE = 384
COARSE = " (coarse masks)"
ROUNDS = 400
LEVEL = 0.5


@dataclass(frozen=True, eq=False)
class Changed:
    """A changed picture: its name, the set it belongs to, its file, and what was changed."""

    name: str
    collection: str
    data: bytes
    suffix: str
    mask: Mask


@dataclass(frozen=True)
class Score:
    """One map against one mask. `given`: whether the analysis gave a map at all."""

    collection: str
    picture: str
    condition: str
    name: str
    auc: float
    f1: float
    given: bool


def collected(
    root: Path, rows: Sequence[Mapping[str, str]], only: Sequence[str] | None = None
) -> Iterator[Changed]:
    """The pictures of a manifest that have a mask beside them, or parts that their name flags.

    Args:
        root: folder of the manifest.
        rows: its rows.
        only: names of collections; default all.
    """
    flagged = [row for row in rows if _wanted(f"{row['group']}{COARSE}", only)]
    for row in (row for row in rows if _wanted(row["group"], only)):
        if row["mask"] and row["label"] == "fake":
            mask = load_image(root / row["mask"]).max(axis=2) > 127  # noqa: PLR2004
            path = root / row["path"]
            yield Changed(row["path"], row["group"], path.read_bytes(), path.suffix, mask)
    for row, mask in marked_parts(root, flagged):
        path = root / row["path"]
        name = f"{row['group']}{COARSE}"
        yield Changed(row["path"], name, path.read_bytes(), path.suffix, mask)


def made(
    samples: Sequence[Sample],
    store: PictureStore,
    makers: Sequence[str] | None = None,
    only: Sequence[str] | None = None,
) -> Iterator[Changed]:
    """Every alteration of every real picture, saved once more.

    Args:
        samples: the real pictures.
        store: reads them; they are cut to 384 px, at the top left, so that grids stay.
        makers: names of the zoo's manipulators; default all.
        only: names of alterations; default all.
    """
    known = {**ALTERATIONS, **dict(from_the_zoo(makers))}
    alterations = {name: alter for name, alter in known.items() if _wanted(name, only)}
    for sample, donor in zip(samples, [*samples[1:], *samples[:1]], strict=True):
        image, other = cut(store.original(sample), SIDE), store.original(donor)
        if min(image.shape[:2]) < LEAST_SIDE:
            continue
        for name, alter in alterations.items():
            rng = np.random.default_rng(sample.seed(-7))
            altered: Altered = alter(image, other, rng)
            # Nothing changed where a maker found no face.
            if altered.mask.any() and not altered.mask.all():
                yield Changed(sample.path, name, saved(altered.image, rng), ".jpg", altered.mask)


def made_of_faces(
    samples: Sequence[Sample],
    store: PictureStore,
    makers: Sequence[str] | None = None,
    only: Sequence[str] | None = None,
    *,
    count: int,
) -> Iterator[Changed]:
    """Faces changed by the zoo's face makers, saved once more.

    Args:
        samples: real pictures; the first that show one plain face are cut to 384 px around it.
        store: reads them.
        makers: names of face makers; default all.
        only: names of their changes; default all.
        count: how many pictures.
    """
    changes = {name: each for name, each in face_makers(makers) if _wanted(name, only)}
    shown = list(portraits(samples, store, count, SIDE)) if changes else []
    for name, change in changes.items():
        for (sample, target), (_, donor) in zip(shown, [*shown[1:], *shown[:1]], strict=True):
            rng = np.random.default_rng(sample.seed(-7))
            altered = change(target, donor, sample.seed(-7))
            if altered.mask.any() and not altered.mask.all():
                yield Changed(sample.path, name, saved(altered.image, rng), ".jpg", altered.mask)


def _wanted(name: str, only: Sequence[str] | None) -> bool:
    return only is None or name in only


def scores(analyses: Mapping[str, Analysis], pictures: Sequence[Changed]) -> Iterator[list[Score]]:
    """Judge every map of every picture under every condition; yields picture by picture."""
    masks = [_small(picture.mask.astype(np.float32)) > LEVEL for picture in pictures]
    for number, picture in enumerate(pictures):
        fellows = [
            mask
            for other, (mask, each) in enumerate(zip(masks, pictures, strict=True))
            if each.collection == picture.collection and other != number
        ]
        mean = np.mean(fellows, axis=0) if fellows else np.zeros((GRID, GRID))
        found: list[Score] = []
        for condition in CONDITIONS:
            maps = dict(_maps(analyses, picture, condition))
            maps |= {MEAN: np.asarray(mean, np.float32), CENTRE: _centre()}
            for name, shown in maps.items():
                area, f1 = judged(shown, masks[number])
                found.append(
                    Score(
                        picture.collection,
                        picture.name,
                        condition,
                        name,
                        area,
                        f1,
                        shown is not None,
                    )
                )
        yield found


def _maps(
    analyses: Mapping[str, Analysis], picture: Changed, condition: str
) -> Iterator[tuple[str, Floats | None]]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"picture{picture.suffix}"
        path.write_bytes(picture.data)
        if condition != "clean":
            data = _degraded(load_image(path), condition)
            path = Path(folder) / "degraded.jpg"
            path.write_bytes(data)
        case = Case(path)
        for name, analysis in analyses.items():
            if name not in FREQUENCY_MAPS:
                yield name, _first_map(analysis.examine(case))


def _degraded(image: Image, condition: str) -> bytes:
    if condition == "half size":
        return as_jpeg(resized(image, 1 / 2, Pillow.Resampling.BICUBIC), 90)
    return as_jpeg(image, int(condition.removeprefix("JPEG ")))


def _first_map(evidence: Evidence) -> Floats | None:
    maps = [one.heatmap for one in evidence.findings if one.heatmap is not None]
    return _small(maps[0]) if maps else None


def _small(values: Floats) -> Floats:
    small = cv2.resize(values, (GRID, GRID), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)


def _centre() -> Floats:
    inside = np.zeros((GRID, GRID), dtype=np.float32)
    inside[GRID // 4 : -GRID // 4, GRID // 4 : -GRID // 4] = 1
    return inside


def judged(shown: Floats | None, mask: Mask) -> tuple[float, float]:
    """Pixel AUC and F1 at 0.5 of a map; no map says nothing: a half, and nought."""
    if shown is None or not mask.any() or mask.all():
        return 0.5, 0.0
    called = shown >= LEVEL
    both = float((called & mask).sum())
    area = auc(mask.ravel().astype(np.int64), shown.ravel().astype(np.float64))
    return area, 2 * both / float(called.sum() + mask.sum())


def merged(before: Sequence[Score], now: Sequence[Score]) -> list[Score]:
    """Scores of an earlier run, those replaced that this run measured: collection by analysis.

    Of a collection that was measured again, only this run's pictures stay.
    """
    replaced = {(score.collection, score.name) for score in now}
    renewed = {score.collection for score in now}
    pictures = {(score.collection, score.picture) for score in now}
    kept = [
        one
        for one in before
        if (one.collection, one.name) not in replaced
        and (one.collection not in renewed or (one.collection, one.picture) in pictures)
    ]
    together = [*kept, *now]
    order = list(dict.fromkeys(one.collection for one in [*before, *now]))
    return sorted(together, key=lambda one: order.index(one.collection))


def section(found: Sequence[Score]) -> str:
    """The section of the results page."""
    parts = [
        "## Where a picture was changed\n",
        "Pixel AUC, then F1 at a level of 0.5, of each analysis' map against the mask: mean over "
        "pictures with an interval of 95 % over resampled pictures; in brackets behind, the share "
        "of pictures for which the analysis gave a map (no map counts as AUC .5 and F1 0). Two "
        "maps that know nothing of the picture stand below. Alterations were made of real "
        "pictures of the collection, cut to 384 px, and saved at quality 85 to 95; `clean` is that "
        "file as it is, half size is saved at quality 90. Drawn regions, of copies the source, "
        "have their middle between .25 and .75 of a side and faces lie in the middle of their "
        "cuts, which the ignorant maps know; only the holes that `inpainting` fills lie anywhere. "
        "Masks of the zoo's changes are "
        "those that it gives. `ciplab-photoshop` comes without masks: the parts that a file name "
        "flags (eyes, nose, mouth) are drawn around 68 landmarks, widened by .12 of the face's "
        "width; pictures of which one eye alone is flagged are left out, since whose left is meant "
        "stands nowhere.\n",
    ]
    for collection in dict.fromkeys(score.collection for score in found):
        mine = [score for score in found if score.collection == collection]
        count = len({score.picture for score in mine})
        parts.append(f"### {collection} ({count} pictures)\n")
        names = list(dict.fromkeys(score.name for score in mine))
        names = [name for name in names if any(s.given for s in mine if s.name == name)]
        rows = [[_title(name), *(_cell(mine, name, each) for each in CONDITIONS)] for name in names]
        parts.append(markdown(["map", *CONDITIONS], rows))
    return "\n".join(parts)


def _title(name: str) -> str:
    return name if name in (MEAN, CENTRE) else f"`{name}`"


def _cell(found: Sequence[Score], name: str, condition: str) -> str:
    chosen = [one for one in found if (one.name, one.condition) == (name, condition)]
    area = _mean([one.auc for one in chosen])
    f1 = _mean([one.f1 for one in chosen])
    given = np.mean([one.given for one in chosen])
    return f"{area}, {f1} ({given:.0%})"


def _mean(values: Sequence[float]) -> Figure:
    known = np.asarray(values, dtype=np.float64)
    names = np.arange(len(known)).astype(str)

    def statistic(index: NDArray[np.intp]) -> float:
        return float(known[index].mean())

    low, high = cluster_bootstrap(names, statistic, count=ROUNDS, seed=0)
    return Figure(float(known.mean()), low, high)
