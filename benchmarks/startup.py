"""Measure what one examination costs: time from a cold start, and peak memory.

    python benchmarks/startup.py [--runs 5] [--large]

Prints a Markdown table. The bare imports run in turn with the examinations, so that both meet the
same machine. This process stays small on purpose: Linux counts the memory of a parent at the start
of its child towards the child's peak.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from forensics.commands.demo import portrait
from forensics.weights import cache_folder

BARE = [sys.executable, "-c", "import numpy, cv2, onnxruntime, PIL.Image, scipy.fft"]
FORENSICS = [sys.executable, "-m", "forensics.cli"]
FURTHER = 8
"""Pictures that are examined after the first."""
SIZES = {"face": (512, 512), "12 MP": (4000, 3000), "150 MP": (15000, 10000)}
"""Width and height in px."""
DRAW = """
import sys
from PIL import Image
source, target, width, height = sys.argv[1:]
picture = Image.open(source).convert("RGB").crop((0, 0, 512, 512))
picture.resize((int(width), int(height)), Image.Resampling.BICUBIC).save(target, quality=92)
"""
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in which the system counts a process's peak memory."""


@dataclass(frozen=True)
class Cost:
    """One run of a program: seconds on the clock, and peak memory in MiB."""

    seconds: float
    peak: float


def cost(command: Sequence[str], cache: Path) -> Cost:
    """Run `command` with weights from `cache`; raises RuntimeError where it fails."""
    environment = {**os.environ, "FORENSICS_CACHE": str(cache)}
    start = time.perf_counter()
    child = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with status {child.returncode}")
    return Cost(seconds, usage.ru_maxrss * PEAK_UNIT / 2**20)


def draw(folder: Path, name: str) -> Path:
    """Write the portrait at the size called `name`, as JPEG."""
    path = folder / f"{name.replace(' ', '-')}.jpg"
    width, height = map(str, SIZES[name])
    subprocess.run(
        [sys.executable, "-c", DRAW, str(portrait()), str(path), width, height], check=True
    )
    return path


def copies(picture: Path, count: int) -> list[str]:
    """Paths of `count` equal pictures beside `picture`."""
    paths = [picture.with_name(f"copy-{number}.jpg") for number in range(count)]
    for path in paths:
        path.write_bytes(picture.read_bytes())
    return [str(path) for path in paths]


def examine_rows(pictures: dict[str, Path], cache: Path, runs: int) -> list[list[str]]:
    """Rows of the table for one set of weights: cold start, further pictures, peak memory."""
    face = pictures["face"]
    first = [*FORENSICS, "examine", str(face), "--json"]
    several = [*first[:-1], *copies(face, FURTHER), "--json"]
    rounds = [(cost(BARE, cache), cost(first, cache), cost(several, cache)) for _ in range(runs)]
    bare, cold, many = (
        median(run.seconds for run in column) for column in zip(*rounds, strict=True)
    )
    rows = [
        ["bare imports", f"{bare:.2f} s"],
        ["cold `forensics examine`, one face, 512 px", f"{cold:.2f} s ({cold / bare:.1f} x bare)"],
        ["each further picture", f"{(many - cold) / FURTHER:.2f} s"],
        ["peak memory, 512 px", f"{median(run[1].peak for run in rounds):.0f} MiB"],
    ]
    for name, picture in pictures.items():
        if name != "face":
            large = cost([*FORENSICS, "examine", str(picture), "--json"], cache)
            rows.append([f"{name} photograph", f"{large.seconds:.2f} s, {large.peak:.0f} MiB"])
    return rows


def main() -> None:
    """Measure without CLIP, then with it where it has been pulled, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="the median of so many, default 5")
    parser.add_argument("--large", action="store_true", help="12 and 150 megapixels as well")
    args = parser.parse_args()
    pulled = cache_folder()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = {size: draw(folder, size) for size in SIZES if args.large or size == "face"}
        answers = [cost([*FORENSICS, "--help"], folder).seconds for _ in range(args.runs)]
        print(f"Median of {args.runs} runs on {os.cpu_count()} cores.\n")
        print_table("", [["`forensics --help`", f"{median(answers):.2f} s"]])
        print_table("without `clip_pairs`", examine_rows(pictures, folder, args.runs))
        if (pulled / "clip_vit_b16").is_dir():
            print_table("with `clip_pairs`", examine_rows(pictures, pulled, args.runs))


def print_table(title: str, rows: list[list[str]]) -> None:
    """Print rows of two cells as Markdown."""
    print(f"| {title} | |\n|---|---|")
    print("\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n")


if __name__ == "__main__":
    main()
