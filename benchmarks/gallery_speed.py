"""What a gallery costs at 1k to 1M faces: opening, searching, adding, memory, disk, exactness.

Run: python benchmarks/gallery_speed.py --others PYTHON --page docs/results/faces-speed.md
PYTHON is an interpreter with lancedb and faiss-cpu, which are no dependencies of this suite.

Vectors are strangers, not near-duplicates: random, with the mean and spread of (adjusted) cosines
that the shipped matcher was measured to have. Every figure comes from a process of its own. Wall
clock means little on a busy machine, so processor time stands beside it, and the load in the
heading.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZES = (1_000, 10_000, 100_000, 1_000_000)
ENGINES = ("ours", "faiss flat", "lancedb")
DIMENSIONS, CHUNK, BATCH, TOP = 128, 50_000, 1_000, 10
QUERIES, CHECKED, SINGLE_ADDS = 200, 20, 50
SMALL = 100
"""Smaller figures keep three digits."""
LARGE, FEWER = 1_000_000, 50
"""So many faces are searched with so many queries."""
HISTOGRAM = Path(__file__).parents[1] / "forensics" / "backbones" / "dlib_resnet_likeness.json"

Rows = NDArray[np.float32]
Search = Callable[[Rows], list[int]]


def strangers(count: int, seed: int) -> Iterator[Rows]:
    """Yield unit vectors in chunks; their cosines have the measured mean and spread."""
    counts = np.asarray(json.loads(HISTOGRAM.read_text())["everyone"]["counts"], float)
    centres = np.linspace(-1, 1, len(counts) + 1)[:-1] + 1 / len(counts)
    mean = np.average(centres, weights=counts)
    spread = np.sqrt(np.average((centres - mean) ** 2, weights=counts))
    # Cosines of unit vectors in d free dimensions spread by 1 / sqrt(d).
    free = round(((1 - mean) / spread) ** 2)
    rng = np.random.default_rng(seed)
    for start in range(0, count, CHUNK):
        rows = np.zeros((min(CHUNK, count - start), DIMENSIONS), np.float32)
        noise = rng.standard_normal((len(rows), free)).astype(np.float32)
        noise *= np.sqrt(1 - mean) / np.linalg.norm(noise, axis=1, keepdims=True)
        rows[:, 0], rows[:, 1 : free + 1] = np.sqrt(mean), noise
        yield rows


def main() -> None:
    """Measure every engine at every size; print and write one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--others", help="a Python with lancedb and faiss-cpu")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--work", nargs=4, metavar=("STEP", "ENGINE", "SIZE", "DIR"))
    args = parser.parse_args()
    if args.work:
        step, engine, size, folder = args.work
        print(json.dumps(STEPS[step](engine, int(size), Path(folder))))
        return
    rows = []
    for size in args.sizes:
        for engine in ENGINES if args.others else ENGINES[:1]:
            python = sys.executable if engine == "ours" else args.others
            rows.append(measured(python, engine, size))
            print(rows[-1], flush=True)
    text = page(rows)
    print(text)
    if args.page:
        args.page.write_text(text, encoding="utf-8")


