"""Write contact sheets of the face swaps and what they cost: original, fake, difference, mask.

The face that is put in is the average of the portraits in --faces, so that the sheet shows nobody
who lives: give pictures that may be published. The target is matplotlib's public-domain portrait.
With --clip, the pair of deepfakes that ships repaints frames of that clip, which must be of the
person it learned.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from forensics.benchmark.metrics import auc
from forensics.benchmark.tables import markdown
from forensics.commands.demo import portrait
from forensics.errors import NoFace
from forensics.face_pairs import portraits
from forensics.faces import warping
from forensics.faces.masks import with_forehead
from forensics.faces.portrait import Portrait, only_portrait
from forensics.media import load_image
from forensics.plugins import load
from forensics.schema import Frame, Image, Map
from forensics.traces.texture import high_frequency_energy

EXAMPLE = (
    "forensics swap-sheets --faces portraits --images docs/images --page docs/results/swaps.md"
)
_REPEATS = 5
_SIDE = 220
SHOWN = 3
"""Rows of a sheet at most."""
CLIP_FRAMES = 75
FEWEST = 20
"""Pictures from which an AUC says something."""
Made = tuple[Image, Map]
Case = tuple[Portrait, Callable[[], Made]]
"""A target, and what swaps its face."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    parser.add_argument("--faces", type=Path, required=True, metavar="DIR", help="to average")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="for the sheets")
    parser.add_argument("--page", type=Path, required=True, metavar="FILE.md")
    parser.add_argument("--clip", type=Path, metavar="FILE", help="of the pair's target")
    parser.add_argument("--notes", type=Path, metavar="FILE.md", help="more for the page's end")


def run(args: argparse.Namespace) -> int:
    """Write `swaps-NAME.jpg` for each maker, and the page with what each costs and leaves."""
    target = only_portrait(load_image(portrait()), portrait().name)
    files = sorted(path for path in args.faces.iterdir() if path.is_file())
    source = average_face([only_portrait(load_image(path), path.name) for path in files])
    args.images.mkdir(parents=True, exist_ok=True)
    makers = _makers(target, source) | ({} if args.clip is None else _of_clip(args.clip))
    rows = [_table_row(name, cases, args.images) for name, cases in makers.items()]
    header = ["maker", "sheet", "pictures", "CPU seconds a picture", "energy AUC"]
    notes = args.notes.read_text(encoding="utf-8") if args.notes else ""
    args.page.write_text(f"{_opening(len(files))}{markdown(header, rows)}{notes}", encoding="utf-8")
    print(f"{args.page} and {len(rows)} sheets in {args.images}")
    return 0


def average_face(faces: Sequence[Portrait]) -> Portrait:
    """Bend portraits onto the mean of their landmarks and average them: a face of nobody.

    Raises:
        NoFace: there are none.
    """
    if not faces:
        raise NoFace("an average face needs portraits; --faces holds none")
    widest = max(faces, key=lambda one: one.face.size)
    shapes = []
    for one in faces:
        centred = one.landmarks - one.landmarks.mean(axis=0)
        shapes.append(centred / np.linalg.norm(centred))
    spread = np.linalg.norm(widest.landmarks - widest.landmarks.mean(axis=0))
    mean = np.asarray(np.mean(shapes, axis=0) * spread, np.float32)
    mean += 40 - mean.min(axis=0)
    mean[:, 1] += 0.5 * np.ptp(mean[:, 1])
    height, width = np.ceil(mean.max(axis=0)[::-1] + 40).astype(int)
    total = np.zeros((height, width, 3))
    end = with_forehead(mean, 0.3)
    for one in faces:
        start = with_forehead(one.landmarks, 0.3)
        triangles = warping.triangulated(end)
        bent = warping.warp_onto(one.image, start, end, triangles, total.shape)
        total[bent.region] += bent.image
    made = np.rint(total / len(faces)).astype(np.uint8)
    return Portrait(made, widest.face, mean)


