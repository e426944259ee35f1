"""Measure what one examination costs: time from a cold start, and peak memory.

    python benchmarks/startup.py [--runs 5] [--large]

Prints a Markdown table. The bare imports run in turn with the examinations, so that both meet the
same machine; on a busy one the seconds of the processor say more than those of the clock. Modules
are compiled, as those of an installed package are. The further pictures differ from the first, and
from each other: what was read of one crop is kept for a while. This process stays small on purpose:
Linux counts the memory of a parent at the start of its child towards the child's peak.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median

from forensics.commands.demo import portrait
from forensics.weights import cache_folder

BARE = [sys.executable, "-c", "import numpy, cv2, onnxruntime, PIL.Image, scipy.fft"]
FORENSICS = [sys.executable, "-m", "forensics.cli"]
FURTHER, SHIFT = 8, 10
"""Pictures that are examined after the first, each so many px further down the portrait."""
SIZES = {"face": (512, 512), "12 MP": (4000, 3000), "150 MP": (15000, 10000)}
"""Width and height in px."""
DRAW = """
import sys
from PIL import Image
source, target = sys.argv[1:3]
width, height, top = map(int, sys.argv[3:])
picture = Image.open(source).convert("RGB").crop((0, top, 512, 512 + top))
picture.resize((width, height), Image.Resampling.BICUBIC).save(target, quality=92)
"""
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in which the system counts a process's peak memory."""


@dataclass(frozen=True)
class Cost:
    """One run of a program: seconds on the clock and of all cores, and peak memory in MiB."""

    seconds: float
    processor: float
    peak: float


def cost(command: Sequence[str], cache: Path) -> Cost:
    """Run `command` with weights from `cache`; raises RuntimeError where it fails."""
    environment = {**os.environ, "FORENSICS_CACHE": str(cache), "PYTHONDONTWRITEBYTECODE": ""}
    start = time.perf_counter()
    child = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with status {child.returncode}")
    processor = usage.ru_utime + usage.ru_stime
    return Cost(seconds, processor, usage.ru_maxrss * PEAK_UNIT / 2**20)


def draw(folder: Path, name: str, top: int = 0) -> Path:
    """Write the portrait, from the row `top` on, at the size called `name`, as JPEG."""
    path = folder / f"{name.replace(' ', '-')}-{top}.jpg"
    size = [str(side) for side in (*SIZES[name], top)]
    subprocess.run([sys.executable, "-c", DRAW, str(portrait()), str(path), *size], check=True)
    return path


def examine_rows(pictures: dict[str, Path], cache: Path, runs: int) -> list[list[str]]:
    """Rows of the table for one set of weights: cold start, further pictures, peak memory."""
    face = pictures["face"]
    others = [draw(face.parent, "face", SHIFT * number) for number in range(1, FURTHER + 1)]
    first = [*FORENSICS, "examine", "--json", str(face)]
    several = [*first, *map(str, others)]
    cost(first, cache)
    rounds = [(cost(BARE, cache), cost(first, cache), cost(several, cache)) for _ in range(runs)]
    bare, cold, many = (
        Cost(*(median(column) for column in zip(*map(astuple, runs_of), strict=True)))
        for runs_of in zip(*rounds, strict=True)
    )
    times = cold.seconds / bare.seconds, cold.processor / bare.processor
    further = (many.seconds - cold.seconds, many.processor - cold.processor)
    rows = [
        ["bare imports", f"{bare.seconds:.2f} s", f"{bare.processor:.2f} s"],
        [
            "cold `forensics examine`, one face, 512 px",
            f"{cold.seconds:.2f} s ({times[0]:.1f} x bare)",
            f"{cold.processor:.2f} s ({times[1]:.1f} x bare)",
        ],
        ["each further picture", *(f"{each / FURTHER:.2f} s" for each in further)],
        ["peak memory, 512 px", f"{cold.peak:.0f} MiB", ""],
        ["peak memory, all of them", f"{many.peak:.0f} MiB", ""],
    ]
    for name, picture in pictures.items():
        if name != "face":
            large = cost([*FORENSICS, "examine", str(picture), "--json"], cache)
            clock = f"{large.seconds:.2f} s, {large.peak:.0f} MiB"
            rows.append([f"{name} photograph", clock, f"{large.processor:.2f} s"])
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
        print_table("", [["`forensics --help`", f"{median(answers):.2f} s", ""]])
        print_table("without `clip_pairs`", examine_rows(pictures, folder, args.runs))
        if (pulled / "clip_vit_b16").is_dir():
            print_table("with `clip_pairs`", examine_rows(pictures, pulled, args.runs))


def print_table(title: str, rows: list[list[str]]) -> None:
    """Print rows of three cells as Markdown."""
    print(f"| {title} | on the clock | of the processor |\n|---|---|---|")
    print("\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n")


if __name__ == "__main__":
    main()
