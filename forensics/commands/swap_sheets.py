"""Write contact sheets of the face swaps and what they cost: original, fake, difference, mask.

The face that is put in is the average of the portraits in --faces, so that the sheet shows nobody
who lives: give pictures that may be published. The target is matplotlib's public-domain portrait.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from forensics.commands.demo import portrait
from forensics.errors import NoFace
from forensics.faces import warping
from forensics.faces.masks import with_forehead
from forensics.faces.portrait import Portrait, only_portrait
from forensics.media import load_image
from forensics.plugins import load
from forensics.schema import Frame, Image, Map

EXAMPLE = (
    "forensics swap-sheets --faces portraits --images docs/images --page docs/results/swaps.md"
)
_REPEATS = 5
_SIDE = 220
Made = tuple[Image, Map]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    parser.add_argument("--faces", type=Path, required=True, metavar="DIR", help="to average")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="for the sheets")
    parser.add_argument("--page", type=Path, required=True, metavar="FILE.md")
    parser.add_argument("--notes", type=Path, metavar="FILE.md", help="more for the page's end")


def run(args: argparse.Namespace) -> int:
    """Write `swaps-NAME.jpg` for each maker, and the page with seconds a picture."""
    target = only_portrait(load_image(portrait()), portrait().name)
    files = sorted(path for path in args.faces.iterdir() if path.is_file())
    source = average_face([only_portrait(load_image(path), path.name) for path in files])
    args.images.mkdir(parents=True, exist_ok=True)
    lines = [*_opening(len(files)), "| maker | sheet | CPU seconds a picture |", "|---|---|---|"]
    for name, makers in _makers(target, source).items():
        rows, seconds = [], []
        for make in makers:
            image, mask = make()
            rows.append(_row(target, image, mask))
            seconds.append(_seconds(make))
        sheet = args.images / f"swaps-{name}.jpg"
        cv2.imwrite(str(sheet), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
        link = f"![original, fake, difference, mask](../images/{sheet.name})"
        lines.append(f"| `{name}` | {link} | {np.median(seconds):.2f} |")
    notes = args.notes.read_text(encoding="utf-8") if args.notes else ""
    args.page.write_text("\n".join(lines) + "\n" + notes, encoding="utf-8")
    print(f"{args.page} and {len(lines) - len(_opening(0)) - 2} sheets in {args.images}")
    return 0


def average_face(portraits: Sequence[Portrait]) -> Portrait:
    """Bend portraits onto the mean of their landmarks and average them: a face of nobody.

    Raises:
        NoFace: there are none.
    """
    if not portraits:
        raise NoFace("an average face needs portraits; --faces holds none")
    widest = max(portraits, key=lambda one: one.face.size)
    shapes = []
    for one in portraits:
        centred = one.landmarks - one.landmarks.mean(axis=0)
        shapes.append(centred / np.linalg.norm(centred))
    spread = np.linalg.norm(widest.landmarks - widest.landmarks.mean(axis=0))
    mean = np.asarray(np.mean(shapes, axis=0) * spread, np.float32)
    mean += 40 - mean.min(axis=0)
    mean[:, 1] += 0.5 * np.ptp(mean[:, 1])
    height, width = np.ceil(mean.max(axis=0)[::-1] + 40).astype(int)
    total = np.zeros((height, width, 3))
    end = with_forehead(mean, 0.3)
    for one in portraits:
        start = with_forehead(one.landmarks, 0.3)
        triangles = warping.triangulated(end)
        bent = warping.warp_onto(one.image, start, end, triangles, total.shape)
        total[bent.region] += bent.image
    made = np.rint(total / len(portraits)).astype(np.uint8)
    return Portrait(made, widest.face, mean)


def _makers(target: Portrait, source: Portrait) -> dict[str, list[Callable[[], Made]]]:
    swapper, blender = (load("generator", name) for name in ("landmark_swap", "self_blended"))

    def swapped() -> Made:
        frame, mask = swapper.swap(Frame(target.image), [source], faces=target.landmarks[None])
        return frame.image, mask

    def blended(seed: int) -> Callable[[], Made]:
        def make() -> Made:
            images, masks = blender.apply([target.image], seed)
            return images[0], masks[0]

        return make

    return {"landmark_swap": [swapped], "self_blended": [blended(seed) for seed in (2, 3, 5)]}


def _row(target: Portrait, image: Image, mask: Map) -> Image:
    difference = np.clip(np.abs(image.astype(int) - target.image) * 4, 0, 255).astype(np.uint8)
    grey = np.repeat(np.rint(mask * 255).astype(np.uint8)[:, :, None], 3, axis=2)
    x1, y1, x2, y2 = target.face.box
    side = 1.7 * max(x2 - x1, y2 - y1)
    left, top = int((x1 + x2 - side) / 2), int((y1 + y2 - side) / 2)
    cuts = [
        part[max(top, 0) : top + int(side), max(left, 0) : left + int(side)]
        for part in (target.image, image, difference, grey)
    ]
    size = (_SIDE, _SIDE)
    shown: list[Any] = [cv2.resize(cut, size, interpolation=cv2.INTER_AREA) for cut in cuts]
    return np.hstack(shown)


def _seconds(make: Callable[[], Made]) -> float:
    start = time.process_time()
    for _ in range(_REPEATS):
        make()
    return (time.process_time() - start) / _REPEATS


def _opening(count: int) -> list[str]:
    return [
        "# Face swaps as fuel",
        "",
        "Written by `forensics swap-sheets`.",
        "Each row: original, fake, difference times four, mask.",
        "The target is matplotlib's public-domain portrait (US Navy, 512 x 600 px); what is put in",
        f"is the average of {count} public-domain portraits, so nobody's face.",
        "",
    ]
