"""Measure how often a camera's fingerprint is found, and how often in pictures of other origin.

    python benchmarks/camera_fingerprints.py ../shared/data/manifest.csv [--strangers 600]

Fingerprints are simulated: the middle 480 px of real pictures are multiplied by white noise of a
known strength and saved as JPEG; 30 make the fingerprint, 40 others are looked up whole and cut to
320 px. Strangers are real pictures as they are, each at every place where it fits. A group of
photographs that one studio took (`--studio`) is tried as well, each against the others.
"""

import argparse
import csv
import random
from pathlib import Path

import numpy as np

from forensics.evidence.prnu import THRESHOLD
from forensics.media import load_image
from forensics.schema import Floats, Image
from forensics.statistics import clopper_pearson
from forensics.traces.jpeg import recompress
from forensics.traces.noise import luma
from forensics.traces.sensor import FingerprintSum, match, noise_of

SIDE, PART = 480, 320
ENROLLED, LOOKED_UP = 30, 40
LEAST_SIDE = 128


def middle(image: Image, side: int) -> Image:
    """The middle of a picture, at most `side` px a side."""
    top, left = (max(0, (length - side) // 2) for length in image.shape[:2])
    return np.ascontiguousarray(image[top : top + side, left : left + side])


def photographed(image: Image, sensor: Floats, quality: int) -> Image:
    """A scene through a sensor of (H, W) gains, as JPEG."""
    shades = np.clip(np.rint(image * sensor[..., None]), 0, 255).astype(np.uint8)
    return recompress(shades, quality)


def fingerprint_of(images: list[Image]) -> Floats:
    """The fingerprint that these pictures, all of one size, make."""
    gathered = FingerprintSum(*images[0].shape[:2])
    for image in images:
        gathered.add(image)
    return gathered.fingerprint()


def energy(image: Image, fingerprint: Floats) -> float:
    """Peak-to-correlation energy."""
    return match(noise_of(image), luma(image), fingerprint).energy


def rate(energies: list[float]) -> str:
    """Share at or above the threshold with its 95 % interval, and the quartiles."""
    hits = sum(value >= THRESHOLD for value in energies)
    low, high = clopper_pearson(hits, len(energies))
    low_quarter, middle_one, top = np.percentile(energies, (25, 50, 100))
    return (
        f"{hits} of {len(energies)} [{low:.4f}, {high:.4f}] | {low_quarter:.0f} | "
        f"{middle_one:.0f} | {top:.0f}"
    )


def simulated(scenes: list[Image], strangers: list[Path], rng: np.random.Generator) -> None:
    """Print a row for every strength and quality; strangers meet the fingerprint of 1 % at 90."""
    print("| case | found at 60 | quarter | median | largest |\n|---|---|---|---|---|")
    for strength in (0.005, 0.01, 0.02):
        sensor = (1 + strength * rng.normal(0, 1, (SIDE, SIDE))).astype(np.float32)
        for quality in (95, 80):
            shots = [photographed(scene, sensor, quality) for scene in scenes]
            known = fingerprint_of(shots[:ENROLLED])
            whole = [energy(shot, known) for shot in shots[ENROLLED:]]
            parts = [energy(middle(shot, PART), known) for shot in shots[ENROLLED:]]
            print(f"| strength {strength:.1%}, JPEG {quality} | {rate(whole)} |", flush=True)
            print(f"| the same, cut to {PART} px | {rate(parts)} |", flush=True)
    others = [energy(middle(load_image(path), SIDE), known) for path in strangers]
    print(f"| pictures of other origin | {rate(others)} |", flush=True)


def studio(paths: list[Path]) -> None:
    """Print how each picture of a group matches the fingerprint of the others."""
    images = [load_image(path) for path in paths]
    sizes = [image.shape for image in images]
    alike = [image for image in images if image.shape == max(set(sizes), key=sizes.count)]
    found = []
    for index, image in enumerate(alike):
        known = fingerprint_of([*alike[:index], *alike[index + 1 :]])
        found.append(energy(image, known))
    print(f"| one studio, each of {len(alike)} against the others | {rate(found)} |")


def main() -> None:
    """Measure and print one Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--strangers", type=int, default=600)
    parser.add_argument("--studio", default="london", help="group of the manifest")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with args.manifest.open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["path"].startswith("images/")]
    real = [row for row in rows if row["label"] == "real"]
    random.Random(args.seed).shuffle(real)
    sides = [min(int(row["width"]), int(row["height"])) for row in real]
    paths = [args.manifest.parent / row["path"] for row in real]
    large = [path for path, side in zip(paths, sides, strict=True) if side >= SIDE]
    scenes = [middle(load_image(path), SIDE) for path in large[: ENROLLED + LOOKED_UP]]
    used = set(large[: ENROLLED + LOOKED_UP])
    fitting = [
        path
        for path, side in zip(paths, sides, strict=True)
        if side >= LEAST_SIDE and path not in used
    ]
    simulated(scenes, fitting[: args.strangers], np.random.default_rng(args.seed))
    studio(
        sorted(path for path, row in zip(paths, real, strict=True) if row["group"] == args.studio)
    )


if __name__ == "__main__":
    main()
