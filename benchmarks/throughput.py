"""Measure how many face pictures a second `forensics examine` examines, in full and with --fast.

    python benchmarks/throughput.py [--pictures 100] [--jobs N] [--data DIR] [--mode MODE]...

Without --data the pictures are made on the spot: crops of the portrait of the demonstration, in
which the face fills a third of the picture as it does in FFHQ, at 512 px, each with another frame,
grain and JPEG quality. With it they are the first pictures of DIR, as they are. Every mode is the
command itself, once on one picture and once on all; what the first run takes, start and one
picture, is not counted. Prints a Markdown table.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from forensics.commands.demo import portrait
from forensics.commands.picture_files import SUFFIXES

EXAMINE = [sys.executable, "-m", "forensics.cli", "examine", "--json"]
MODES = {"default": [], "--fast": ["--fast"]}
GOALS = {"default": 1.5, "--fast": 10.0}
"""Pictures a second on two cores."""
SIDE = 512
DRAW = """
import sys
import numpy as np
from PIL import Image
source, folder, count, side = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
portrait = Image.open(source).convert("RGB")
rng = np.random.default_rng(0)
for number in range(count):
    width = int(rng.integers(300, 360))
    left, top = int(rng.integers(85, 125)), int(rng.integers(10, 45))
    crop = portrait.crop((left, top, left + width, top + width)).resize((side, side), 3)
    grain = rng.normal(0, 2, (side, side, 1))
    shades = np.clip(np.asarray(crop) + grain, 0, 255).astype(np.uint8)
    Image.fromarray(shades).save(f"{folder}/{number:03d}.jpg", quality=int(rng.integers(85, 96)))
"""
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in which the system counts a process's peak memory."""


@dataclass(frozen=True)
class Run:
    """One run of the command: seconds on the clock and of the processor, MiB, and its lines."""

    seconds: float
    processor: float
    peak: float
    lines: list[dict[str, object]]


def drawn(folder: Path, count: int) -> list[Path]:
    """Face pictures made of the portrait, all different."""
    given = [str(portrait()), str(folder), str(count), str(SIDE)]
    subprocess.run([sys.executable, "-c", DRAW, *given], check=True)
    return sorted(folder.glob("*.jpg"))


def found(folder: Path, count: int) -> list[Path]:
    """The first pictures of a folder and its folders."""
    pictures = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    return pictures[:count]


def run(options: Sequence[str], pictures: Sequence[Path], jobs: int) -> Run:
    """Examine pictures; raises RuntimeError where none could be."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(
            [*EXAMINE, *options, "--jobs", str(jobs), *map(str, pictures)],
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        lines = [json.loads(line) for line in out]
    if not any("label" in line for line in lines):
        raise RuntimeError(f"nothing was examined, status {child.returncode}")
    processor = usage.ru_utime + usage.ru_stime
    return Run(seconds, processor, usage.ru_maxrss * PEAK_UNIT / 2**20, lines)


def measured(mode: str, pictures: Sequence[Path], jobs: int) -> list[str]:
    """A row of the table: rate, processor seconds a picture, peak memory, and what was run."""
    first, several = run(MODES[mode], pictures[:1], jobs), run(MODES[mode], pictures, jobs)
    more = len(pictures) - 1
    rate = more / (several.seconds - first.seconds)
    word = "reached" if rate >= GOALS[mode] else "missed"
    done = [line for line in several.lines if "label" in line]
    evidence = done[0]["evidence"]
    assert isinstance(evidence, dict)
    return [
        mode,
        str(jobs),
        f"{rate:.2f} ({word}: {GOALS[mode]:g})",
        f"{(several.processor - first.processor) / more:.3f}",
        f"{several.peak:.0f}",
        f"{len(done)} of {len(pictures)}",
        ", ".join(evidence),
    ]


def main() -> None:
    """Measure every mode and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=100, help="how many, default 100")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--data", type=Path, metavar="DIR", help="real pictures instead")
    parser.add_argument("--mode", action="append", choices=MODES, help="default: all of them")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = found(args.data, args.pictures) if args.data else drawn(folder, args.pictures)
        print(f"{len(pictures)} pictures on {os.cpu_count()} cores.\n")
        head = ["", "at a time", "pictures a second", "processor s each", "peak MiB", "examined"]
        print(f"| {' | '.join([*head, 'what was run'])} |\n|{'---|' * (len(head) + 1)}")
        for mode in args.mode or MODES:
            print(f"| {' | '.join(measured(mode, pictures, args.jobs))} |", flush=True)


if __name__ == "__main__":
    main()