def _makers(target: Portrait, source: Portrait) -> dict[str, list[Case]]:
    swapper, blender = (load("generator", name) for name in ("landmark_swap", "self_blended"))

    def swapped() -> Made:
        frame, mask = swapper.swap(Frame(target.image), [source], faces=target.landmarks[None])
        return frame.image, mask

    def blended(seed: int) -> Callable[[], Made]:
        def make() -> Made:
            images, masks = blender.apply([target.image], seed)
            return images[0], masks[0]

        return make

    return {
        "landmark_swap": [(target, swapped)],
        "self_blended": [(target, blended(seed)) for seed in (2, 3, 5)],
    }


def _of_clip(path: Path) -> dict[str, list[Case]]:
    swapper = load("generator", "deepfakes")

    def swapped(target: Portrait) -> Callable[[], Made]:
        def make() -> Made:
            frame, mask = swapper.swap(Frame(target.image), [], faces=target.landmarks[None])
            return frame.image, mask

        return make

    frames = portraits(path, at_most=CLIP_FRAMES)
    return {"deepfakes": [(target, swapped(target)) for target in frames]}


def _table_row(name: str, cases: Sequence[Case], folder: Path) -> list[str]:
    """Draw a maker's sheet and measure it: a row of the page's table."""
    made = [(target, *make()) for target, make in cases]
    shown = np.linspace(0, len(made) - 1, min(SHOWN, len(made))).astype(int)
    sheet = folder / f"swaps-{name}.jpg"
    tiles = np.vstack([_row(*made[place]) for place in shown])
    cv2.imwrite(str(sheet), tiles[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    seconds = float(np.median([_seconds(cases[place][1]) for place in shown]))
    link = f"![original, fake, difference, mask](../images/{sheet.name})"
    return [f"`{name}`", link, str(len(made)), f"{seconds:.2f}", _energy(made)]


def _energy(made: Sequence[tuple[Portrait, Image, Map]]) -> str:
    """How well high-frequency energy around faces tells fakes from originals; few say nothing."""
    if len(made) < FEWEST:
        return "too few"
    before, after = (
        [high_frequency_energy(_around(target, image)) for target, image in pairs]
        for pairs in (
            [(target, target.image) for target, _, _ in made],
            [(target, image) for target, image, _ in made],
        )
    )
    found = auc(np.repeat([0, 1], len(made)), np.asarray([*before, *after]))
    return f"{max(found, 1 - found):.2f}"


def _around(target: Portrait, image: Image) -> Image:
    """The square around the target's face, 1.7 of its sides wide, where the picture has it."""
    x1, y1, x2, y2 = target.face.box
    side = 1.7 * max(x2 - x1, y2 - y1)
    left, top = int((x1 + x2 - side) / 2), int((y1 + y2 - side) / 2)
    return image[max(top, 0) : top + int(side), max(left, 0) : left + int(side)]


def _row(target: Portrait, image: Image, mask: Map) -> Image:
    difference = np.clip(np.abs(image.astype(int) - target.image) * 4, 0, 255).astype(np.uint8)
    grey = np.repeat(np.rint(mask * 255).astype(np.uint8)[:, :, None], 3, axis=2)
    cuts = [_around(target, part) for part in (target.image, image, difference, grey)]
    size = (_SIDE, _SIDE)
    shown: list[Any] = [cv2.resize(cut, size, interpolation=cv2.INTER_AREA) for cut in cuts]
    return np.hstack(shown)


def _seconds(make: Callable[[], Made]) -> float:
    start = time.process_time()
    for _ in range(_REPEATS):
        make()
    return (time.process_time() - start) / _REPEATS


def _opening(count: int) -> str:
    return (
        "# Face swaps as fuel\n\nWritten by `forensics swap-sheets`.\n"
        "Each row: original, fake, difference times four, mask.\n"
        "The target is matplotlib's public-domain portrait (US Navy, 512 x 600 px); what is put in"
        f"\nis the average of {count} public-domain portraits, so nobody's face; `deepfakes` shows"
        " its own two people.\n"
        "*Energy AUC*: how well high-frequency energy in the square around the face tells fakes"
        " from originals,\nits sign ignored; frames of one clip are no sample of clips, so it has"
        " no interval.\n\n"
    )
