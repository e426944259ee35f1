"""The manifest of what was made: one row a file, with the SHA-256 of what it was made from."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path

from forensics.writing import write_whole


@dataclass(frozen=True)
class Row:
    """One line of `manifest.csv`: a data set's usual columns, and the parent's SHA-256."""

    path: str
    label: str
    family: str
    generator: str
    group: str
    mask: str
    source: str
    width: int
    height: int
    bytes: int
    sha256: str
    note: str
    parent: str


def write_manifest(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows; those of earlier runs stay, unless their file was made anew.

    Raises:
        OutputFailed: the disk is full, or the folder may not be written; the old rows stay.
    """
    fields = list(asdict(rows[0]))
    lines: dict[str, dict[str, object]] = {}
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as stream:
            lines = {line["path"]: dict(line) for line in csv.DictReader(stream)}
    lines.update({row.path: asdict(row) for row in rows})
    text = StringIO(newline="")
    writer = csv.DictWriter(text, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines.values())
    write_whole(path, text.getvalue().encode())
