"""The page of the zoo, in Markdown: a table of figures, then a part for every generator."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

import forensics
from forensics.benchmark.tables import Figure, markdown
from forensics.benchmark.zoo_embedding import NAME
from forensics.benchmark.zoo_measures import Closeness, Copies, Measured
from forensics.benchmark.zoo_traces import Trace, draw_spectrum
from forensics.schema import Image, ModelCard
from forensics.writing import Provenance, write_picture

GRID = 8
SMALL = 128
"""Px below which size alone tells a generated picture here from a photograph."""


@dataclass(frozen=True, eq=False)
class Part:
    """One generator as the page shows it; `run`: its training run's folder, if it is at hand."""

    card: ModelCard
    weights_sha256: str
    samples: Sequence[Image]
    trace: Trace
    measured: Measured | None
    run: Path | None = None


def written(parts: Sequence[Part], folder: Path, pictures: Path, command: str) -> Path:
    """Write `zoo.md` into a folder and its pictures into another; return the page's path.

    Raises:
        OSError: a folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures.mkdir(parents=True, exist_ok=True)
    to_pictures = Path(*[".."] * len(folder.resolve().relative_to(_shared(folder, pictures)).parts))
    there = to_pictures / pictures.resolve().relative_to(_shared(folder, pictures))
    body = [_opening(parts, command), _table(parts), _catches(parts)]
    body += [_part(part, pictures, there.as_posix()) for part in parts]
    page = folder / "zoo.md"
    page.write_text("\n".join(text for text in body if text), encoding="utf-8")
    return page


def _shared(one: Path, other: Path) -> Path:
    """The deepest folder that both lie in."""
    a, b = one.resolve().parts, other.resolve().parts
    same = [x for x, y in zip(a, b, strict=False) if x == y]
    return Path(*same)


def _opening(parts: Sequence[Part], command: str) -> str:
    words = f"# The zoo\n\nOur generators, each at its own size. Written by `{command}`.\n"
    closeness = _closeness(parts)
    if closeness is None:
        return words
    return words + (
        f"\nDistances are measured in {NAME}, against real pictures that no generator learned from"
        f" ({closeness.samples} samples, {closeness.reals} real pictures; drawn scenes for a"
        " generator that learned from those). *Kernel distance*: squared maximum mean discrepancy"
        " of the cubic polynomial kernel (KID), unbiased, times 1,000; *precision* and *recall*"
        " after Kynkaanniemi et al. 2019, third neighbours. *Floor*: the same figure of real"
        " pictures against others. Brackets are 95 % bootstrap intervals; those of precision and"
        " recall keep the compared set fixed. Speeds are per second of CPU time of one process"
        " that shared its processor with others.\n"
    )


def _closeness(parts: Sequence[Part]) -> Closeness | None:
    found = [each.measured.closeness for each in parts if each.measured]
    return next((each for each in found if each), None)


def _table(parts: Sequence[Part]) -> str:
    rows = [_row(part) for part in parts if part.measured]
    header = ["generator", "px", "kernel distance", "floor", "precision", "recall"]
    header += ["floors", "samples/s", "s a training step"]
    return markdown(header, rows) if rows else ""


def _row(part: Part) -> list[object]:
    measured = part.measured
    assert measured is not None
    near, step = measured.closeness, measured.step_seconds
    cells: list[object] = ["", "", "", "", ""]
    if near:
        floors = f"{_short(near.precision_floor.value)}, {_short(near.recall_floor.value)}"
        cells = [_wide(near.distance), _wide(near.floor), near.precision, near.recall, floors]
    speed = [f"{measured.per_second:.3g}", "" if step is None else f"{step:.2g}"]
    return [part.card.name, measured.size, *cells, *speed]


def _short(value: float) -> str:
    return f"{value:.2f}".lstrip("0") or "0"


def _wide(figure: Figure) -> str:
    return f"{figure.value:.1f} [{figure.low:.1f}, {figure.high:.1f}]"


def _catches(parts: Sequence[Part]) -> str:
    caught = [part for part in parts if part.measured and part.measured.catches]
    if not caught:
        return ""
    names = list(caught[0].measured.catches)  # type: ignore[union-attr]
    rows = [_caught(part, names) for part in caught]
    return (
        "## Who catches them\n\nAUC of the shipped detectors, samples against real pictures of the"
        f" same size. Below {SMALL} px the size alone would tell: nobody takes photographs that"
        " small, and a verdict abstains there. The detectors were never trained at these sizes.\n\n"
        + markdown(["generator", "px", *names], rows)
    )


def _caught(part: Part, names: Sequence[str]) -> list[object]:
    measured = part.measured
    assert measured is not None
    cells = [measured.catches.get(name, "") for name in names]
    return [part.card.name, measured.size, *cells]


def _part(part: Part, pictures: Path, there: str) -> str:
    card, name = part.card, part.card.name
    lines = [f"## {name}\n", f"{card.title}. {card.looks_at}\n"]
    if card.paper:
        lines.append(f"After {card.paper}.\n")
    shown = _pictures(part, pictures)
    if shown:
        lines.append(" ".join(f"![{words}]({there}/{file})" for file, words in shown) + "\n")
        lines.append(f"From left to right: {'; '.join(words for _, words in shown)}.\n")
    if part.trace.power is None:
        lines.append(f"No spectrum: {part.trace.of}\n")
    if part.measured:
        lines += [_copies(part.measured.copies), _obeyed(part.measured)]
    lines += [f"- {failure}" for failure in card.known_failures]
    return "\n".join(line for line in lines if line) + "\n"


def _pictures(part: Part, folder: Path) -> list[tuple[str, str]]:
    """Write a generator's pictures; their file names and what each shows."""
    name, shown = part.card.name, []
    if part.samples:
        mark = Provenance(name, forensics.__version__, 0, part.weights_sha256)
        write_picture(folder / f"zoo-{name}.png", tiled(part.samples[: GRID**2], GRID), mark)
        shown.append((f"zoo-{name}.png", "samples of seed 0, none chosen"))
    if part.trace.example is not None:
        mark = Provenance(name, forensics.__version__, 0, "", composite=True)
        write_picture(folder / f"zoo-{name}.png", part.trace.example, mark)
        shown.append((f"zoo-{name}.png", "a photograph, and what became of it with seed 0"))
    if part.trace.power is not None:
        draw_spectrum(folder / f"zoo-{name}-spectrum.png", part.trace)
        shown.append((f"zoo-{name}-spectrum.png", f"mean power spectrum, {part.trace.of}"))
    curve = folder / f"zoo-{name}-training.png"
    # A run's log lies on the machine that trained; elsewhere the curve drawn there is kept.
    if part.run and (draw_training(curve, part.run / "log.csv") or curve.is_file()):
        shown.append((f"zoo-{name}-training.png", "losses of its training"))
    return shown


