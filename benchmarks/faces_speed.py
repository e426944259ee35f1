"""How long `find_faces` takes after loading, on the portrait that matplotlib ships.

Run: python benchmarks/faces_speed.py
Wall clock means little on a busy machine, so processor time over all threads stands beside it, and
both beside an area resize of the same picture to half its size.
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cv2
import matplotlib as mpl
import numpy as np
from PIL import Image as Pillow

from forensics.faces.detect import find_faces
from forensics.schema import Image

SIZES = {"512 px": (512, 512), "12 MP": (4000, 3000)}
REPEATS = 15


def milliseconds(work: Callable[[Image], object], picture: Image) -> tuple[float, float]:
    """Median wall-clock and processor time of `work(picture)` in ms, after one run to warm up."""
    work(picture)
    walls, processors = [], []
    for _ in range(REPEATS):
        wall, processor = time.perf_counter(), time.process_time()
        work(picture)
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return 1000 * median(walls), 1000 * median(processors)


def half(picture: Image) -> object:
    """The reference: one area resize."""
    return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def main() -> None:
    """Print one line a size."""
    path = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    portrait = np.asarray(Pillow.open(path).convert("RGB"))
    for name, size in SIZES.items():
        picture = cv2.resize(portrait, size).astype(np.uint8)
        found, bare = milliseconds(find_faces, picture), milliseconds(half, picture)
        print(
            f"{name}: find_faces {found[0]:.0f} ms wall, {found[1]:.0f} ms processor; "
            f"resize {bare[0]:.2f} and {bare[1]:.2f} ms; processor ratio {found[1] / bare[1]:.0f}"
        )


if __name__ == "__main__":
    main()
