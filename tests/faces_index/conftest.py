from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from forensics.faces.embed import Matcher
from forensics.faces.storage import Record
from forensics.faces.vectors import unit_rows
from forensics.schema import Face, Floats, Image, ModelCard

DIMENSIONS = 16


def unit_vectors(count: int, seed: int = 0) -> Floats:
    """(count, 16) random vectors of length 1."""
    rng = np.random.default_rng(seed)
    return unit_rows(rng.standard_normal((count, DIMENSIONS)).astype(np.float32))


def record(number: int, label: str = "Ada") -> Record:
    return Record(label, f"{number}.jpg", f"{number:064x}", 0, "asked", "2026-01-01T00:00:00")


class Colours(Matcher):
    """Stands in for a network: a face's vector is the mean colour under its box."""

    def embed(self, image: Image, faces: Sequence[Face]) -> Floats:
        rows = np.zeros((len(faces), DIMENSIONS), np.float32)
        for row, face in zip(rows, faces, strict=True):
            x1, y1, x2, y2 = face.box.astype(int)
            row[:3] = image[y1:y2, x1:x2].mean(axis=(0, 1)) + 1
        return unit_rows(rows)


class Brightness(Matcher):
    """Another stand-in, which knows light from dark and nothing else."""

    def embed(self, image: Image, faces: Sequence[Face]) -> Floats:
        rows = np.ones((len(faces), 4), np.float32)
        for row, face in zip(rows, faces, strict=True):
            x1, y1, x2, y2 = face.box.astype(int)
            row[0] = image[y1:y2, x1:x2].mean() / 64
        return unit_rows(rows)


@pytest.fixture
def brightness() -> Matcher:
    return Brightness(ModelCard("brightness", "backbone", "Brightness", "", "RGB", "none", Path()))


@pytest.fixture
def colours() -> Matcher:
    return Colours(ModelCard("colours", "backbone", "Colours", "colours", "RGB", "none", Path()))


@pytest.fixture
def found_faces(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the detector find these squares (x, y, side) in every picture."""

    def find(*squares: tuple[int, int, int]) -> None:
        faces = [
            Face(
                np.array([x, y, x + side, y + side], np.float32),
                np.zeros((5, 2), np.float32),
                0.99,
            )
            for x, y, side in squares
        ]
        monkeypatch.setattr("forensics.faces.index.find_faces", lambda image: faces)

    return find