def tiled(pictures: Sequence[Image], columns: int) -> Image:
    """Pictures of one size side by side, in rows; the last row is filled up with black."""
    rows = -(-len(pictures) // columns)
    blank = [np.zeros_like(pictures[0])] * (rows * columns - len(pictures))
    cells = np.stack([*pictures, *blank]).reshape(rows, columns, *pictures[0].shape)
    height, width = pictures[0].shape[:2]
    joined = cells.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, 3)
    return np.ascontiguousarray(joined)


def draw_training(path: Path, log: Path) -> bool:
    """Draw a log's losses against pictures shown; False where there is no such log."""
    if not log.is_file():
        return False
    from matplotlib.figure import Figure as Canvas

    with log.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    losses = [name for name in ("loss", "discriminator", "generator") if rows and name in rows[0]]
    if not losses or "images" not in rows[0]:
        return False
    canvas = Canvas(figsize=(3.6, 2.7), layout="constrained")
    axes = canvas.subplots()
    for name in losses:
        axes.plot([float(r["images"]) for r in rows], [float(r[name]) for r in rows], label=name)
    axes.set(xlabel="pictures shown", ylabel="loss")
    axes.legend(frameon=False)
    canvas.savefig(path, dpi=90)
    return True


def draw_copies(path: Path, copies: Copies) -> None:
    """Write samples (left of each pair) beside their nearest training pictures.

    These are pictures of real people: for looking at, not for publishing.
    """
    pairs = [np.concatenate(list(pair), axis=1) for pair in copies.pairs]
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(tiled(pairs, 4)).resize((768, 384), Pillow.Resampling.NEAREST).save(path)


def _copies(copies: Copies | None) -> str:
    if copies is None:
        return ""
    ours, real, side = copies.distances, copies.of_real, copies.pairs.shape[2]
    return (
        f"Nearest training picture of {len(ours)} samples (root mean square of pixels at {side} px,"
        f" mirrored ones included): {ours.min():.0f} to {ours.max():.0f} grey levels, median"
        f" {np.median(ours):.0f}; of as many real pictures that were held out {real.min():.0f} to"
        f" {real.max():.0f}, median {np.median(real):.0f}.\n"
    )


def _obeyed(measured: Measured) -> str:
    if not measured.obeyed:
        return ""
    rows = [[name, made, drawn, made.fakes] for name, (made, drawn) in measured.obeyed.items()]
    return "What was said and is true of the picture, by a reader of pixels:\n\n" + markdown(
        ["said", "generated pictures", "drawn pictures (the ceiling)", "statements"], rows
    )


def card_lines(cards: Mapping[str, ModelCard]) -> list[str]:
    """For a terminal: two lines a generator."""
    return [
        f"{card.name}: {card.title}\n    {card.looks_at} Weights: {card.licence_weights or 'none'}"
        for card in cards.values()
    ]
