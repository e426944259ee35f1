"""Two eyes of a face against each other: highlights on the cornea, and the shape of the pupil.

S. Hu, Y. Li and S. Lyu, "Exposing GAN-Generated Faces Using Inconsistent Corneal Specular
Highlights", ICASSP 2021; H. Guo et al., "Eyes Tell All: Irregular Pupil Shapes Reveal GAN-Generated
Faces", ICASSP 2022. The iris is found as the disc that is darkest against its left and right
surroundings (after J. Daugman, IEEE TCSVT 2004), from the centres of the eyes alone.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.schema import Face, Floats, Image
from forensics.traces.areas import Mask, areas_of
from forensics.traces.noise import luma

LEAST_DISTANCE = 90.0
"""px between the centres of the eyes, below which an iris has fewer than 16 px across."""
SIDE = 160
WINDOW = 0.36
"""Side of the window around an eye, in distances between the eyes."""
RADII = np.linspace(0.07, 0.115, 10)
"""Radii of the iris in distances between the eyes: 11.7 mm across at 63 mm on the mean."""
REACH = 0.06
"""How far from its landmark an iris is looked for, in the same unit."""
IRIS = 64
BRIGHT = 45.0
"""Grey levels by which a highlight outshines the median of its iris."""
LEAST_HIGHLIGHT = 0.004
"""Share of the iris."""
LEAST_CONTRAST = 14.0
"""Grey levels between iris and pupil, below which the pupil's shape is not seen."""
PUPIL = (0.02, 0.45)
"""Smallest and largest share of the iris that a pupil takes."""
SHIFT = 8
"""px of 64 by which the highlights of two eyes may lie apart: eyes do not look in parallel."""


@dataclass(frozen=True, eq=False)
class Iris:
    """An iris cut out and scaled: `gray` (64, 64) float32, `disc` (64, 64) bool."""

    gray: Floats
    disc: Mask


@dataclass(frozen=True)
class Eyes:
    """What two eyes show.

    `highlights`: overlap (intersection over union) of their highlights in [0, 1], None where an
    eye shows none. `pupils`: the smaller of the two overlaps of a pupil with its ellipse, None
    where an eye shows no pupil.
    """

    highlights: float | None
    pupils: float | None


def compare_eyes(image: Image, face: Face) -> Eyes | None:
    """Compare the eyes of a face; None where they are under 90 px apart or outside the picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        face: found in it; its first two landmarks are the eyes.
    """
    left, right = np.asarray(face.landmarks[:2], np.float64)
    distance = float(np.hypot(*(right - left)))
    if not LEAST_DISTANCE <= distance <= max(image.shape):
        return None
    tilt = float(np.degrees(np.arctan2(right[1] - left[1], right[0] - left[0])))
    irises = [_iris(image, eye, distance, tilt) for eye in (left, right)]
    first, second = irises
    if first is None or second is None:
        return None
    shapes = [_pupil_fit(iris) for iris in (first, second)]
    known = [shape for shape in shapes if shape is not None]
    overlap = _best_overlap(_highlight(first), _highlight(second))
    return Eyes(overlap, min(known) if len(known) == len(shapes) else None)


def _iris(image: Image, eye: NDArray[np.float64], distance: float, tilt: float) -> Iris | None:
    """Cut out the iris near an eye's centre, the line of the eyes made level."""
    if not (0 <= eye[0] < image.shape[1] and 0 <= eye[1] < image.shape[0]):
        return None
    scale = SIDE / (WINDOW * distance)
    centre = (float(eye[0]), float(eye[1]))
    turn = np.asarray(cv2.getRotationMatrix2D(centre, tilt, scale), np.float64)
    turn[:, 2] += SIDE / 2 - eye
    cut = cv2.warpAffine(image, turn, (SIDE, SIDE), flags=cv2.INTER_AREA)
    gray = luma(np.asarray(cut, np.uint8))
    x, y, radius = _darkest_disc(gray, SIDE / WINDOW)
    zoom = IRIS / 2 / radius
    to_iris = np.array([[zoom, 0, IRIS / 2 - zoom * x], [0, zoom, IRIS / 2 - zoom * y]])
    shown = np.asarray(cv2.warpAffine(gray, to_iris, (IRIS, IRIS)), np.float32)
    span = np.arange(IRIS) - (IRIS - 1) / 2
    return Iris(shown, np.asarray(np.hypot(span, span[:, None]) < 0.9 * IRIS / 2))


