"""Changed faces with masks of what was changed: by the zoo's face makers, and by others' hands."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from forensics.benchmark.alterations import Altered, Mask
from forensics.benchmark.datasets import PictureStore
from forensics.errors import ForensicsError, NoFace
from forensics.faces.landmarks import EYES, MOUTH
from forensics.faces.masks import face_width, hull_mask
from forensics.faces.portrait import Portrait, only_portrait
from forensics.generator import Manipulator, Swapper
from forensics.media import load_image
from forensics.plugins import entries, load, plugin_class
from forensics.schema import Floats, Frame, Image
from forensics.training import Sample

BLOCK = 8
"""px. Cuts begin on a JPEG's blocks, so that grids stay."""
SIDE = 384
WIDENED = 0.12
"""By how many widths of the face a part's hull is widened, to hold the seam of its editing."""
NOSE = slice(27, 36)
LEFT_EYE, RIGHT_EYE = slice(EYES.start, EYES.start + 6), slice(EYES.start + 6, EYES.stop)
PARTS = ((LEFT_EYE,), (RIGHT_EYE,), (NOSE,), (MOUTH,))
"""In the order of a ciplab file name's four flags."""
Change = Callable[[Portrait, Portrait, int], Altered]


def portraits(
    samples: Sequence[Sample], store: PictureStore, count: int, side: int = SIDE
) -> Iterator[tuple[Sample, Portrait]]:
    """The first `count` pictures that show one plain face, cut to `side` px around it.

    Args:
        samples: real pictures.
        store: reads them.
        count: how many at most.
        side: px; a cut begins on a block of the picture's JPEG.
    """
    found = ((sample, _portrait(store.original(sample), side)) for sample in samples)
    yield from islice(((sample, one) for sample, one in found if one is not None), count)


def _portrait(image: Image, side: int) -> Portrait | None:
    try:
        x, y = only_portrait(image, "the picture").landmarks.mean(axis=0)
        height, width = image.shape[:2]
        top, left = _start(y, height, side), _start(x, width, side)
        cut = np.ascontiguousarray(image[top : top + side, left : left + side])
        return only_portrait(cut, "the cut")
    except NoFace:
        return None


def _start(centre: float, length: int, side: int) -> int:
    return int(np.clip(centre - side / 2, 0, max(0, length - side))) // BLOCK * BLOCK


def face_makers(names: Sequence[str] | None = None) -> Iterator[tuple[str, Change]]:
    """What changes faces and can be run: swappers that need no training, manipulators of faces.

    Args:
        names: of generators; those that change no faces are passed over. Default: all.
    """
    for name in entries("generator") if names is None else names:
        kind = plugin_class("generator", name)
        if issubclass(kind, Manipulator) and kind.family == Swapper.family:
            yield f"a face by {name}", _changed_by(load("generator", name))
        if issubclass(kind, Swapper) and _is_ready(swapper := load("generator", name)):
            yield f"a face by {name}", _swapped_by(swapper)


def _is_ready(swapper: Swapper) -> bool:
    """Whether a swapper puts any face in, without a network that somebody has to bring first."""
    try:
        _ = swapper.weights_sha256
    except ForensicsError:
        return False
    return swapper.needs_sources


def _changed_by(maker: Manipulator) -> Change:
    def change(target: Portrait, donor: Portrait, seed: int) -> Altered:
        [made], [mask] = maker.apply([target.image], seed)
        return _altered(target.image, made, mask)

    return change


def _swapped_by(swapper: Swapper) -> Change:
    def change(target: Portrait, donor: Portrait, seed: int) -> Altered:
        faces = target.landmarks[None]
        made, mask = swapper.swap(Frame(target.image, 0, 0.0), [donor], faces=faces)
        return _altered(target.image, made.image, mask)

    return change


def _altered(image: Image, made: Image, mask: Floats) -> Altered:
    """What a maker gives; changed is where it says so and the pixels are no longer the same."""
    touched = (np.abs(made.astype(np.int16) - image) > 0).any(axis=2)
    return Altered(made, (mask > 0) & (cv2.blur(touched.astype(np.float32), (9, 9)) > 0))


def flags_of(name: str) -> tuple[bool, ...] | None:
    """Which of left eye, right eye, nose and mouth a ciplab file name flags: hard_1_1011.jpg.

    Returns:
        None where the name holds no four flags.
    """
    _, underscore, digits = Path(name).stem.rpartition("_")
    if not underscore or len(digits) != len(PARTS) or set(digits) - {"0", "1"}:
        return None
    return tuple(digit == "1" for digit in digits)


def coarse_mask(portrait: Portrait, flags: Sequence[bool]) -> Mask:
    """(H, W) bool: the flagged parts' landmarks, their hulls widened."""
    shape = portrait.image.shape
    reach = max(1, round(2 * WIDENED * face_width(portrait.landmarks)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    mask = np.zeros(shape[:2], np.uint8)
    for flagged, parts in zip(flags, PARTS, strict=True):
        for part in parts if flagged else ():
            hull = hull_mask(portrait.landmarks[part], shape) > 0
            mask |= cv2.dilate(hull.astype(np.uint8), disc).astype(np.uint8)
    return np.asarray(mask > 0)


def marked_parts(
    root: Path, rows: Sequence[Mapping[str, str]]
) -> Iterator[tuple[Mapping[str, str], Mask]]:
    """Rows of a manifest without a mask whose file names flag parts, with coarse masks.

    Pictures of which one eye alone is flagged are passed over: whose left is meant stands nowhere.

    Args:
        root: folder of the manifest.
        rows: its rows.
    """
    for row in rows:
        flags = flags_of(row["path"]) if row["generator"] == "photoshop" else None
        if flags is None or row["mask"] or flags[0] != flags[1]:
            continue
        try:
            shown = only_portrait(load_image(root / row["path"]), row["path"])
        except NoFace:
            continue
        yield row, coarse_mask(shown, flags)