def measured(python: str, engine: str, size: int) -> dict[str, Any]:
    """Fill a gallery in one process and ask it in another."""
    with tempfile.TemporaryDirectory() as folder:
        facts: dict[str, Any] = {"engine": engine, "size": size}
        for step in STEPS:
            command = [python, __file__, "--work", step, engine, str(size), f"{folder}/gallery"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            facts |= json.loads(done.stdout.splitlines()[-1])
        return facts


def fill(engine: str, size: int, folder: Path) -> dict[str, float]:
    """Add all vectors in batches, then some one by one."""
    add = ADDERS[engine](folder)
    wall, processor = time.perf_counter(), time.process_time()
    done = 0
    for chunk in strangers(size, seed=1):
        for start in range(0, len(chunk), BATCH):
            add(chunk[start : start + BATCH], done)
            done += len(chunk[start : start + BATCH])
    facts = {
        "adds a second in batches": size / (time.perf_counter() - wall),
        "adds a processor second": size / (time.process_time() - processor),
    }
    wall = time.perf_counter()
    for row in next(strangers(SINGLE_ADDS, seed=3)):
        add(row[None], done)
        done += 1
    facts["single adds a second"] = SINGLE_ADDS / (time.perf_counter() - wall)
    if hasattr(add, "finish"):
        add.finish()
    return facts


def first(engine: str, size: int, folder: Path) -> dict[str, float]:
    """Open for the first time: ours then copies whole blocks of vectors into a file."""
    wall = time.perf_counter()
    SEARCHERS[engine](folder)
    disk = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6
    return {"first open s": time.perf_counter() - wall, "disk MB": disk}


def ask(engine: str, size: int, folder: Path) -> dict[str, float]:
    """Open, search for strangers, compare the first answers with every cosine."""
    probes = next(strangers(QUERIES if size < LARGE else FEWER, seed=2))
    before, wall, processor = resident(), time.perf_counter(), time.process_time()
    search = SEARCHERS[engine](folder)
    search(probes[0])
    facts = {
        "open s": time.perf_counter() - wall,
        "open processor s": time.process_time() - processor,
    }
    walls, answers = [], []
    processor = time.process_time()
    for probe in probes:
        wall = time.perf_counter()
        answers.append(search(probe))
        walls.append(1000 * (time.perf_counter() - wall))
    facts["processor ms a search"] = 1000 * (time.process_time() - processor) / len(probes)
    # Before NumPy loads what percentiles need, which is no part of a gallery.
    facts["memory / matrix"] = (resident() - before) / (size * DIMENSIONS * 4)
    facts["p50 ms"], facts["p99 ms"] = np.percentile(walls, [50, 99]).tolist()
    facts["recall"] = recall(size, probes[:CHECKED], answers)
    return facts


def recall(size: int, probes: Rows, answers: list[list[int]]) -> float:
    """The share of the true nearest `TOP` that were answered."""
    singles = next(strangers(SINGLE_ADDS, seed=3))
    parts = [probes @ chunk.T for chunk in (*strangers(size, seed=1), singles)]
    cosines = np.concatenate(parts, axis=1)
    true = np.argsort(-cosines, axis=1, kind="stable")[:, :TOP]
    found = [len(set(row.tolist()) & set(a)) for row, a in zip(true, answers, strict=False)]
    return float(np.mean(found) / TOP)


def resident() -> float:
    """Bytes of memory that this process holds (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def our_adder(folder: Path) -> Callable[[Rows, int], object]:
    """Records as a real gallery has them."""
    from forensics.faces.sqlite_storage import SqliteStorage
    from forensics.faces.storage import Record

    storage = SqliteStorage(folder, "benchmark", create=True)

    def add(rows: Rows, start: int) -> object:
        names = [f"{number:064x}" for number in range(start, start + len(rows))]
        records = [Record(n[-9:], f"{n[-9:]}.jpg", n, 0, "made", "2026") for n in names]
        return storage.add(records, rows)

    return add


def our_searcher(folder: Path) -> Search:
    """The gallery's own matrix; ids begin at 1."""
    from forensics.faces.sqlite_storage import SqliteStorage
    from forensics.faces.vectors import VectorBlocks

    storage, blocks = SqliteStorage(folder, "benchmark"), VectorBlocks()
    for ids, vectors in storage.vectors():
        blocks.append(ids, vectors)
    storage.people()

    def search(probe: Rows) -> list[int]:
        # What each search of a gallery asks first: has anything changed?
        storage.state()
        ids, _ = blocks.nearest(probe, TOP)
        list(storage.records(ids.tolist()))
        return [number - 1 for number in ids.tolist()]

    return search


class FaissAdder:
    """faiss has no durable adds: the file is written once, at the end."""

    def __init__(self, folder: Path) -> None:
        """Start with an empty flat index."""
        faiss = import_module("faiss")
        folder.mkdir()
        self.path, self.faiss = folder / "flat", faiss
        self.index = faiss.IndexFlatIP(DIMENSIONS)

    def __call__(self, rows: Rows, start: int) -> None:
        """Add in memory."""
        self.index.add(rows)

    def finish(self) -> None:
        """Write the file."""
        self.faiss.write_index(self.index, str(self.path))


def faiss_searcher(folder: Path) -> Search:
    """A flat index read from its file."""
    index = import_module("faiss").read_index(str(folder / "flat"))
    return lambda probe: list(index.search(probe[None], TOP)[1][0])


def lance_adder(folder: Path) -> Callable[[Rows, int], object]:
    """One table of number, label and vector."""
    lancedb, pa = import_module("lancedb"), import_module("pyarrow")
    kind = pa.list_(pa.float32(), DIMENSIONS)
    fields = [("number", pa.int64()), ("label", pa.string()), ("vector", kind)]
    table = lancedb.connect(str(folder)).create_table("faces", schema=pa.schema(fields))

    def add(rows: Rows, start: int) -> object:
        numbers = list(range(start, start + len(rows)))
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), DIMENSIONS)
        columns = [pa.array(numbers), pa.array([str(n) for n in numbers]), vectors]
        return table.add(pa.table(columns, names=["number", "label", "vector"]))

    return add


def lance_searcher(folder: Path) -> Search:
    """Exhaustive search, as ours: an IVF_PQ index is faster and misses neighbours."""
    table = import_module("lancedb").connect(str(folder)).open_table("faces")

    def search(probe: Rows) -> list[int]:
        found = table.search(probe).distance_type("cosine").limit(TOP).select(["number"])
        return [int(number) for number in found.to_arrow()["number"].to_pylist()]

    return search


STEPS: dict[str, Callable[[str, int, Path], dict[str, float]]] = {
    "fill": fill,
    "first": first,
    "ask": ask,
}
ADDERS: dict[str, Callable[[Path], Any]] = {
    "ours": our_adder,
    "faiss flat": FaissAdder,
    "lancedb": lance_adder,
}
SEARCHERS: dict[str, Callable[[Path], Search]] = {
    "ours": our_searcher,
    "faiss flat": faiss_searcher,
    "lancedb": lance_searcher,
}


def page(rows: list[dict[str, Any]]) -> str:
    """The table, with the load of the machine while it was made."""
    names = list(rows[0])
    load, threads = os.getloadavg()[0], os.environ.get("OMP_NUM_THREADS", "all")
    lines = [
        "# Faces: what a gallery costs",
        "",
        f"Written by `python benchmarks/gallery_speed.py` on {os.cpu_count()} cores with a load of "
        f"{load:.1f} at the end; threads for linear algebra: {threads}. A load above the number of "
        "cores means that other work ran beside: wall-clock figures are then upper bounds, and "
        "processor time is what to read.",
        "",
        f"| {' | '.join(names)} |",
        f"| {' | '.join('---' for _ in names)} |",
        *(f"| {' | '.join(_cell(row[name]) for name in names)} |" for row in rows),
        "",
    ]
    return "\n".join(lines)


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value >= SMALL else f"{value:.3g}"


if __name__ == "__main__":
    main()