def _darkest_disc(gray: Floats, unit: float) -> tuple[float, float, float]:
    """Centre and radius in px of the disc that is darkest against the ring left and right of it."""
    smooth = np.minimum(cv2.GaussianBlur(gray, (0, 0), 2), 200)
    reach = round(REACH * unit)
    middle = slice(SIDE // 2 - reach, SIDE // 2 + reach + 1)
    best = (-np.inf, 0.0, 0.0, 0.0)
    for radius in RADII * unit:
        answers = cv2.filter2D(smooth, cv2.CV_32F, _ring(float(radius)))[middle, middle]
        row, column = np.unravel_index(int(np.argmax(answers)), answers.shape)
        found = float(answers[row, column])
        if found > best[0]:
            corner = SIDE // 2 - reach
            best = (found, corner + float(column), corner + float(row), float(radius))
    return best[1:]


def _ring(radius: float) -> Floats:
    """Mean of the ring outside less mean of the ring inside, where eyelids seldom cover either."""
    half = int(np.ceil(1.3 * radius))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    away = np.hypot(x, y)
    sides = np.abs(y) < 0.7 * np.maximum(away, 1)
    outer = ((away > radius) & (away <= 1.3 * radius) & sides).astype(np.float32)
    inner = ((away <= radius) & (away > 0.7 * radius) & sides).astype(np.float32)
    return np.asarray(outer / outer.sum() - inner / inner.sum(), np.float32)


def _highlight(iris: Iris) -> Mask:
    level = float(np.median(iris.gray[iris.disc])) + BRIGHT
    return np.asarray((iris.gray > level) & iris.disc)


def _best_overlap(first: Mask, second: Mask) -> float | None:
    """Largest intersection over union over small shifts; None where an eye has no highlight."""
    least = LEAST_HIGHLIGHT * first.size
    if min(first.sum(), second.sum()) < least:
        return None
    padded = np.pad(first, SHIFT).astype(np.float32)
    shared = cv2.matchTemplate(padded, second.astype(np.float32), cv2.TM_CCORR)
    most = float(shared.max())
    return min(1.0, most / float(first.sum() + second.sum() - most))


def _pupil_fit(iris: Iris) -> float | None:
    """Overlap of the darkest area in the middle of an iris with its ellipse; None without one."""
    shades = np.clip(iris.gray, 0, 255).astype(np.uint8)
    core = cv2.erode(iris.disc.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    level, _ = cv2.threshold(shades[core].reshape(-1, 1), 0, 255, cv2.THRESH_OTSU)
    dark = np.asarray((shades <= level) & core)
    # An iris of one shade, burnt out or black, has nothing on one side of the level.
    if not 0 < dark.sum() < core.sum():
        return None
    contrast = float(np.median(shades[core & ~dark])) - float(np.median(shades[dark]))
    areas = areas_of(dark, int(PUPIL[0] * iris.disc.sum()))
    middle = slice(IRIS // 2 - 6, IRIS // 2 + 6)
    central = [area for area in areas if area[middle, middle].any()]
    if contrast < LEAST_CONTRAST or not central:
        return None
    pupil = cv2.morphologyEx(central[0].astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7)))
    if pupil.sum() > PUPIL[1] * iris.disc.sum():
        return None
    contours, _ = cv2.findContours(pupil, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(contours, key=len)
    if len(outline) < IRIS // 4:
        return None
    drawn = cv2.ellipse(np.zeros_like(pupil), cv2.fitEllipse(outline), 1, -1) > 0
    filled = cv2.drawContours(np.zeros_like(pupil), [outline], -1, 1, -1) > 0
    return float((drawn & filled).sum() / max((drawn | filled).sum(), 1))
