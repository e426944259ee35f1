"""A row of results as it is written and read again: one JSON object a line."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from forensics import __version__
from forensics.benchmark.judging import Shown
from forensics.benchmark.tables import Figure
from forensics.errors import InvalidManifest

GENERATOR, MEAN, REAL = "generator", "mean", "real source"
EVERY = "all"
"""The source of a mean row, and of the row of all real pictures."""


@dataclass(frozen=True)
class Row:
    """One line of `results.jsonl`; see docs/benchmark.md for the figures."""

    detector: str
    card: str
    kind: str
    source: str
    against: str
    level: str
    pixels: str
    degradation: str
    fakes: int
    reals: int
    failures: int
    figures: dict[str, Figure] = field(default_factory=dict)
    tpr_at: float | None = None
    threshold: float | None = None
    threshold_from: str = ""
    seconds_per_image: float | None = None
    confounded_by: tuple[str, ...] = ()
    version: str = __version__
    inputs: str = ""

    @property
    def shown(self) -> Shown:
        """Pixels and degradation."""
        return self.pixels, self.degradation

    def to_json(self) -> dict[str, Any]:
        """Plain values; each figure `f` beside its interval `f_interval`, null where unknown."""
        fields = {name: value for name, value in asdict(self).items() if name != "figures"}
        for name, figure in self.figures.items():
            fields[name] = _known(figure.value)
            fields[f"{name}_interval"] = [_known(figure.low), _known(figure.high)]
        return fields | {"confounded_by": list(self.confounded_by)}

    @staticmethod
    def from_json(fields: Mapping[str, Any]) -> "Row":
        """The reverse of `to_json`."""
        own = {name: fields[name] for name in Row.__dataclass_fields__ if name in fields}
        names = [n.removesuffix("_interval") for n in fields if n.endswith("_interval")]
        found = {
            n: figure_of(_number(v) for v in (fields[n], *fields[f"{n}_interval"])) for n in names
        }
        confounded = tuple(fields["confounded_by"])
        return Row(**own | {"figures": found, "confounded_by": confounded})


def _known(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def key_of(row: Row) -> tuple[str, ...]:
    """What a row is of, and what it was computed from."""
    return (
        row.detector, row.card, row.version, row.kind, row.source, row.against, row.level,
        row.pixels, row.degradation, row.inputs,
    )  # fmt: skip


def known_rows(rows: Sequence[Row]) -> dict[tuple[str, ...], Row]:
    """Rows by what they are of and were computed from."""
    return {key_of(row): row for row in rows}


def figure_of(numbers: Iterable[float]) -> Figure:
    """A figure of its value and the ends of its interval."""
    value, low, high = numbers
    return Figure(value, low, high)


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write one JSON object a line, the whole file at once."""
    part = path.with_name(f".{path.name}.part")
    lines = [json.dumps(row.to_json(), allow_nan=False) + "\n" for row in rows]
    part.write_text("".join(lines), encoding="utf-8")
    part.replace(path)


def read_rows(path: Path) -> list[Row]:
    """Read what `write_rows` wrote.

    Raises:
        InvalidManifest: the file holds something else.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [Row.from_json(json.loads(line)) for line in lines]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InvalidManifest(f"{path.name} holds no rows of a benchmark: {error}") from error
