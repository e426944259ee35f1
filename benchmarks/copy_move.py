"""Measure how often copies inside a picture are found, and how often untouched ones are flagged.

    python benchmarks/copy_move.py ../shared/data/manifest.csv [--each 20] [--seed 0] [--workers 2]

Of every source of real pictures (300 px a side or more) some get an ellipse of 15 to 35 % of the
shorter side copied elsewhere, turned by any angle and scaled by .8 to 1.2, then JPEG 80; regions
with under 10 grey levels of deviation are not drawn. A copy counts as found where a transform is
named that misses the true one by less than 4 px on the mean. Untouched pictures are of any size.
"""

import argparse
import csv
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.media import load_image
from forensics.schema import Floats, Image
from forensics.statistics import clopper_pearson
from forensics.traces.copies import Copy, find_copies
from forensics.traces.jpeg import recompress

LEAST_SIDE = 300
LEAST_DEVIATION = 10.0
NEAR = 4.0
TRIES = 60
Rows = dict[str, list[Path]]


def forged(
    image: Image, rng: random.Random
) -> tuple[Image, NDArray[np.float64], NDArray[np.float64]] | None:
    """Copy an ellipse: the picture, the (2, 3) transform, and (N, 2) px of the source."""
    height, width = image.shape[:2]
    for _ in range(TRIES):
        radius = min(height, width) * rng.uniform(0.15, 0.35) / 2
        scale, degrees = rng.uniform(0.8, 1.2), rng.uniform(-180, 180)
        reach = radius * 1.2
        x, y = (rng.uniform(reach, side - reach) for side in (width, height))
        far = reach * scale
        u, v = (rng.uniform(far, side - far) for side in (width, height))
        mask = _ellipse(image.shape[:2], (x, y), radius, rng)
        apart = np.hypot(u - x, v - y) > 1.1 * radius + far
        if apart and image.mean(axis=2)[mask > 0].std() > LEAST_DEVIATION:
            turn = np.asarray(cv2.getRotationMatrix2D((x, y), degrees, scale), np.float64)
            transform = turn + np.asarray([[0, 0, u - x], [0, 0, v - y]])
            places = np.argwhere(mask > 0)[:, ::-1].astype(np.float64)
            return _pasted(image, mask, transform), transform, places
    return None


def _ellipse(
    shape: Sequence[int], centre: tuple[float, float], radius: float, rng: random.Random
) -> Floats:
    stretch = rng.uniform(0.7, 1.3) ** 0.5
    axes = (round(radius * stretch), round(radius / stretch))
    place = (round(centre[0]), round(centre[1]))
    blank = np.zeros(shape, np.float32)
    return np.asarray(cv2.ellipse(blank, place, axes, rng.uniform(0, 180), 0, 360, 1.0, -1))


def _pasted(image: Image, mask: Floats, transform: NDArray[np.float64]) -> Image:
    size = (image.shape[1], image.shape[0])
    moved = cv2.warpAffine(
        image.astype(np.float32),
        transform,
        size,
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
    soft = cv2.GaussianBlur(cv2.warpAffine(mask, transform, size), (0, 0), 1)[..., None]
    return np.clip(np.rint(image * (1 - soft) + moved * soft), 0, 255).astype(np.uint8)


def names_it(found: Copy, transform: NDArray[np.float64], places: NDArray[np.float64]) -> bool:
    """Whether a copy that was found is the one that was made, in either direction."""
    ends = places @ transform[:, :2].T + transform[:, 2]
    for starts, targets in ((places, ends), (ends, places)):
        mapped = starts @ found.transform[:, :2].T + found.transform[:, 2]
        if np.linalg.norm(mapped - targets, axis=1).mean() < NEAR:
            return True
    return False


def is_found(path: Path, seed: int) -> bool | None:
    """Forge one picture and look for the copy; None where no region had texture."""
    made = forged(load_image(path), random.Random(f"{seed} {path.name}"))
    if made is None:
        return None
    image, transform, places = made
    return any(names_it(one, transform, places) for one in find_copies(recompress(image, 80)))


def is_flagged(path: Path) -> bool:
    """Whether an untouched picture shows a region twice."""
    cv2.setNumThreads(1)
    return bool(find_copies(load_image(path)))


def real_pictures(manifest: Path) -> tuple[Rows, Rows]:
    """Real pictures by group: those large enough to forge, and all."""
    large: Rows = defaultdict(list)
    every: Rows = defaultdict(list)
    with manifest.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["label"] != "real" or not row["path"].startswith("images/"):
                continue
            path = manifest.parent / row["path"]
            every[row["group"]].append(path)
            if min(int(row["width"]), int(row["height"])) >= LEAST_SIDE:
                large[row["group"]].append(path)
    return large, every


def table(title: str, groups: list[str], answers: list[bool | None]) -> None:
    """Print hits of pictures by group, and of all with the interval."""
    hits: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for group, answer in zip(groups, answers, strict=True):
        if answer is not None:
            hits[group] += answer
            counts[group] += 1
    print(f"| source | {title} |\n|---|---|")
    for group in counts:
        print(f"| {group} | {hits[group]} of {counts[group]} |")
    low, high = clopper_pearson(hits.total(), counts.total())
    share = hits.total() / counts.total()
    print(f"| all | {hits.total()} of {counts.total()}: {share:.3f} [{low:.3f}, {high:.3f}] |\n")


def main() -> None:
    """Measure both and print two Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--each", type=int, default=20, help="pictures of a source to forge")
    parser.add_argument("--untouched", type=int, default=150, help="untouched ones of a source")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    large, every = real_pictures(args.manifest)
    chosen = [
        {group: rng.sample(paths, min(most, len(paths))) for group, paths in rows.items()}
        for rows, most in ((large, args.each), (every, args.untouched))
    ]
    names = [[group for group, paths in rows.items() for _ in paths] for rows in chosen]
    paths = [[path for paths in rows.values() for path in paths] for rows in chosen]
    with ProcessPoolExecutor(args.workers) as pool:
        found = list(pool.map(partial(is_found, seed=args.seed), paths[0], chunksize=4))
        table("copies found", names[0], found)
        flagged: list[bool | None] = list(pool.map(is_flagged, paths[1], chunksize=8))
        table("untouched pictures flagged", names[1], flagged)


if __name__ == "__main__":
    main()
