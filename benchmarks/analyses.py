"""Measure what every analysis costs on one photograph, and the peak memory of all together.

    python benchmarks/analyses.py [--size 4000x3000] [--runs 3] [--photograph FILE]

Prints a Markdown table: seconds on the clock and of the processor (all cores added), the median of
the runs; the photograph is read and decoded once before. Without one, the portrait of the
demonstration is enlarged and given noise, since a smooth picture would cost too little. Faces are
found beforehand as well, and prnu is left out: it compares only where a camera is named.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image as Pillow

from forensics.allocation import keep_freed_memory
from forensics.case import Case
from forensics.commands.demo import portrait
from forensics.plugins import entries, load

LEFT_OUT = ("prnu",)
GRAIN = 5.0
"""Standard deviation of the noise added to the enlarged portrait, in grey levels."""
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


def enlarged(folder: Path, width: int, height: int) -> Path:
    """The portrait at this size with grain, as JPEG."""
    path = folder / "large.jpg"
    with Pillow.open(portrait()) as opened:
        picture = opened.convert("RGB").resize((width, height), Pillow.Resampling.BICUBIC)
    rng = np.random.default_rng(0)
    shades = np.asarray(picture)
    for top in range(0, height, 256):
        strip = shades[top : top + 256].astype(np.float32)
        grain = rng.normal(0, GRAIN, (*strip.shape[:2], 1)).astype(np.float32)
        picture.paste(Pillow.fromarray(np.clip(strip + grain, 0, 255).astype(np.uint8)), (0, top))
    picture.save(path, quality=92)
    return path


def peak() -> float:
    """The most memory this process ever had, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT / 2**20


def costs(path: Path, name: str) -> tuple[float, float]:
    """Seconds on the clock and of the processor that one analysis takes on a fresh case."""
    case = Case(path)
    _ = case.image, case.faces
    analysis = load("analysis", name)
    clock, processor = time.perf_counter(), time.process_time()
    analysis.examine(case)
    return time.perf_counter() - clock, time.process_time() - processor


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="4000x3000", help="width x height in px")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--photograph", type=Path)
    args = parser.parse_args()
    # As every command has it.
    keep_freed_memory()
    width, height = map(int, args.size.split("x"))
    names = [name for name in entries("analysis") if name not in LEFT_OUT]
    with tempfile.TemporaryDirectory() as folder:
        path = args.photograph or enlarged(Path(folder), width, height)
        rounds = [{name: costs(path, name) for name in names} for _ in range(args.runs)]
    print("| analysis | seconds | of the processor |\n|---|---|---|")
    middles = {
        name: [median(found[name][kind] for found in rounds) for kind in (0, 1)] for name in names
    }
    for name, (clock, processor) in middles.items():
        print(f"| {name} | {clock:.2f} | {processor:.2f} |")
    clock, processor = (sum(values) for values in zip(*middles.values(), strict=True))
    print(f"| all | {clock:.2f} | {processor:.2f} |\n\nPeak memory: {peak():.0f} MiB")


if __name__ == "__main__":
    main()
